"""What the driver hands to every worker of an attempt. Travels in the task closure, so it is kept small."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from sparkdl.collective.certificate import Identity
from sparkdl.data.arrow import BlockReader
from sparkdl.data.augment import FeatureTransform, stored_spec
from sparkdl.train.validation_metrics import Measured
from sparkdl.types import SampleSpec, TrainingPlan


@dataclass(frozen=True)
class Assignment:
    """One attempt of a run, as its workers see it.

    Attributes:
        plan: the run's numbers; `plan.generation` fences off leftovers of other attempts.
        spec: the columns of every row, as they come to the model.
        model: the packed model (`engine.serialization.ModelPayload`), and how each loss that it adds itself is to be
            counted over workers (`engine.probe.ExtraLosses`), pickled apart: loading them loads TensorFlow, which takes
            seconds and is to happen while rows arrive. Weights travel over the socket.
        blocks: turns what Spark hands to the task into blocks of rows.
        address: host and port of the driver's hub; None where the driver gets rows and no connections.
        start: then the name of the file with the state to begin with.
        secret: the run's secret, for every handshake; never shown.
        identity: certificate and key of the run, where its connections are encrypted.
        callbacks: the user's Keras callbacks, pickled, for rank 0; empty where there are none.
        classes: for each label column the number of classes that the model allows, None where it has no classes.
        strings: numbers of the columns that hold strings.
        excluded_from_weight_decay: positions of the variables that the user's optimizer leaves undecayed.
        coupled: whether the optimizer's update of a variable depends on other variables.
        weight_bytes: bytes of the trainable weights, for the check of memory.
        validates: whether some rows are for validation.
        transforms: for each feature, and then each label, what is done to its images when a batch is made; nothing
            where none are.
        measured: metrics of those rows, beside those of the model.
        limits: what the numbers of each feature must stay below, see `data.indices`.
    """

    plan: TrainingPlan
    spec: SampleSpec
    model: bytes
    blocks: BlockReader
    address: tuple[str, int] | None
    secret: bytes = field(repr=False)
    identity: Identity | None = None
    callbacks: bytes = b""
    classes: tuple[int | None, ...] = ()
    strings: tuple[int, ...] = ()
    excluded_from_weight_decay: tuple[int, ...] = ()
    coupled: bool = False
    weight_bytes: int = 0
    validates: bool = False
    transforms: tuple[FeatureTransform | None, ...] = ()
    measured: Measured = ()
    limits: tuple[np.ndarray | None, ...] = ()
    start: str = ""

    @property
    def reader(self) -> BlockReader:
        """What reads the rows, and looks at indices."""
        return replace(self.blocks, limits=self.limits)

    @property
    def stored(self) -> SampleSpec:
        """The columns of every row, as they are stored."""
        return stored_spec(self.spec, self.transforms)
