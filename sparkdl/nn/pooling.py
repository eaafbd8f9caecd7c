"""Pooling with padding on every side that may differ, and that averages count as Caffe does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class _Windows(keras.layers.Layer):
    """What both layers below have in common: windows over padded images, channels last.

    Args:
        pool_size: the window, one size per spatial axis.
        strides: the steps of the window.
        padding: rows before and behind, for each spatial axis.
    """

    def __init__(
        self,
        pool_size: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[Sequence[int]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size, self.strides, self.padding = list(pool_size), list(strides), [list(pair) for pair in padding]

    def padded(self, inputs: Any, value: float) -> Any:
        """The images with `value` around them."""
        return tf.pad(inputs, [[0, 0], *self.padding, [0, 0]], constant_values=tf.cast(value, inputs.dtype))


@keras.saving.register_keras_serializable("sparkdl")
class PaddedMaxPooling(_Windows):
    """The largest value of each window; padding is never the largest.

    Example:
        >>> layer = PaddedMaxPooling([2, 2], [2, 2], [[0, 1], [0, 1]])
        >>> layer(-keras.ops.ones((1, 3, 3, 1))).numpy().ravel()
        array([-1., -1., -1., -1.], dtype=float32)
    """

    def call(self, inputs: Any) -> Any:
        return tf.nn.pool(self.padded(inputs, inputs.dtype.min), self.pool_size, "MAX", self.strides)


@keras.saving.register_keras_serializable("sparkdl")
class PaddedAveragePooling(_Windows):
    """The mean of each window, in which the first `counted` rows of padding behind the image count as zeros.

    Args:
        counted: rows behind the image that count, for each spatial axis; all rows before it count.

    Example:
        >>> layer = PaddedAveragePooling([2, 2], [2, 2], [[0, 1], [0, 1]], counted=[0, 0])
        >>> layer(keras.ops.ones((1, 3, 3, 1))).numpy().ravel()
        array([1., 1., 1., 1.], dtype=float32)
    """

    def __init__(
        self,
        pool_size: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[Sequence[int]],
        counted: Sequence[int],
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, **kwargs)
        self.counted = list(counted)

    def call(self, inputs: Any) -> Any:
        means = tf.nn.pool(self.padded(inputs, 0.0), self.pool_size, "AVG", self.strides)
        return means * tf.constant(self._shares(inputs.shape[1:-1], means.shape[1:-1]), means.dtype)

    def _shares(self, sizes: Sequence[int], pooled: Sequence[int]) -> np.ndarray:
        """Elements of a window over those of it that count."""
        shares = np.ones((1,) * len(sizes))
        for axis, (size, count) in enumerate(zip(sizes, pooled, strict=True)):
            starts = np.arange(count) * self.strides[axis]
            ends = np.minimum(starts + self.pool_size[axis], self.padding[axis][0] + size + self.counted[axis])
            share = self.pool_size[axis] / (ends - starts)
            shares = shares * share.reshape([-1 if other == axis else 1 for other in range(len(sizes))])
        return shares[np.newaxis, ..., np.newaxis]


@keras.saving.register_keras_serializable("sparkdl")
class MaxPoolingPlaces(_Windows):
    """Where in its image (row * width + column) the largest value of each window lies, as floats."""

    def call(self, inputs: Any) -> Any:
        padded = self.padded(inputs, inputs.dtype.min)
        _, places = tf.nn.max_pool_with_argmax(padded, self.pool_size, self.strides, "VALID")
        places //= inputs.shape[-1]
        rows, columns = places // padded.shape[2] - self.padding[0][0], places % padded.shape[2] - self.padding[1][0]
        return tf.cast(rows * inputs.shape[2] + columns, inputs.dtype)
