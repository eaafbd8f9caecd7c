"""Losses and scores as layers of a net: the value over a whole batch, a tensor without axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_SMALLEST = 1.1754944e-38  # of the normal float32 numbers: the logarithm of less is that of this


def _over(total: Any, count: Any) -> Any:
    return total / ops.maximum(ops.cast(count, total.dtype), 1.0)


def _flat(values: Any) -> Any:
    """Each row as a vector."""
    return ops.reshape(values, (-1, math.prod(values.shape[1:])))


@keras.saving.register_keras_serializable("sparkdl")
class SoftmaxLoss(keras.layers.Layer):
    """The cross-entropy of logits and labels (class numbers without the axis of the classes).

    Args:
        axis: the axis of the classes.
        ignored: a label whose elements do not count.
        normalization: what the sum is divided by: "valid" (elements that count), "full" (all), "batch_size" (rows) or
            "none".

    Example:
        >>> SoftmaxLoss()([keras.ops.zeros((4, 2)), keras.ops.ones(4)]).numpy().round(4)
        np.float32(0.6931)
    """

    def __init__(self, axis: int = 1, ignored: int | None = None, normalization: str = "valid", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis, self.ignored, self.normalization = axis, ignored, normalization

    def call(self, inputs: Sequence[Any]) -> Any:
        logits = ops.moveaxis(inputs[0], self.axis, -1)
        labels = ops.cast(ops.reshape(inputs[1], ops.shape(logits)[:-1]), "int32")
        counted = ops.ones_like(labels) if self.ignored is None else ops.cast(labels != self.ignored, "int32")
        chosen = ops.one_hot(ops.where(counted > 0, labels, 0), logits.shape[-1], dtype=logits.dtype)
        likely = ops.maximum(ops.sum(ops.softmax(logits) * chosen, -1), _SMALLEST)
        total = -ops.sum(ops.log(likely) * ops.cast(counted, logits.dtype))
        counts = {"valid": ops.sum(counted), "full": ops.size(labels), "batch_size": ops.shape(inputs[0])[0], "none": 1}
        return _over(total, counts[self.normalization])


@keras.saving.register_keras_serializable("sparkdl")
class SigmoidLoss(keras.layers.Layer):
    """The cross-entropy of logits and probabilities of the same shape; arguments as in `SoftmaxLoss`."""

    def __init__(self, ignored: int | None = None, normalization: str = "batch_size", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignored, self.normalization = ignored, normalization

    def call(self, inputs: Sequence[Any]) -> Any:
        logits, labels = inputs
        counted = ops.ones_like(labels) if self.ignored is None else ops.cast(labels != self.ignored, labels.dtype)
        losses = ops.maximum(logits, 0.0) - logits * labels + ops.log1p(ops.exp(-ops.abs(logits)))
        counts = {
            "valid": ops.sum(counted),
            "full": ops.size(labels),
            "batch_size": ops.shape(logits)[0],
            "none": 1,
        }
        return _over(ops.sum(losses * counted), counts[self.normalization])


@keras.saving.register_keras_serializable("sparkdl")
class EuclideanLoss(keras.layers.Layer):
    """Half of the sum of squared differences, per row."""

    def call(self, inputs: Sequence[Any]) -> Any:
        total = ops.sum(ops.square(inputs[0] - inputs[1]))
        return _over(total / 2.0, ops.shape(inputs[0])[0])


@keras.saving.register_keras_serializable("sparkdl")
class HingeLoss(keras.layers.Layer):
    """One against all: how far scores are on the wrong side of a margin of 1, per row.

    Args:
        squared: squares the distances.
    """

    def __init__(self, squared: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.squared = squared

    def call(self, inputs: Sequence[Any]) -> Any:
        scores = _flat(inputs[0])
        labels = ops.cast(ops.reshape(inputs[1], (-1,)), "int32")
        signs = 1.0 - 2.0 * ops.one_hot(labels, scores.shape[-1], dtype=scores.dtype)
        distances = ops.maximum(1.0 + signs * scores, 0.0)
        return _over(ops.sum(ops.square(distances) if self.squared else distances), ops.shape(scores)[0])


@keras.saving.register_keras_serializable("sparkdl")
class LogLoss(keras.layers.Layer):
    """The cross-entropy of probabilities (rows, classes) and class numbers, per row."""

    def call(self, inputs: Sequence[Any]) -> Any:
        likely = _flat(inputs[0])
        labels = ops.cast(ops.reshape(inputs[1], (-1,)), "int32")
        chosen = ops.sum(likely * ops.one_hot(labels, likely.shape[-1], dtype=likely.dtype), -1)
        return _over(-ops.sum(ops.log(ops.maximum(chosen, 1e-20))), ops.shape(likely)[0])


@keras.saving.register_keras_serializable("sparkdl")
class ContrastiveLoss(keras.layers.Layer):
    """Pairs of rows: the squared distance of alike ones, what unlike ones lack to the margin, squared.

    Args:
        margin: see above.
        legacy: takes what the squared distance lacks, not squared.
    """

    def __init__(self, margin: float = 1.0, legacy: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.margin, self.legacy = margin, legacy

    def call(self, inputs: Sequence[Any]) -> Any:
        squares = ops.sum(ops.square(inputs[0] - inputs[1]), axis=list(range(1, len(inputs[0].shape))))
        alike = ops.reshape(inputs[2], (-1,))
        if self.legacy:
            unlike = ops.maximum(self.margin - squares, 0.0)
        else:
            # The square root has no gradient at 0, where both rows are the same.
            distances = ops.sqrt(ops.maximum(squares, 1e-24))
            unlike = ops.square(ops.maximum(self.margin - distances, 0.0))
        return _over(ops.sum(alike * squares + (1.0 - alike) * unlike) / 2.0, ops.shape(squares)[0])


@keras.saving.register_keras_serializable("sparkdl")
class TopAccuracy(keras.layers.Layer):
    """The share of elements whose label is among the `top` highest scores; ties count against it.

    Args:
        top: see above.
        axis: the axis of the classes.
        ignored: a label whose elements do not count.
    """

    def __init__(self, top: int = 1, axis: int = 1, ignored: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.top, self.axis, self.ignored = top, axis, ignored

    def call(self, inputs: Sequence[Any]) -> Any:
        scores = ops.moveaxis(inputs[0], self.axis, -1)
        labels = ops.cast(ops.reshape(inputs[1], ops.shape(scores)[:-1]), "int32")
        counted = ops.ones_like(labels) if self.ignored is None else ops.cast(labels != self.ignored, "int32")
        chosen = ops.one_hot(ops.where(counted > 0, labels, 0), scores.shape[-1], dtype=scores.dtype)
        own = ops.sum(scores * chosen, -1, keepdims=True)
        better = ops.sum(ops.cast(scores >= own, "int32"), -1) - 1
        hits = ops.sum(ops.cast(better < self.top, "int32") * counted)
        return _over(ops.cast(hits, scores.dtype), ops.sum(counted))
