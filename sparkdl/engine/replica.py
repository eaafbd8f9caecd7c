"""One copy of a Keras model in one worker: gradients, evaluation, state."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sparkdl.engine.building import build_model, structured
from sparkdl.engine.calls import CompiledStep
from sparkdl.engine.exchange import Exchange
from sparkdl.engine.fused_normalization import fused_batch_normalization
from sparkdl.engine.layout import FlatWeights
from sparkdl.engine.metrics import MetricSums, log_values, spread_row_means
from sparkdl.engine.model_state import ModelState
from sparkdl.engine.objective import Part, compute_part, divide, loss_calls, loss_terms
from sparkdl.engine.precision import bfloat16_layers, call_model
from sparkdl.engine.probe import ExtraLosses, own_losses, probe_extra_losses
from sparkdl.engine.streaming import GradientStream
from sparkdl.engine.strided_convolution import elements_taken_first
from sparkdl.engine.sums import LossSums
from sparkdl.errors import DataError, UnsupportedError
from sparkdl.types import Arrived, Batch, FlatVector, Precision, SampleSpec

logger = logging.getLogger("sparkdl")

_NUMBERS = tf.TensorSpec((2,), tf.float64)  # rows of the whole batch, factor of the loss


class KerasReplica:
    """Implements `sparkdl.types.Replica` with a compiled Keras model.

    Args:
        model: compiled; built here from `spec` where it is not built. Its trainable variables move into
            `weights`; its optimizer is not used.
        spec: the columns of every batch.
        workers: number of workers.
        sum_over_workers: sums a small float64 array over all workers (`Collective.all_sum`); called in the middle
            of every step where denominators depend on weights or masks.
        extra_losses: what `probe_extra_losses` found on the driver; None to look here.
        precision: what the training steps compute in, "float32" (the model as it is) or "bf16".
        jit_compile: whether XLA compiles the training steps; gradients are then told of when all are computed.

    Attributes:
        scalar_names: "loss", and "<output>_loss" for each of several outputs.

    Raises:
        UnsupportedError: for losses, metrics or variables that cannot be computed in parts.

    Example:
        >>> from sparkdl.types import TensorSpec
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
        >>> model.compile("sgd", "mse")
        >>> spec = SampleSpec((TensorSpec("x", (2,), "float32"),), (TensorSpec("y", (1,), "float32"),))
        >>> replica = KerasReplica(model, spec, workers=1, sum_over_workers=lambda values: values)
        >>> batch = Batch((np.ones((4, 2), "float32"),), (np.zeros((4, 1), "float32"),))
        >>> gradient, scalars = replica.gradients(batch, 4, 1.0)
        >>> gradient[:2].tolist(), scalars.tolist()
        ([4.0, 4.0], [4.0])
    """

    def __init__(
        self,
        model: keras.Model,
        spec: SampleSpec,
        *,
        workers: int = 1,
        sum_over_workers: Callable[[np.ndarray], np.ndarray] = np.array,
        extra_losses: ExtraLosses | None = None,
        precision: Precision = "float32",
        jit_compile: bool = False,
    ) -> None:
        self.model, self.spec, self.workers = model, spec, workers
        build_model(model, spec)
        self._additivity = extra_losses if extra_losses is not None else probe_extra_losses(model, spec)
        spread_row_means(model, self._additivity.row_means)
        self._terms = loss_terms(model._compile_loss, self._additivity.losses)
        self._flat = FlatWeights(model.trainable_variables)
        self.layout = self._flat.layout
        self.weights = self._flat.weights
        outputs = [f"{term.name}_loss" for term in self._terms] if len(self._terms) > 1 else []
        self.scalar_names = ("loss", *outputs)
        self._exchange = Exchange(sum_over_workers)
        self._exchanged: int | None = None
        self._state = ModelState(model)
        self._metrics = MetricSums(model)
        self._losses = LossSums(self._terms)
        self._jit_compile = jit_compile
        self._steps: dict[Precision, CompiledStep] = {}
        self.compute_in(precision)
        self._test = self._compiled(self._test_step)
        self._stream = GradientStream(self.layout)
        self._checked = False
        self._unreached: tuple[int, ...] = ()

    # -- steps ---------------------------------------------------------------------------------------------------

    def compute_in(self, precision: Precision) -> None:
        """Lets training steps compute in "float32" or "bf16" from now on; steps of both are kept once compiled."""
        self._bfloat16 = bfloat16_layers(self.model) if precision == "bf16" else []
        if precision not in self._steps:
            self._steps[precision] = self._compiled(self._train_step, _NUMBERS, jit_compile=self._jit_compile)
        self._train = self._steps[precision]

    def forget_other_precisions(self) -> None:
        """Frees the compiled steps that are not in use."""
        self._steps = {precision: step for precision, step in self._steps.items() if step is self._train}

    def stream_gradients(self, buckets: Sequence[Sequence[int]], in_runs: bool = False) -> None:
        """From now on `gradients` tells of each bucket as soon as it is computed; to be called before it.

        Args:
            buckets: workers + 1 offsets for each; with a single one nothing is told.
            in_runs: whether the gradient of a single one comes as `Runs`, which saves a copy where memory carries it.
        """
        self._stream = GradientStream(self.layout, () if self._jit_compile else buckets, in_runs and len(buckets) == 1)

    def gradients(
        self, batch: Batch | None, global_rows: int, loss_scale: float, arrived: Arrived | None = None
    ) -> tuple[FlatVector, np.ndarray]:
        """See `sparkdl.types.Replica`."""
        if batch is None:
            self._exchange.zeros(self._exchanged_sums())
            return np.zeros(self.layout.length, np.float32), np.zeros(len(self.scalar_names))
        self._stream.arrived = arrived
        with self._exchange:
            *flat, values = self._train([*self._arrays(batch), np.array([global_rows, loss_scale], np.float64)])
        scalars = np.asarray(values)
        self._losses.trained(batch.rows, global_rows, scalars)
        self._metrics.updated(_elements(batch))
        if not self._checked:
            self._flat.check_in_place()
            self._checked = True
        return self._stream.vector(flat), scalars

    def evaluate(self, batch: Batch) -> list[Any]:
        """See `sparkdl.types.Replica`."""
        sums, *outputs = self._test(self._arrays(batch))
        self._losses.test += np.asarray(sums)
        self._metrics.updated(_elements(batch))
        return outputs

    def _arrays(self, batch: Batch) -> list[np.ndarray]:
        """The columns of a batch in the order of `spec.columns`; rows without a weight count once."""
        if not self.spec.weighted:
            if batch.weights is not None:
                raise DataError(
                    "a batch has sample weights, but its SampleSpec says weighted=False: set weighted=True."
                )
            return [*batch.features, *batch.labels]
        weights = np.ones(batch.rows, np.float32) if batch.weights is None else np.asarray(batch.weights, np.float32)
        return [*batch.features, *batch.labels, weights]

    def _train_step(self, *tensors: tf.Tensor) -> list[tf.Tensor]:
        features, labels, weights, numbers = _grouped(self.spec, tensors)
        variables = [variable.value for variable in self.model.trainable_variables]
        rows, global_rows = _rows(features), numbers[0]
        y = structured(labels, self.spec.labels, self.spec.label_structure)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            y_pred = self._forward(features, training=True)
            losses = self._over_all_rows(self._parts(y, y_pred, weights, rows), rows, global_rows)
            additive, averaged = self._extras(self._additivity.train_extras)
            weighted = [_float32(loss * term.weight) for loss, term in zip(losses, self._terms, strict=True)]
            objective = tf.add_n([*weighted, additive, averaged * _float32(rows / global_rows)])
            scaled = objective * _float32(numbers[1])
        gradients = tape.gradient(scaled, variables)
        self._note_unreached(gradients)
        self._update_metrics(y, y_pred, weights)
        scalars = [objective, *losses] if len(self._terms) > 1 else [objective]
        values = tf.stack([tf.cast(value, tf.float64) for value in scalars])
        return self._stream.outputs(gradients, values)

    def _test_step(self, *tensors: tf.Tensor) -> list[tf.Tensor]:
        features, labels, weights, _ = _grouped(self.spec, tensors)
        rows = _rows(features)
        y = structured(labels, self.spec.labels, self.spec.label_structure)
        y_pred = self._forward(features, training=False)
        parts = self._parts(y, y_pred, weights, rows)
        additive, averaged = self._extras(self._additivity.test_extras)
        self._update_metrics(y, y_pred, weights)
        numerators = [part.numerator for part in parts]
        denominators = [part.denominator for part in parts]
        values = [rows, additive, tf.cast(averaged, tf.float64) * rows, *numerators, *denominators]
        return [tf.stack([tf.cast(value, tf.float64) for value in values]), *map(_readable, keras.tree.flatten(y_pred))]

    def _forward(self, features: list[tf.Tensor], training: bool) -> Any:
        inputs = structured(features, self.spec.features, self.spec.feature_structure)
        arguments = {"training": training} if self.model._call_has_training_arg else {}
        if not training:
            return self.model(inputs, **arguments)
        with fused_batch_normalization(self.model), elements_taken_first(self.model):
            return call_model(self.model, inputs, self._bfloat16, **arguments)

    def _parts(self, y: Any, y_pred: Any, weights: Any, rows: tf.Tensor) -> list[Part]:
        if not self._terms:
            return []
        calls = loss_calls(self.model._compile_loss, y, y_pred, weights)
        return [compute_part(term, call, rows) for term, call in zip(self._terms, calls, strict=True)]

    def _over_all_rows(self, parts: Sequence[Part], rows: tf.Tensor, global_rows: tf.Tensor) -> list[tf.Tensor]:
        """Each loss of the whole batch, this worker's part of it."""
        dependent = [part.denominator for part in parts if part.count == "data"]
        self._exchanged = len(dependent)
        sums = iter(tf.unstack(self._exchange.summed(tf.stack(dependent))) if dependent else ())
        denominators = {
            "one": lambda part: part.denominator,
            "rows": lambda part: part.denominator / rows * global_rows,
            "data": lambda part: next(sums),
        }
        return [divide(part.numerator, denominators[part.count](part)) for part in parts]

    def _extras(self, kinds: Sequence[str]) -> tuple[tf.Tensor, tf.Tensor]:
        """The model's own losses: those that add up over rows, and those that are averaged (with regularisers)."""
        extras, regularizers = own_losses(self.model)
        if len(extras) != len(kinds):
            raise UnsupportedError(
                f"the model {self.model.name!r} adds {len(extras)} losses itself (add_loss, activity regularisers), "
                f"but {len(kinds)} were found when it was tried on the driver: let it add the same in every call."
            )
        sums = {"sum": tf.zeros(()), "mean": tf.zeros(())}
        for loss, kind in zip([*extras, *regularizers], [*kinds, *("mean" for _ in regularizers)], strict=True):
            sums[kind] += _float32(tf.reduce_sum(loss))
        return sums["sum"], sums["mean"]

    def _update_metrics(self, y: Any, y_pred: Any, weights: Any) -> None:
        if self.model._compile_metrics is not None:
            self.model._compile_metrics.update_state(y, y_pred, weights)

    def _compiled(self, step: Any, *more: tf.TensorSpec, jit_compile: bool = False) -> CompiledStep:
        columns = [tf.TensorSpec((None, *column.shape), column.dtype) for column in self.spec.columns]
        return CompiledStep(step, [*columns, *more], self.model.run_eagerly, jit_compile)

    def _exchanged_sums(self) -> int:
        if self._exchanged is None:
            self._train.trace()
        return self._exchanged or 0

    @property
    def unreached(self) -> tuple[int, ...]:
        """Positions of the variables that no gradient reaches, which Keras leaves as they are; compiles the step."""
        if not self.model.run_eagerly:
            self._train.trace()
        return self._unreached

    def _note_unreached(self, gradients: Sequence[Any]) -> None:
        found = tuple(index for index, gradient in enumerate(gradients) if gradient is None)
        if found and found != self._unreached:
            names = ", ".join(self.layout.variables[index].name for index in found)
            logger.warning("no gradient reaches %s: they stay as they are.", names)
        self._unreached = found

    # -- sums ----------------------------------------------------------------------------------------------------

    def reset_sums(self) -> None:
        """See `sparkdl.types.Replica`."""
        self._losses.reset()
        self._metrics.reset()

    def sums(self) -> np.ndarray:
        """See `sparkdl.types.Replica`."""
        return np.concatenate([self._losses.sums(), self._metrics.sums()])

    def epoch_state(self) -> dict[str, np.ndarray]:
        """See `sparkdl.types.Replica`."""
        return {"losses": self._losses.sums(), **self._metrics.state()}

    def set_epoch_state(self, state: Mapping[str, np.ndarray]) -> None:
        """See `sparkdl.types.Replica`."""
        self._losses.set_sums(state["losses"])
        self._metrics.set_state(state)

    def results(self, sums: np.ndarray) -> dict[str, Any]:
        """See `sparkdl.types.Replica`. Metrics with several values come as arrays, as in Keras."""
        loss, losses = self._losses.means(sums[: self._losses.length])
        self._metrics.show(sums[self._losses.length :])
        logs = log_values(self.model.get_metrics_result())
        exact = dict(zip(self.scalar_names, (loss, *losses), strict=False))
        self._metrics.show(np.zeros(self._metrics.length))
        return {name: exact.get(name, value) for name, value in logs.items()}

    # -- state ---------------------------------------------------------------------------------------------------

    def statistics(self) -> np.ndarray:
        """See `sparkdl.types.Replica`."""
        return self._state.statistics()

    def set_statistics(self, values: np.ndarray) -> None:
        """See `sparkdl.types.Replica`."""
        self._state.set_statistics(values)

    def local_state(self) -> dict[str, np.ndarray]:
        """See `sparkdl.types.Replica`."""
        return self._state.local()

    def set_local_state(self, state: Mapping[str, np.ndarray]) -> None:
        """See `sparkdl.types.Replica`."""
        self._state.set_local(state)

    def seed_generators(self, seed: int, rank: int) -> None:
        """Sets every seed generator of the model from (seed, rank)."""
        self._state.seed(seed, rank)

    def weights_written(self) -> None:
        """See `sparkdl.types.Replica`."""
        self._flat.written()

    def refresh_weights(self) -> bool:
        """See `sparkdl.types.Replica`."""
        return self._flat.refresh()


def _grouped(spec: SampleSpec, tensors: Sequence[tf.Tensor]) -> tuple[list[Any], list[Any], Any, Any]:
    """Features, labels, sample weights or None, and the numbers behind them (or None)."""
    queue = list(tensors)
    features = [queue.pop(0) for _ in spec.features]
    labels = [queue.pop(0) for _ in spec.labels]
    weights = queue.pop(0) if spec.weighted else None
    return features, labels, weights, queue.pop(0) if queue else None


def _rows(features: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.cast(tf.shape(features[0], out_type=tf.int64)[0], tf.float64)


def _elements(batch: Batch) -> int:
    return max((label.size for label in batch.labels), default=batch.rows)


def _readable(output: Any) -> Any:
    """An output in a dtype that numpy knows."""
    return _float32(output) if output.dtype in (tf.bfloat16, tf.float16) else output


def _float32(value: tf.Tensor) -> tf.Tensor:
    return tf.cast(value, tf.float32)
