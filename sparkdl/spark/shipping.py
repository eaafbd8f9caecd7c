"""A model on its way to tasks that score: broadcast once, built once per Python process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from pyspark import Broadcast

from sparkdl.engine.probe import probe_extra_losses
from sparkdl.engine.release import release_kernels
from sparkdl.engine.serialization import ModelPayload, model_arrays, pack_model, set_model_arrays, unpack_model
from sparkdl.engine.threads import configure_threads
from sparkdl.spark.broadcasts import broadcast
from sparkdl.spark.cluster import context_of, cores_per_task
from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.types import SampleSpec, TrainingState


@dataclass(frozen=True)
class ShippedModel:
    """Architecture and weights as a broadcast variable.

    Attributes:
        key: names the contents.
        contents: the packed model and its arrays.
        spec: the columns of every row.
        cores: TensorFlow threads of a task.
        extra_losses: for evaluation, how each loss that the model adds itself is to be counted.
    """

    key: str
    contents: Broadcast[tuple[ModelPayload, bytes]]
    spec: SampleSpec
    cores: int
    extra_losses: Any = None

    def model(self) -> Any:
        """The model, built from the broadcast."""
        configure_threads(self.cores)
        payload, arrays = self.contents.value
        model = unpack_model(payload)
        set_model_arrays(model, dict(decode_state(arrays).arrays))
        return model

    def predictor(self) -> Any:
        """The model ready for inference, shared by all tasks of this process."""
        from sparkdl.engine.predictor import Predictor, cached

        return cached(f"predictor {self.key} {self.spec}", lambda: Predictor(self.model(), self.spec))

    def replica(self) -> Any:
        """The model ready for evaluation, shared by all tasks of this process."""
        from sparkdl.engine.predictor import cached

        return cached(f"replica {self.key} {self.spec}", self.new_replica)

    def new_replica(self) -> Any:
        """The model ready for evaluation, for the caller alone."""
        from sparkdl.engine.replica import KerasReplica

        return KerasReplica(self.model(), self.spec, extra_losses=self.extra_losses)

    def close(self) -> None:
        """Takes the broadcast back, from all executors and from Spark's files on the driver: no task will need it."""
        self.contents.destroy()
        release_kernels()


def ship(data: Any, model: Any, spec: SampleSpec, *, compiled: bool) -> ShippedModel:
    """Broadcasts a model.

    Args:
        data: the DataFrame or RDD whose executors need it.
        model: a built Keras model.
        spec: the columns of every row.
        compiled: whether loss and metrics are needed too.
    """
    context = context_of(data)
    payload = pack_model(model, compiled=compiled)
    arrays = encode_state(TrainingState(model_arrays(model)))
    key = hashlib.sha256(arrays).hexdigest() + payload.fingerprint
    extra_losses = probe_extra_losses(model, spec) if compiled else None
    release_kernels()
    return ShippedModel(key, broadcast(context, (payload, arrays)), spec, cores_per_task(context), extra_losses)
