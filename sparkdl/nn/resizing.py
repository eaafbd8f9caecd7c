"""Images (channels last) made larger or smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("sparkdl")
class CornerAlignedResize(keras.layers.Layer):
    """Bilinear interpolation in which the corners of both images lie on each other; Keras's own aligns edges.

    Args:
        size: height and width of the result.

    Example:
        >>> CornerAlignedResize([1, 3])(keras.ops.reshape(keras.ops.array([0.0, 1.0]), (1, 1, 2, 1))).numpy().ravel()
        array([0. , 0.5, 1. ], dtype=float32)
    """

    def __init__(self, size: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = list(size)

    def call(self, inputs: Any) -> Any:
        return tf.raw_ops.ResizeBilinear(images=inputs, size=self.size, align_corners=True)


@keras.saving.register_keras_serializable("sparkdl")
class Unpooling(keras.layers.Layer):
    """Puts values back where they were before pooling, and 0 everywhere else.

    Called on values, and on their places (row * width + column, as floats) as `MaxPoolingPlaces` makes them. Of several
    values for one place the last one stays.

    Args:
        size: height and width of the result.

    Example:
        >>> values, places = (keras.ops.reshape(keras.ops.array([x]), (1, 1, 1, 1)) for x in (5.0, 3.0))
        >>> Unpooling([2, 2])([values, places]).numpy().ravel().tolist()
        [0.0, 0.0, 0.0, 5.0]
    """

    def __init__(self, size: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = list(size)

    def call(self, inputs: Sequence[Any]) -> Any:
        values, places = inputs
        rows, channels, area = tf.shape(values)[0], values.shape[-1], self.size[0] * self.size[1]
        start = tf.reshape(tf.range(rows) * area, (-1, 1, 1, 1))
        targets = tf.reshape((start + tf.cast(places, tf.int32)) * channels + tf.range(channels), (-1,))
        numbers, count = tf.range(tf.size(targets)), rows * area * channels
        stays = tf.gather(tf.math.unsorted_segment_max(numbers, targets, count), targets) == numbers
        kept = tf.where(stays, tf.reshape(values, (-1,)), 0)
        spread = tf.scatter_nd(targets[:, tf.newaxis], kept, [count])
        return tf.reshape(spread, (-1, *self.size, channels))


@keras.saving.register_keras_serializable("sparkdl")
class ShuffleChannels(keras.layers.Layer):
    """Channels of groups by turns: the first of each group, then the second of each, and so on.

    Args:
        groups: how many groups the channels (the last axis) lie in.

    Example:
        >>> ShuffleChannels(2)(keras.ops.array([[0.0, 1.0, 2.0, 3.0]])).numpy().tolist()
        [[0.0, 2.0, 1.0, 3.0]]
    """

    def __init__(self, groups: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.groups = groups

    def call(self, inputs: Any) -> Any:
        shape = tf.shape(inputs)
        split = tf.reshape(inputs, tf.concat([shape[:-1], [self.groups, inputs.shape[-1] // self.groups]], 0))
        turned = tf.linalg.matrix_transpose(split)
        return tf.reshape(turned, tf.concat([shape[:-1], [inputs.shape[-1]]], 0))

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)
