"""What the kernels of criterions share."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.criterions.kinds import Call


def averaged(call: Call, total: Any, output: Any) -> Any:
    """The sum, or divided by the number of elements of the output where the arguments say `size_average`."""
    return total / tf.cast(tf.size(output), total.dtype) if call.a.size_average else total


def like(call: Call, output: Any, target: Any) -> Any:
    """The target in the shape of the output.

    Raises:
        DataError: if they differ in their number of elements.
    """
    target = tf.sparse.to_dense(target) if isinstance(target, tf.SparseTensor) else target
    target = tf.cast(target, output.dtype)
    if target.shape == output.shape and target.shape.is_fully_defined():
        return target
    sizes = target.shape.num_elements(), output.shape.num_elements()
    if None not in sizes and sizes[0] != sizes[1]:
        raise DataError(
            f"{call.name} got a target of shape {tuple(target.shape)} for an output of shape {tuple(output.shape)}, "
            "which differ in their number of elements: give one target per element of the output."
        )
    return tf.reshape(target, tf.shape(output))


def classes(call: Call, labels: Any, count: int, ignored: int | None = None) -> Any:
    """Labels that count from 1 as indices that count from 0; those to ignore become -1.

    Raises:
        DataError: for a label that is no class (inside a `tf.function` TensorFlow's InvalidArgumentError).
    """
    labels = tf.cast(labels, tf.int32)
    skipped = tf.zeros_like(labels, tf.bool) if ignored is None else tf.equal(labels, ignored)
    known = skipped | ((labels >= 1) & (labels <= count))
    advice = "add 1 to labels that count from 0" + ("" if ignored is None else f" ({ignored} is left out)")
    message = f"{call.name} got a label that is none of its classes 1 to {count}: {advice}."
    if tf.executing_eagerly():
        wrong = np.unique(labels.numpy()[~known.numpy()])
        if wrong.size:
            found = ", ".join(str(label) for label in wrong[:5])
            raise DataError(f"{call.name} got the label {found}, but its classes are 1 to {count}: {advice}.")
        return tf.where(skipped, -1, labels - 1)
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(known), [message])]):
        return tf.where(skipped, -1, labels - 1)


def picked(values: Any, indices: Any) -> Any:
    """The value of each row [rows, classes] at its index; 0 where the index is -1."""
    return tf.reduce_sum(values * tf.one_hot(indices, tf.shape(values)[-1], dtype=values.dtype), -1)


def with_gradient(value: Any, point: Any, gradient: Any) -> Any:
    """The value, with a gradient of its own for the point instead of the derivative."""
    constant, slope = tf.stop_gradient(value), tf.stop_gradient(gradient)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(point: Any) -> Any:
        return tf.identity(constant), lambda upstream: upstream * slope

    return function(point)


def straight_through(changed: Any, value: Any) -> Any:
    """The changed value, with the gradient of the unchanged one."""
    return value + tf.stop_gradient(changed - value)
