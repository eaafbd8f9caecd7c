"""Models that have come to a task: made ready once per Python process.

Whatever imports TensorFlow is imported when it is needed: a task that scores by OpenVINO never does.
"""

from __future__ import annotations

import json
import logging
import pickle
from dataclasses import dataclass, replace
from typing import Any

from sparkdl.errors import MissingExtraError
from sparkdl.spark.parcels import Parcel
from sparkdl.types import Batch, Predictor, SampleSpec

logger = logging.getLogger("sparkdl")


@dataclass(frozen=True)
class ShippedModel:
    """A Keras model: architecture and weights.

    Attributes:
        key: names the contents.
        parcel: the packed model, and its arrays.
        spec: the columns of every row.
        cores: TensorFlow threads of a task.
        extra_losses: for evaluation, how each loss that the model adds itself is to be counted.
    """

    key: str
    parcel: Parcel
    spec: SampleSpec
    cores: int
    extra_losses: Any = None

    def model(self) -> Any:
        """The model, built from what was shipped."""
        from sparkdl.engine.serialization import set_model_arrays, unpack_model
        from sparkdl.engine.threads import configure_threads
        from sparkdl.train.checkpoint import decode_state

        configure_threads(self.cores)
        payload, arrays = map(bytes, self.parcel.parts())
        model = unpack_model(pickle.loads(payload))
        set_model_arrays(model, dict(decode_state(arrays).arrays))
        return model

    def predictor(self) -> Predictor:
        """The model ready for inference, shared by all tasks of this process."""
        from sparkdl.engine.cache import cached
        from sparkdl.engine.runtimes.tensorflow import TensorFlowPredictor

        return cached(f"predictor {self.key} {self.spec}", lambda: TensorFlowPredictor(self.model(), self.spec))

    def replica(self) -> Any:
        """The model ready for evaluation, shared by all tasks of this process."""
        from sparkdl.engine.cache import cached
        from sparkdl.engine.replica import KerasReplica

        def build() -> KerasReplica:
            return KerasReplica(self.model(), self.spec, extra_losses=self.extra_losses)

        return cached(f"replica {self.key} {self.spec}", build)

    def close(self) -> None:
        """Takes the model back from all executors and from Spark's files on the driver: no task will need it."""
        from sparkdl.engine.release import release_kernels

        self.parcel.close()
        release_kernels()


@dataclass(frozen=True)
class ShippedNetwork:
    """A model that was converted for OpenVINO.

    Attributes:
        key: names the contents.
        parcel: JSON that says which features and outputs are which, the network's XML, and its weights.
        cores: threads of a task.
        precision: what it computes in.
        otherwise: the Keras model, for executors without OpenVINO; None where that is an error.
    """

    key: str
    parcel: Parcel
    cores: int
    precision: str
    otherwise: ShippedModel | None = None

    def predictor(self) -> Predictor:
        """The network ready for inference, shared by all tasks of this process.

        Raises:
            MissingExtraError: OpenVINO is not installed here.
        """
        from sparkdl.engine.cache import cached

        return cached(f"network {self.key} {self.precision}", self.build)

    def build(self) -> Predictor:
        """The network, from what was shipped; its weights stay where they are."""
        from sparkdl.engine.runtimes.openvino import Network, OpenVINOPredictor, import_openvino

        try:
            import_openvino()
        except MissingExtraError:
            if self.otherwise is None:
                raise
            logger.warning("openvino is not installed on this executor, though it is on the driver: TensorFlow scores.")
            return self.otherwise.predictor()
        places, xml, weights = self.parcel.parts()
        inputs, outputs = json.loads(bytes(places))
        network = Network(str(xml, "utf-8"), weights, tuple(inputs), tuple(outputs))
        return OpenVINOPredictor(network, self.cores, self.precision)


@dataclass(frozen=True)
class ShippedJudge:
    """Loss and metrics, as a Keras model of outputs, and what computes the outputs.

    Attributes:
        judge: the Keras model.
        model: the rest.
    """

    judge: ShippedModel
    model: ShippedModel | ShippedNetwork

    def replica(self) -> JudgedPredictor:
        """Both ready for evaluation."""
        return JudgedPredictor(self.judge.replica(), self.model.predictor())


@dataclass(frozen=True)
class JudgedPredictor:
    """The part of a `sparkdl.types.Replica` that evaluates, where something else than Keras computes the outputs."""

    judge: Any
    predictor: Predictor

    def reset_sums(self) -> None:
        """Forgets what was summed."""
        self.judge.reset_sums()

    def evaluate(self, batch: Batch) -> Any:
        """Adds a batch to the sums; returns the outputs."""
        outputs = self.predictor.predict(batch.features)
        self.judge.evaluate(replace(batch, features=tuple(outputs)))
        return outputs

    def sums(self) -> Any:
        """What was summed."""
        return self.judge.sums()
