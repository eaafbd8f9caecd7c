"""Pooling of regions of an image, as Fast R-CNN's detectors do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("sparkdl")
class RegionPooling(keras.layers.Layer):
    """Cuts regions of images (channels last) into as many parts each, and takes the largest value of every part.

    Called on images and on regions (number of the image, left, top, right, bottom), both edges included. The result
    has a row for each region. Edges are rounded to whole places, halves away from zero; parts overlap where places do
    not divide evenly; a part outside of the image is 0. The gradient goes to one of the largest values.

    Args:
        size: height and width of the result.
        scale: what coordinates of regions are multiplied with.

    Example:
        >>> image = keras.ops.reshape(keras.ops.arange(16.0), (1, 4, 4, 1))
        >>> RegionPooling([2, 2])([image, keras.ops.array([[0, 0, 0, 3, 3]])]).numpy().ravel().tolist()
        [5.0, 7.0, 13.0, 15.0]
    """

    def __init__(self, size: Sequence[int], scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.scale = list(size), scale

    def call(self, inputs: Sequence[Any]) -> Any:
        images, regions = inputs[0], tf.reshape(tf.cast(inputs[1], tf.float32), (-1, 5))
        height, width = images.shape[1], images.shape[2]
        edges = _rounded(tf.stop_gradient(regions)[:, 1:] * self.scale)
        down = _parts(edges[:, 1], edges[:, 3], self.size[0], height)
        right = _parts(edges[:, 0], edges[:, 2], self.size[1], width)
        image = tf.cast(regions[:, 0], tf.int32)[:, tf.newaxis, tf.newaxis]
        levels = _levels(height)
        table = tf.stack([high for wide in _doubled(images, width, 2) for high in _doubled(wide, height, 1)])
        values = tf.reshape(table, (-1, images.shape[3]))

        def looked_up(row: Any, column: Any) -> Any:
            """The largest values of the windows that begin at a row and a column."""
            level = right[2][:, tf.newaxis, :] * levels + down[2][:, :, tf.newaxis]
            place = (level * tf.shape(images)[0] + image) * height + row[:, :, tf.newaxis]
            return tf.gather(values, place * width + column[:, tf.newaxis, :])

        # Two windows, a power of 2 long, cover each part together.
        first, second = (tf.maximum(looked_up(row, right[0]), looked_up(row, right[1])) for row in down[:2])
        filled = down[3][:, :, tf.newaxis] & right[3][:, tf.newaxis, :]
        return tf.where(filled[..., tf.newaxis], tf.maximum(first, second), 0)


def _rounded(values: Any) -> Any:
    return tf.sign(values) * tf.floor(tf.abs(values) + 0.5)


def _parts(start: Any, end: Any, count: int, size: int) -> tuple[Any, Any, Any, Any]:
    """For each region and part: where its two windows begin, their level, and whether it is inside of the image."""
    length = tf.maximum(end - start + 1, 1) / count
    numbers = tf.range(count, dtype=start.dtype)
    edges = [
        tf.clip_by_value(start[:, tf.newaxis] + rounded, 0, size)
        for rounded in (tf.floor(numbers * length[:, tf.newaxis]), tf.math.ceil((numbers + 1) * length[:, tf.newaxis]))
    ]
    begin, stop = (tf.cast(edge, tf.int32) for edge in edges)
    filled = stop > begin
    begin, stop = tf.where(filled, begin, 0), tf.where(filled, stop, 1)
    level = sum(tf.cast(stop - begin >= 2**power, tf.int32) for power in range(1, _levels(size)))
    level = level if _levels(size) > 1 else tf.zeros_like(begin)
    return begin, stop - tf.bitwise.left_shift(tf.ones_like(level), level), level, filled


def _levels(size: int) -> int:
    return size.bit_length()


def _doubled(images: Any, size: int, axis: int) -> list[Any]:
    """The largest of 1, 2, 4, ... neighbours along an axis, from each place on (fewer at the end, never looked up)."""
    tables = [images]
    for power in range(_levels(size) - 1):
        step = 2**power
        behind = tf.roll(tables[-1], -step, axis)
        tables.append(tf.maximum(tables[-1], behind))
    return tables
