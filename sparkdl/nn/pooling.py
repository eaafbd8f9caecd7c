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
        return tf.nn.max_pool2d(self.padded(inputs, inputs.dtype.min), self.pool_size, self.strides, "VALID")


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
        means = tf.nn.avg_pool2d(self.padded(inputs, 0.0), self.pool_size, self.strides, "VALID")
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


@keras.saving.register_keras_serializable("sparkdl")
class StochasticPooling(_Windows):
    """In training one value of each window, by a chance in proportion to it; else the mean, weighted so too.

    Values are meant to be at least 0; padding is 0.

    Example:
        >>> layer = StochasticPooling([1, 2], [1, 2], [[0, 0], [0, 0]])
        >>> layer(keras.ops.reshape(keras.ops.array([1.0, 3.0]), (1, 1, 2, 1))).numpy().ravel()
        array([2.5], dtype=float32)
    """

    def __init__(
        self,
        pool_size: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[Sequence[int]],
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, **kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        padded = self.padded(inputs, 0.0)
        if not training:
            squares, sums = (tf.nn.avg_pool2d(x, self.pool_size, self.strides, "VALID") for x in (padded**2, padded))
            return tf.where(sums > 0, tf.math.divide_no_nan(squares, sums), 0)
        sizes = [[1, *pair, 1] for pair in (self.pool_size, self.strides, (1, 1))]
        found = tf.image.extract_patches(padded, *sizes, padding="VALID")
        shape = (-1, *found.shape[1:3], self.pool_size[0] * self.pool_size[1], inputs.shape[-1])
        values = tf.reshape(found, shape)
        reached = tf.cumsum(values, axis=3)
        drawn = keras.random.uniform(tf.shape(reached[:, :, :, -1]), seed=self.seed_generator, dtype=values.dtype)
        chosen = tf.argmax(reached >= (drawn * reached[:, :, :, -1])[:, :, :, tf.newaxis], axis=3)
        return tf.reduce_sum(values * tf.one_hot(chosen, values.shape[3], axis=3, dtype=values.dtype), axis=3)
