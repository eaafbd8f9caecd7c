"""What one worker's training is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from sparkdl.data.augment import BatchTransform
from sparkdl.data.epoch import EpochPlan, epoch_plan
from sparkdl.data.store import RowsView
from sparkdl.train.gradient_exchange import GradientExchange
from sparkdl.train.timing import PhaseClock
from sparkdl.train.validation_metrics import Measured
from sparkdl.types import Batch, CallbackRunner, Collective, Replica, TrainingPlan, TrainingState, Updater


class Observer(Protocol):
    """Who is told how a run goes on. Every worker has one; most say nothing on ranks other than 0."""

    def step(self, epoch: int, step: int, steps: int, rows: int, loss: float) -> None:
        """A step has ended."""
        ...

    def epoch(self, epoch: int, logs: Mapping[str, float], seconds: float, learning_rate: float) -> None:
        """An epoch has ended, its validation included."""
        ...

    def wants_state(self, in_epoch: bool) -> bool:
        """Asked on rank 0 before every step and at the end of every epoch: whether to capture the complete state."""
        ...

    def state(self, state: TrainingState, due: bool, seconds: float) -> None:
        """A complete state was captured (on rank 0), in so long; `due` where the plan wants a checkpoint here."""
        ...

    def close(self) -> None:
        """Returns when all that was told has been sent; safe to call twice."""
        ...


def plan_epochs(collective: Collective, rows: int, batch_size: int) -> EpochPlan:
    """Plans an epoch over the rows of all workers, all of which call it, each with its own number."""
    counts = collective.all_gather_bytes(str(rows).encode())
    return epoch_plan([int(count) for count in counts], batch_size)


def steps_of(plan: TrainingPlan, epochs: EpochPlan) -> int:
    """The steps of an epoch."""
    return epochs.steps if plan.steps_per_epoch is None else min(epochs.steps, plan.steps_per_epoch)


@dataclass
class Run:
    """Everything one worker needs to train.

    Attributes:
        epochs: the rows of all workers, batch by batch.
        fingerprint: of the training rows of all workers, by source partition.
        measured: metrics of the validation rows, beside those of the model.
        place: where it is, told when something fails.
        transform: what is done to the images of a batch.
        exchange: of gradients and weights, over the collective; to be closed before it.
    """

    plan: TrainingPlan
    replica: Replica
    updater: Updater
    collective: Collective
    training: RowsView
    epochs: EpochPlan
    validation: RowsView | None
    observer: Observer
    clock: PhaseClock
    callbacks: CallbackRunner | None = None
    fingerprint: Mapping[str, int] = field(default_factory=dict)
    measured: Measured = ()
    place: str = "before the first step"
    transform: BatchTransform | None = None
    exchange: GradientExchange = field(init=False)

    def __post_init__(self) -> None:
        self.exchange = GradientExchange(self.collective, self.updater.buckets)

    @property
    def steps(self) -> int:
        """The steps of an epoch."""
        return steps_of(self.plan, self.epochs)

    def weighted(self, batch: Batch) -> Batch:
        """The batch with weights where the replica expects some: with class weights, 1 for each validation row."""
        if self.plan.class_weight is None or batch.weights is not None:
            return batch
        return replace(batch, weights=np.ones(batch.rows, np.float32))
