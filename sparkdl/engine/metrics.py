"""Keras's metrics of a compiled model, merged exactly: their variables are sums, and sums add up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.engine.calls import CompiledStep

CALLS_BETWEEN_FOLDS = 16
ELEMENTS_BETWEEN_FOLDS = 1 << 20


def metrics_of(model: Any) -> list[Any]:
    """The metrics of a compiled model, without those that track its losses."""
    trackers = [model._loss_tracker, *(model._compile_loss.metrics if model._compile_loss is not None else ())]
    return [metric for metric in model.metrics if not any(metric is tracker for tracker in trackers)]


def log_values(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Results as floats, in their order; results with several values (F1Score(average=None)) as arrays."""
    values = {name: np.asarray(value) for name, value in logs.items()}
    return {name: float(value) if value.ndim == 0 else value for name, value in values.items()}


def spread_row_means(model: Any, positions: Sequence[int]) -> None:
    """Lets metrics whose function gives the mean over rows count every row, so that parts of any size add up.

    Args:
        positions: of such metrics, in the order of `compile`.
    """
    for position in positions:
        metric = model._compile_metrics.metrics[position]
        if not isinstance(metric._fn, _PerRow):
            metric._fn = _PerRow(metric._fn)


@dataclass(frozen=True)
class _PerRow:
    """A metric function whose one number is given once per row."""

    function: Callable[..., Any]

    def __call__(self, y_true: Any, y_pred: Any, **arguments: Any) -> tf.Tensor:
        value = self.function(y_true, y_pred, **arguments)
        return tf.repeat(tf.reshape(value, [1]), tf.shape(y_pred)[0])


class MetricSums:
    """What a model's metrics have summed, in float64.

    Keras's own float32 variables hold no more than a few batches: they are moved into float64 before they
    could lose a count.

    Args:
        model: compiled, with built metrics.
    """

    def __init__(self, model: Any) -> None:
        self._metrics = metrics_of(model)
        self._variables = [variable for metric in self._metrics for variable in metric.variables]
        for metric in self._metrics:
            metric.reset_state()
        self._initial_values = [variable.numpy() for variable in self._variables]
        flat = [value.reshape(-1).astype(np.float64) for value in self._initial_values]
        self._initial = np.concatenate(flat) if flat else np.zeros(0)
        self._changes = np.zeros_like(self._initial)
        self._take = CompiledStep(self._read_and_reset, [])
        self._calls = 0
        self._elements = 0

    @property
    def length(self) -> int:
        """Number of sums."""
        return len(self._initial)

    def reset(self) -> None:
        """Forgets everything."""
        self._assign(self._initial)
        self._changes[:] = 0.0
        self._calls = self._elements = 0

    def updated(self, elements: int) -> None:
        """Tells that the metrics have seen a batch of so many elements."""
        self._calls += 1
        self._elements += elements
        if self._calls >= CALLS_BETWEEN_FOLDS or self._elements >= ELEMENTS_BETWEEN_FOLDS:
            self._fold()

    def sums(self) -> np.ndarray:
        """The changes since the reset, float64 (length,), additive over workers."""
        self._fold()
        return self._changes.copy()

    def state(self) -> dict[str, np.ndarray]:
        """The sums as they stand, not yet moved variables apart: reading them changes no rounding. Additive."""
        values = [variable.numpy().reshape(-1).astype(np.float64) for variable in self._variables]
        pending = np.concatenate(values) - self._initial if values else np.zeros(0)
        return {"changes": self._changes.copy(), "pending": pending, "counts": np.array([self._calls, self._elements])}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Restores what `state` gave."""
        self._changes[:] = state["changes"]
        self._assign(self._initial + state["pending"])
        self._calls, self._elements = (int(count) for count in state["counts"])

    def show(self, sums: np.ndarray) -> None:
        """Puts sums over all workers into the metrics, so that their `result()` is that of all rows."""
        self._assign(self._initial + sums)

    def _fold(self) -> None:
        if self._calls and self.length:
            self._changes += np.asarray(self._take([])[0]) - self._initial
        self._calls = self._elements = 0

    def _read_and_reset(self) -> list[tf.Tensor]:
        values = tf.concat([tf.reshape(tf.cast(v.value, tf.float64), [-1]) for v in self._variables], 0)
        with tf.control_dependencies([values]):
            for variable, initial in zip(self._variables, self._initial_values, strict=True):
                variable.value.assign(initial)
        return [values]

    def _assign(self, values: np.ndarray) -> None:
        start = 0
        for variable, initial in zip(self._variables, self._initial_values, strict=True):
            part = values[start : start + initial.size].reshape(initial.shape)
            if initial.dtype.kind in "iu":
                limits = np.iinfo(initial.dtype)
                part = np.clip(part, limits.min, limits.max)
            variable.value.assign(part.astype(initial.dtype))
            start += initial.size
