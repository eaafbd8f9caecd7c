"""Losses and scores as layers of a net: the value over a whole batch, a tensor without axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

_SMALLEST = 1.1754944e-38  # of the normal float32 numbers: the logarithm of less is that of this


def _over(total: Any, count: Any) -> Any:
    return total / ops.maximum(ops.cast(count, total.dtype), 1.0)


def _clipped(logarithms: Any, least: float) -> Any:
    """Logarithms of probabilities of at least `least`; the gradient is that of the logarithms as they are."""
    return logarithms + ops.stop_gradient(ops.maximum(math.log(least) - logarithms, 0.0))


def _flat(values: Any) -> Any:
    """Each row as a vector."""
    return ops.reshape(values, (-1, math.prod(values.shape[1:])))


class _ClassLoss(keras.layers.Layer):
    """What both losses below have in common: logits, and class numbers without the axis of the classes.

    Args:
        axis: the axis of the classes.
        ignored: a label whose elements do not count.
        normalization: what the sum is divided by: "valid" (elements that count), "full" (all), "batch_size" (all of
            the axes before that of the classes) or "none".
    """

    def __init__(self, axis: int = 1, ignored: int | None = None, normalization: str = "valid", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis, self.ignored, self.normalization = axis, ignored, normalization

    def parts(self, inputs: Sequence[Any]) -> tuple[Any, Any, Any]:
        """The logarithms of probabilities with the classes behind, labels, and 1 where an element counts, else 0."""
        logits = ops.moveaxis(inputs[0], self.axis, -1)
        labels = ops.cast(ops.reshape(inputs[1], ops.shape(logits)[:-1]), "int32")
        counted = ops.ones_like(labels) if self.ignored is None else ops.cast(labels != self.ignored, "int32")
        return ops.log_softmax(logits), ops.where(counted > 0, labels, 0), counted

    def mean(self, losses: Any, counted: Any) -> Any:
        """The sum of the losses that count, divided as `normalization` says."""
        counts = {
            "valid": ops.sum(counted),
            "full": ops.size(counted),
            "batch_size": math.prod(ops.shape(counted)[: self.axis]),
            "none": 1,
        }
        return _over(ops.sum(losses * ops.cast(counted, losses.dtype)), counts[self.normalization])


@keras.saving.register_keras_serializable("sparkdl")
class SoftmaxLoss(_ClassLoss):
    """The cross-entropy of logits and labels (class numbers without the axis of the classes).

    Args:
        axis: the axis of the classes.
        ignored: a label whose elements do not count.
        normalization: what the sum is divided by: "valid" (elements that count), "full" (all), "batch_size" (all of
            the axes before that of the classes) or "none".
        class_weights: what the losses of each class are multiplied with; None is 1 for all.

    Example:
        >>> SoftmaxLoss()([keras.ops.zeros((4, 2)), keras.ops.ones(4)]).numpy().round(4)
        np.float32(0.6931)
    """

    def __init__(
        self,
        axis: int = 1,
        ignored: int | None = None,
        normalization: str = "valid",
        class_weights: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(axis, ignored, normalization, **kwargs)
        self.class_weights = None if class_weights is None else list(class_weights)

    def call(self, inputs: Sequence[Any]) -> Any:
        logarithms, labels, counted = self.parts(inputs)
        chosen = ops.one_hot(labels, logarithms.shape[-1], dtype=logarithms.dtype)
        losses = -_clipped(ops.sum(logarithms * chosen, -1), _SMALLEST)
        if self.class_weights is not None:
            losses = losses * ops.sum(chosen * ops.convert_to_tensor(self.class_weights, losses.dtype), -1)
        return self.mean(losses, counted)


@keras.saving.register_keras_serializable("sparkdl")
class InfogainLoss(_ClassLoss):
    """The cross-entropy of logits and labels, in which a matrix says how much each class counts for each label.

    Called on logits, labels and, where `matrix` is None, on the matrix: a row for each label.

    Args:
        matrix: see above.
        axis: the axis of the classes.
        ignored: a label whose elements do not count.
        normalization: as in `SoftmaxLoss`.

    Example:
        >>> InfogainLoss([[1.0, 0.0], [0.0, 2.0]])([keras.ops.zeros((4, 2)), keras.ops.ones(4)]).numpy().round(4)
        np.float32(1.3863)
    """

    def __init__(
        self,
        matrix: Sequence[Sequence[float]] | None = None,
        axis: int = 1,
        ignored: int | None = None,
        normalization: str = "valid",
        **kwargs: Any,
    ) -> None:
        super().__init__(axis, ignored, normalization, **kwargs)
        self.matrix = None if matrix is None else [list(row) for row in matrix]

    def call(self, inputs: Sequence[Any]) -> Any:
        logarithms, labels, counted = self.parts(inputs)
        matrix = ops.convert_to_tensor(self.matrix, logarithms.dtype) if self.matrix is not None else inputs[2]
        classes = logarithms.shape[-1]
        worth = ops.take(ops.reshape(matrix, (classes, classes)), labels, axis=0)
        return self.mean(-ops.sum(worth * _clipped(logarithms, 1e-20), -1), counted)


@keras.saving.register_keras_serializable("sparkdl")
class SigmoidLoss(keras.layers.Layer):
    """The cross-entropy of logits and probabilities, as many of the one as of the other.

    Args:
        ignored: a number; elements whose probability is this number (without what is behind the point) do not count.
        normalization: what the sum is divided by: "valid" (elements that count), "full" (all), "batch_size" (rows) or
            "none".
    """

    def __init__(self, ignored: int | None = None, normalization: str = "batch_size", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignored, self.normalization = ignored, normalization

    def call(self, inputs: Sequence[Any]) -> Any:
        logits, labels = inputs[0], ops.reshape(inputs[1], ops.shape(inputs[0]))
        whole = ops.cast(labels, "int32")
        counted = ops.ones_like(labels) if self.ignored is None else ops.cast(whole != self.ignored, labels.dtype)
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
        target = ops.reshape(inputs[1], ops.shape(inputs[0]))
        return _over(ops.sum(ops.square(inputs[0] - target)) / 2.0, ops.shape(inputs[0])[0])


@keras.saving.register_keras_serializable("sparkdl")
class SmoothL1Loss(keras.layers.Layer):
    """Squares of small differences and absolute values of large ones, per row, as Fast R-CNN's nets learn boxes.

    Called on values, targets and optionally on weights of the differences, and on weights of the losses.

    Args:
        sigma: differences are small up to 1 / sigma ** 2.

    Example:
        >>> SmoothL1Loss()([keras.ops.array([[0.5, 3.0]]), keras.ops.zeros((1, 2))]).numpy()
        np.float32(2.625)
    """

    def __init__(self, sigma: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sigma = sigma

    def call(self, inputs: Sequence[Any]) -> Any:
        values, target, *weights = (ops.reshape(tensor, ops.shape(inputs[0])) for tensor in inputs)
        distances = (values - target) * (weights[0] if weights else 1.0)
        sizes, steep = ops.abs(distances), self.sigma**2
        losses = ops.where(sizes < 1.0 / steep, 0.5 * steep * ops.square(distances), sizes - 0.5 / steep)
        return _over(ops.sum(losses * weights[1] if len(weights) > 1 else losses), ops.shape(values)[0])


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


@tf.custom_gradient
def _distance(squares: Any) -> Any:
    """The square root; its gradient is kept finite, and as Caffe has it, where both rows are the same."""
    distances = tf.sqrt(squares)
    return distances, lambda gradient: gradient / (2.0 * (distances + 1e-4))


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
        alike = ops.cast(ops.cast(ops.reshape(inputs[2], (-1,)), "int32") != 0, squares.dtype)
        if self.legacy:
            unlike = ops.maximum(self.margin - squares, 0.0)
        else:
            unlike = ops.square(ops.maximum(self.margin - _distance(squares), 0.0))
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
        hits, counted, _ = self.hits(inputs)
        return _over(ops.cast(ops.sum(hits), inputs[0].dtype), ops.sum(counted))

    def hits(self, inputs: Sequence[Any]) -> tuple[Any, Any, Any]:
        """For each element: whether it is right and whether it counts, as 0 or 1, and its label as a row of 0 and 1."""
        scores = ops.moveaxis(inputs[0], self.axis, -1)
        labels = ops.cast(ops.reshape(inputs[1], ops.shape(scores)[:-1]), "int32")
        counted = ops.ones_like(labels) if self.ignored is None else ops.cast(labels != self.ignored, "int32")
        chosen = ops.one_hot(ops.where(counted > 0, labels, 0), scores.shape[-1], dtype=scores.dtype)
        own = ops.sum(scores * chosen, -1, keepdims=True)
        better = ops.sum(ops.cast(scores >= own, "int32"), -1) - 1
        return ops.cast(better < self.top, "int32") * counted, counted, chosen


@keras.saving.register_keras_serializable("sparkdl")
class ClassAccuracy(TopAccuracy):
    """The share of the elements of each class that are right (0 for a class without any); arguments as above."""

    def call(self, inputs: Sequence[Any]) -> Any:
        hits, counted, chosen = self.hits(inputs)
        totals = [
            ops.sum(ops.reshape(chosen * ops.expand_dims(ops.cast(ones, chosen.dtype), -1), (-1, chosen.shape[-1])), 0)
            for ones in (hits, counted)
        ]
        return _over(*totals)
