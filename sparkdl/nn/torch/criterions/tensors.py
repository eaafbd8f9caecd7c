"""What the kernels of criterions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.criterions.kinds import Call


def averaged(call: Call, total: Any, output: Any) -> Any:
    """The sum, or divided by the number of elements of the output where the arguments say `size_average`."""
    return total / tf.cast(tf.size(output), total.dtype) if call.a.size_average else total


def like(call: Call, output: Any, target: Any) -> Any:
    """The target in the shape of the output; one number per row stands for all of the row.

    Raises:
        DataError: if they differ in their number of elements.
    """
    target = tf.sparse.to_dense(target) if isinstance(target, tf.SparseTensor) else target
    target = tf.cast(target, output.dtype)
    if target.shape == output.shape and target.shape.is_fully_defined():
        return target
    if _one_per_row(target.shape, output.shape):
        column = tf.reshape(target, [-1, *[1] * (output.shape.rank - 1)])
        return tf.broadcast_to(column, tf.shape(output))
    sizes = target.shape.num_elements(), output.shape.num_elements()
    if None not in sizes and sizes[0] != sizes[1]:
        raise DataError(
            f"{call.name} got a target of shape {tuple(target.shape)} for an output of shape {tuple(output.shape)}, "
            "which differ in their number of elements: give one target per element of the output."
        )
    return tf.reshape(target, tf.shape(output))


def _one_per_row(target: tf.TensorShape, output: tf.TensorShape) -> bool:
    if output.rank < 2 or target.rank not in (1, output.rank) or any(size != 1 for size in target[1:]):
        return False
    several = output[1:].num_elements()
    return several is not None and several > 1 and bool(target[:1].is_compatible_with(output[:1]))


def classes(call: Call, labels: Any, count: int, ignored: Sequence[int] = (), first: int = 1) -> Any:
    """Labels as indices that count from 0; those to ignore become -1.

    Args:
        call: whose labels they are.
        labels: of any shape.
        count: how many classes there are.
        ignored: labels that are left out.
        first: the label of the first class.

    Raises:
        DataError: for a label that is no class (inside a `tf.function` TensorFlow's InvalidArgumentError).
    """
    labels = tf.cast(labels, tf.int32)
    skipped = tf.reduce_any(labels[..., None] == tf.constant(list(ignored), tf.int32), -1)
    known = skipped | ((labels >= first) & (labels < first + count))
    advice = "add 1 to labels that count from 0" if first else "take 1 from labels that count from 1"
    left_out = f" (and {' and '.join(map(str, ignored))}, to leave a row out)" if ignored else ""
    rest = f"{first} to {first + count - 1}{left_out}: {advice}."
    if tf.executing_eagerly():
        wrong = np.unique(labels.numpy()[~known.numpy()])
        if wrong.size:
            found = ", ".join(str(label) for label in wrong[:5])
            raise DataError(f"{call.name} got the label {found}, but its classes are {rest}")
        return tf.where(skipped, -1, labels - first)
    message = f"{call.name} got a label that is none of its classes {rest}"
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(known), [message])]):
        return tf.where(skipped, -1, labels - first)


def picked(values: Any, indices: Any) -> Any:
    """The value of each row [..., classes] at its index; 0 where the index is -1."""
    rows = tf.reshape(values, [-1, tf.shape(values)[-1]])
    places = tf.reshape(indices, [-1])
    found = tf.gather_nd(rows, tf.stack([tf.range(tf.shape(rows)[0]), tf.maximum(places, 0)], -1))
    return tf.reshape(tf.where(places >= 0, found, tf.zeros_like(found)), tf.shape(indices))


def with_gradient(value: Any, point: Any, gradient: Any) -> Any:
    """The value, with a gradient of its own for the point instead of the derivative."""
    constant, slope = tf.stop_gradient(value), tf.stop_gradient(gradient)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(point: Any) -> Any:
        return tf.identity(constant), lambda upstream: upstream * slope

    return function(point)
