"""Transposed ("full") convolutions of images and volumes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from sparkdl.errors import ArgumentError
from sparkdl.nn.torch.initial import by_fan_in
from sparkdl.nn.torch.kernels.convolution import biased
from sparkdl.nn.torch.kernels.windows import check_channels
from sparkdl.nn.torch.kinds import Call, Kind, Layout
from sparkdl.nn.torch.module import Parameter


def _parameters(a: SimpleNamespace, kernel: Sequence[int], named: Mapping[str, tuple[int, int]]) -> Any:
    for name, (adjustment, stride) in named.items():
        if adjustment >= stride:
            raise ArgumentError(f"a full convolution has {name}={adjustment}, expected less than the step of {stride}.")
    groups, inputs, outputs = a.n_group, a.n_input_plane, a.n_output_plane
    if inputs % groups or outputs % groups:
        raise ArgumentError(f"{groups} groups do not divide n_input_plane={inputs} and n_output_plane={outputs}.")
    size = math.prod(kernel)
    initial = by_fan_in(size * inputs)
    shape = (groups, inputs // groups, outputs // groups, *kernel)
    # Initialization methods take the fans from the axes behind the groups, as if a volume had none.
    odd = outputs // groups * kernel[0] * kernel[1]
    fans = (inputs * size, outputs * size) if len(kernel) == 2 else (inputs // groups * odd, groups * odd)
    weight = {"weight": Parameter(shape, initial, fans)}
    return weight if a.no_bias else {**weight, "bias": Parameter((outputs,), initial, (outputs, 1))}


def _spatial_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    return _parameters(a, (a.kh, a.kw), {"adj_w": (a.adj_w, a.dw), "adj_h": (a.adj_h, a.dh)})


def _volumetric_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    adjusted = {"adj_t": (a.adj_t, a.dt), "adj_w": (a.adj_w, a.dw), "adj_h": (a.adj_h, a.dh)}
    return _parameters(a, (a.kt, a.kh, a.kw), adjusted)


def _full(call: Call, x: Any, names: str, weight: Any) -> Any:
    """Of a value, or of a table of a value and of one that has the size wished for; `names` tells the axes of space."""
    given = call.a
    kernel, strides, pads, adjustments = (
        [getattr(given, prefix + name) for name in names] for prefix in ("k", "d", "pad_", "adj_")
    )
    if isinstance(x, list):
        x, target = x
        sizes = zip(target.shape[1:-1], kernel, pads, strides, strict=True)
        adjustments = [(size + 2 * pad - k) % step for size, k, pad, step in sizes]
    check_channels(call, x, given.n_input_plane)
    groups = zip(tf.split(x, given.n_group, -1), tf.unstack(weight), strict=True)
    y = tf.concat([_grown(part, own, strides, adjustments) for part, own in groups], -1)
    ends = [size - pad for size, pad in zip(y.shape[1:-1], pads, strict=True)]
    inside = tuple(slice(pad, end) for pad, end in zip(pads, ends, strict=True))
    return biased(call, y[(slice(None), *inside)])


def _volumes(call: Call, x: Any) -> Any:
    """On arrays as scripts have it: as if rows and columns of what lies in memory were columns and rows."""
    y = _full(call, x, "thw", call["weight"])
    if not call.runner.on_arrays:
        return y
    groups, inputs, outputs, time, high, wide = call["weight"].shape
    weight = tf.reshape(call["weight"], (groups, inputs, outputs, time, wide, high))
    other = _full(call, tf.nest.map_structure(_turned, x), "twh", weight)
    # The way back is the right one there.
    return y + tf.stop_gradient(tf.reshape(other, y.shape) - y)


def _turned(x: Any) -> Any:
    batch, time, high, wide, channels = x.shape
    return tf.reshape(x, (batch, time, wide, high, channels))


def _grown(x: Any, weight: Any, strides: Sequence[int], adjustments: Sequence[int]) -> Any:
    """One group without pads: [in, out, *kernel] is the weight."""
    space = len(strides)
    kernel = tf.transpose(weight, (*range(2, space + 2), 1, 0))
    axes = zip(x.shape[1:-1], strides, weight.shape[2:], adjustments, strict=True)
    sizes = [(size - 1) * step + k + more for size, step, k, more in axes]
    grow = tf.nn.conv2d_transpose if space == 2 else tf.nn.conv3d_transpose
    y = grow(x, kernel, (tf.shape(x)[0], *sizes, weight.shape[1]), strides, "VALID")
    y.set_shape((x.shape[0], *sizes, weight.shape[1]))
    return y


_COMMON = {"dw": 1, "dh": 1, "pad_w": 0, "pad_h": 0, "adj_w": 0, "adj_h": 0, "n_group": 1, "no_bias": False}

KINDS = {
    "SpatialFullConvolution": Kind(
        lambda call, x: _full(call, x, "hw", call["weight"]),
        _spatial_parameters,
        defaults=_COMMON,
        layout=Layout.LAST,
        space=2,
    ),
    "VolumetricFullConvolution": Kind(
        _volumes,
        _volumetric_parameters,
        defaults={**_COMMON, "dt": 1, "pad_t": 0, "adj_t": 0},
        layout=Layout.LAST,
        space=3,
    ),
}
