"""The largest value, or the mean, of each window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.nn.torch.kernels.convolution import FRAMES
from sparkdl.nn.torch.kernels.windows import Windows, pad, placed, windows
from sparkdl.nn.torch.kinds import Call, Kind, Layout


def largest(x: Any, axes: Sequence[Windows]) -> Any:
    """The largest value of each window of [batch, *space, channels]; padding is never the largest.

    The gradient goes to the first of equal values. TensorFlow's pooling of volumes gives it to all of them, so theirs
    are pooled as images, and then in time.
    """
    if len(axes) == 3:
        time, *image = axes
        size, *space, channels = x.shape[1:]
        pooled = largest(tf.reshape(x, (-1, *space, channels)), image)
        high, wide = pooled.shape[1:3]
        y = largest(tf.reshape(pooled, (-1, size, high * wide, channels)), [time, Windows(1, 1, 0, 0, high * wide, 0)])
        return tf.reshape(y, (-1, time.count, high, wide, channels))
    sizes, strides = [axis.size for axis in axes], [axis.stride for axis in axes]
    x, padding = placed(x, axes, x.dtype.min)
    return (tf.nn.max_pool1d if len(axes) == 1 else tf.nn.max_pool2d)(x, sizes, strides, padding)


def mean(x: Any, axes: Sequence[Windows], count_pads: bool = True) -> Any:
    """The mean of each window of [batch, *space, channels].

    Args:
        x: the value.
        axes: the windows.
        count_pads: whether padding that was asked for counts as zeros.
    """
    pool = tf.nn.avg_pool2d if len(axes) == 2 else tf.nn.avg_pool3d
    means = pool(pad(x, axes), [axis.size for axis in axes], [axis.stride for axis in axes], "VALID")
    shares = [_shares(axis, size, count_pads) for axis, size in zip(axes, x.shape[1:-1], strict=True)]
    if all((share == 1).all() for share in shares):
        return means
    together = np.ones((1,) * (len(axes) + 2), np.float32)
    for place, share in enumerate(shares):
        together = together * share.reshape([-1 if place + 1 == other else 1 for other in range(len(axes) + 2)])
    return means * tf.constant(together, means.dtype)


def _shares(axis: Windows, size: int, count_pads: bool) -> Any:
    """Elements of each window over those of them that count."""
    starts = np.asarray(axis.starts())
    ends = np.minimum(starts + axis.size, size + (axis.padded if count_pads else 0))
    counted = ends - (starts if count_pads else np.maximum(starts, 0))
    return (axis.size / np.maximum(counted, 1)).astype(np.float32)


def _max_images(call: Call, x: Any) -> Any:
    a = call.a
    axes = windows(call.name, x.shape[1:3], (a.kh, a.kw), (a.dh, a.dw), (a.pad_h, a.pad_w), a.to_ceil)
    return largest(x, axes)


def _max_volumes(call: Call, x: Any) -> Any:
    return largest(x, _volume(call, x, False))


def _volume(call: Call, x: Any, ceil: bool) -> list[Windows]:
    a = call.a
    kernel, strides = (a.k_t, a.k_h, a.k_w), (a.d_t, a.d_h, a.d_w)
    return windows(call.name, x.shape[1:4], kernel, strides, (a.pad_t, a.pad_h, a.pad_w), ceil)


def _max_frames(call: Call, x: Any) -> Any:
    stride = call.a.k_w if call.a.d_w == -1 else call.a.d_w
    return largest(x, windows(call.name, x.shape[1:2], (call.a.k_w,), (stride,), (0,)))


def _mean_images(call: Call, x: Any) -> Any:
    a = call.a
    kernel = tuple(x.shape[1:3]) if a.global_pooling else (a.kh, a.kw)
    if a.global_pooling and a.divide and not (a.pad_h or a.pad_w):
        return tf.reduce_mean(x, (1, 2), keepdims=True)
    axes = windows(call.name, x.shape[1:3], kernel, (a.dh, a.dw), (a.pad_h, a.pad_w), a.ceil_mode)
    means = mean(x, axes, a.count_include_pad)
    return means if a.divide else means * math.prod(kernel)


def _mean_volumes(call: Call, x: Any) -> Any:
    return mean(x, _volume(call, x, call.a.ceil_mode), call.a.count_include_pad)


_PADS = {"pad_w": 0, "pad_h": 0}

KINDS = {
    "SpatialMaxPooling": Kind(_max_images, defaults={**_PADS, "to_ceil": False}, layout=Layout.LAST, space=2),
    "SpatialAveragePooling": Kind(
        _mean_images,
        defaults={
            **_PADS,
            "dw": 1,
            "dh": 1,
            "global_pooling": False,
            "ceil_mode": False,
            "count_include_pad": True,
            "divide": True,
        },
        layout=Layout.LAST,
        space=2,
    ),
    "VolumetricMaxPooling": Kind(_max_volumes, defaults={**_PADS, "pad_t": 0}, layout=Layout.LAST, space=3),
    "VolumetricAveragePooling": Kind(
        _mean_volumes,
        defaults={**_PADS, "pad_t": 0, "count_include_pad": True, "ceil_mode": False},
        layout=Layout.LAST,
        space=3,
    ),
    "TemporalMaxPooling": Kind(_max_frames, defaults={"d_w": -1, **FRAMES}, layout=Layout.LAST, space=1),
}
