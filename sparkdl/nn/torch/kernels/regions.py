"""Regions of images, pooled to one size."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.roi_pooling import RegionPooling
from sparkdl.nn.torch.kinds import Call, Kind

_CANONICAL_SIZE, _CANONICAL_LEVEL = 224, 4  # a region as large as an image of ImageNet belongs to the fourth level


def _pooled(call: Call, x: Any) -> Any:
    """Of [images, regions of (image, left, top, right, bottom)]: [regions, channels, height, width]."""
    images, regions = _two(call, x, 5)
    # Halves are rounded up before the layer rounds them away from zero.
    edges = tf.floor(regions[:, 1:] * call.a.spatial_scale + 0.5)
    layer = RegionPooling([call.a.pooled_h, call.a.pooled_w])
    return _first(layer.call([_last(images), tf.concat([regions[:, :1], edges], 1)]))


def _two(call: Call, x: Any, columns: int) -> tuple[Any, Any]:
    if not isinstance(x, list) or len(x) != 2 or x[0].shape.rank != 4 or x[1].shape[-1] != columns:
        shapes = [tuple(part.shape) for part in tf.nest.flatten(x)]
        raise DataError(
            f"{call.name} takes a table of images [batch, channels, height, width] and of regions [count, {columns}], "
            f"but was given the shapes {shapes}."
        )
    return x[0], x[1]


def _last(images: Any) -> Any:
    return tf.transpose(images, (0, 2, 3, 1))


def _first(images: Any) -> Any:
    return tf.transpose(images, (0, 3, 1, 2))


def aligned(image: Any, regions: Any, size: tuple[int, int], scale: float, samples: int) -> Any:
    """The means of interpolated values in parts of regions of one image.

    Args:
        image: [height, width, channels].
        regions: (left, top, right, bottom) of each.
        size: into how many parts a region is cut, downwards and to the right.
        scale: what coordinates are multiplied with.
        samples: how many values a part takes in either direction; as many as it has places, if 0.

    Returns:
        [regions, size, channels].
    """
    edges = tf.stop_gradient(regions) * scale - 0.5
    rows = _samples(edges[:, 1], edges[:, 3], size[0], samples, image.shape[0])
    columns = _samples(edges[:, 0], edges[:, 2], size[1], samples, image.shape[1])
    # Weights of rows and of columns multiply, so a region is a product of matrices with the image.
    return tf.einsum("rph,hwc,rqw->rpqc", rows, image, columns)


def _samples(start: Any, end: Any, parts: int, samples: int, size: int) -> Any:
    """How much each place of an axis weighs in each part of a region: [regions, parts, places]."""
    length = (end - start) / parts
    counts = tf.fill(tf.shape(start), samples) if samples > 0 else tf.cast(tf.math.ceil(length), tf.int32)
    numbers = tf.range(tf.reduce_max(counts))
    count = tf.cast(counts, start.dtype)[:, tf.newaxis, tf.newaxis]
    inside = (tf.cast(numbers, start.dtype) + 0.5) / tf.maximum(count, 1.0)
    first = start[:, tf.newaxis] + tf.range(parts, dtype=start.dtype) * length[:, tf.newaxis]
    places = first[:, :, tf.newaxis] + inside * length[:, tf.newaxis, tf.newaxis]
    counted = (places >= -1.0) & (places <= size) & (numbers < counts[:, tf.newaxis, tf.newaxis])
    places = tf.clip_by_value(places, 0.0, size - 1.0)
    # The two neighbours of a place weigh by their nearness.
    near = tf.maximum(1.0 - tf.abs(places[..., tf.newaxis] - tf.range(size, dtype=start.dtype)), 0.0)
    near = tf.where(counted[..., tf.newaxis], near, 0.0)
    return tf.reduce_sum(near, 2) / tf.maximum(count, 1.0)


def _align(call: Call, x: Any) -> Any:
    """All regions are of the first image."""
    a = call.a
    images, regions = _two(call, x, 4)
    found = aligned(_last(images)[0], regions, (a.pooled_h, a.pooled_w), a.spatial_scale, a.sampling_ratio)
    return _first(found)


def _pool_levels(call: Call, x: Any) -> Any:
    """Of (levels, regions, or regions of each image): the regions of all images, each from the level of its size."""
    levels, regions = x
    of_images = regions if isinstance(regions, list) else [regions]
    found = [_fitting(call, [_last(level)[place] for level in levels], own) for place, own in enumerate(of_images)]
    return _first(tf.concat(found, 0))


def _fitting(call: Call, levels: list[Any], regions: Any) -> Any:
    a = call.a
    lowest, highest = (int(-math.log(scale) / math.log(2.0)) for scale in (a.scales[0], a.scales[-1]))
    area = (regions[:, 2] - regions[:, 0] + 1.0) * (regions[:, 3] - regions[:, 1] + 1.0)
    level = tf.floor(_CANONICAL_LEVEL + tf.math.log(tf.sqrt(area) / _CANONICAL_SIZE + 1e-6) / math.log(2.0))
    wanted = tf.cast(tf.clip_by_value(level, lowest, highest), tf.int32) - lowest
    size = (a.resolution, a.resolution)
    found = [
        aligned(image, regions, size, scale, a.sampling_ratio) for image, scale in zip(levels, a.scales, strict=True)
    ]
    return tf.gather(tf.stack(found, 1), wanted, batch_dims=1)


KINDS = {"RoiPooling": Kind(_pooled), "RoiAlign": Kind(_align), "Pooler": Kind(_pool_levels)}
