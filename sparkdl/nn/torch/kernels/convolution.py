"""Convolutions of frames, images and volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import ArgumentError
from sparkdl.nn.torch.initial import by_fan_in, constant
from sparkdl.nn.torch.kernels.windows import Windows, check_channels, check_pads, pad, placed, windows
from sparkdl.nn.torch.kinds import Call, Kind, Layout
from sparkdl.nn.torch.layout import is_last
from sparkdl.nn.torch.module import Array, Parameter

FRAMES = {"data_format": "NHWC"}  # the features of a frame are its channels: they are last


def convolve(
    x: Any, kernel: Any, axes: Sequence[Windows], dilations: Sequence[int] | None = None, groups: int = 1
) -> Any:
    """Windows of [batch, *space, channels] times a kernel [*space, channels / groups, filters].

    Filters of a group are next to each other.
    """
    if groups > 1:
        parts = zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([convolve(part, own, axes, dilations) for part, own in parts], -1)
    strides = [axis.stride for axis in axes]
    spread = list(dilations or [1] * len(axes))
    if max(strides) > 1 and all(axis.size == 1 for axis in axes):
        # Only the elements that windows see: oneDNN's gradient for such a kernel writes beyond its memory where
        # elements are left over behind the last window (TensorFlow 2.21, few channels, odd batches).
        steps = [slice(None, None, stride) for stride in strides]
        return tf.nn.convolution(pad(x, axes)[:, *steps], kernel, padding="VALID")
    if max(spread) > 1 and max(strides) > 1:
        kernel, spread = dilated(kernel, spread), [1] * len(axes)
    if max(spread) > 1:
        return tf.nn.convolution(pad(x, axes), kernel, strides, "VALID", dilations=spread)
    x, padding = placed(x, axes)
    if len(axes) == 3:
        return tf.nn.conv3d(x, kernel, [1, *strides, 1], padding)
    return (tf.nn.conv1d if len(axes) == 1 else tf.nn.conv2d)(x, kernel, strides, padding)


def dilated(kernel: Any, steps: Sequence[int]) -> Any:
    """A kernel with zeros between its elements: TensorFlow has no dilation together with strides."""
    for axis, step in enumerate(steps):
        size = kernel.shape[axis]
        apart = tf.expand_dims(kernel, axis + 1)
        around = [[0, 0]] * apart.shape.rank
        around[axis + 1] = [0, step - 1]
        shape = [*kernel.shape[:axis], size * step, *kernel.shape[axis + 1 :]]
        kernel = tf.reshape(tf.pad(apart, around), shape)
        kernel = tf.gather(kernel, np.arange((size - 1) * step + 1), axis=axis)
    return kernel


def biased(call: Call, y: Any) -> Any:
    """The value with the bias, where there is one."""
    return tf.nn.bias_add(y, call["bias"]) if call.has("bias") else y


def received(call: Call, x: Any, channels: int) -> Any:
    """The value, checked, and without a way back for gradients where `propagate_back` says so."""
    check_channels(call, x, channels)
    return x if getattr(call.a, "propagate_back", True) else tf.stop_gradient(x)


def _spatial_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    check_pads("a spatial convolution", (a.pad_h, a.pad_w))
    groups, inputs, outputs, area = a.n_group, a.n_input_plane, a.n_output_plane, a.kernel_h * a.kernel_w
    if inputs % groups or outputs % groups or (groups > 1 and is_last(a)):
        raise ArgumentError(
            f"a spatial convolution cannot have {groups} groups: they must divide n_input_plane={inputs} and "
            f"n_output_plane={outputs}, and there are none in the order NHWC."
        )
    shape: tuple[int, ...] = (groups, outputs // groups, inputs // groups, a.kernel_h, a.kernel_w)
    if is_last(a):
        shape = (1, a.kernel_h, a.kernel_w, inputs, outputs)
        # Fans as they come out where the shape is read as if it had no groups in front.
        fans = (a.kernel_h * a.kernel_w * a.kernel_w, a.kernel_h * a.kernel_w * inputs)
    else:
        fans = (inputs * area, outputs * area)
    return _weight_and_bias(shape, fans, outputs, inputs * area, a.with_bias)


def _weight_and_bias(
    shape: tuple[int, ...], fans: tuple[int, int], outputs: int, elements: int, with_bias: bool
) -> Mapping[str, Parameter]:
    initial = by_fan_in(elements)
    weight = {"weight": Parameter(shape, initial, fans)}
    return {**weight, "bias": Parameter((outputs,), initial, (outputs, 1))} if with_bias else weight


def _spatial(call: Call, x: Any, all_that_fit: bool = False) -> Any:
    a = call.a
    x = received(call, x, a.n_input_plane)
    kernel = call["weight"][0] if is_last(a) else _grouped_kernel(call["weight"])
    strides, pads = (a.stride_h, a.stride_w), (a.pad_h, a.pad_w)
    axes = windows(call.name, x.shape[1:3], (a.kernel_h, a.kernel_w), strides, pads, all_that_fit=all_that_fit)
    return biased(call, convolve(x, kernel, axes, groups=a.n_group))


def _grouped_kernel(weight: Any) -> Any:
    """[groups, out, in, height, width] to [height, width, in, groups * out]."""
    groups, outputs, inputs, high, wide = weight.shape
    return tf.reshape(tf.transpose(weight, (3, 4, 2, 0, 1)), (high, wide, inputs, groups * outputs))


def _dilated_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    area, inputs, outputs = a.kw * a.kh, a.n_input_plane, a.n_output_plane
    fans = (inputs * area, outputs * area)
    return _weight_and_bias((outputs, inputs, a.kh, a.kw), fans, outputs, inputs * area, True)


def _dilated(call: Call, x: Any) -> Any:
    a = call.a
    x = received(call, x, a.n_input_plane)
    steps = (a.dilation_h, a.dilation_w)
    strides, pads = (a.dh, a.dw), (a.pad_h, a.pad_w)
    axes = windows(call.name, x.shape[1:3], (a.kh, a.kw), strides, pads, dilations=steps, all_that_fit=True)
    return biased(call, convolve(x, tf.transpose(call["weight"], (2, 3, 1, 0)), axes, steps))


def _volumetric_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    check_pads("a volumetric convolution", (a.pad_t, a.pad_h, a.pad_w))
    size, inputs, outputs = a.k_t * a.k_w * a.k_h, a.n_input_plane, a.n_output_plane
    shape = (outputs, inputs, a.k_t, a.k_h, a.k_w)
    return _weight_and_bias(shape, (inputs * size, outputs * size), outputs, inputs * size, a.with_bias)


def _volumetric(call: Call, x: Any) -> Any:
    a = call.a
    x = received(call, x, a.n_input_plane)
    kernel, strides = (a.k_t, a.k_h, a.k_w), (a.d_t, a.d_h, a.d_w)
    axes = windows(call.name, x.shape[1:4], kernel, strides, (a.pad_t, a.pad_h, a.pad_w))
    return biased(call, convolve(x, tf.transpose(call["weight"], (2, 3, 4, 1, 0)), axes))


def _temporal_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    elements, outputs = a.kernel_w * a.input_frame_size, a.output_frame_size
    return _weight_and_bias((outputs, elements), (elements, outputs), outputs, elements, True)


def _temporal(call: Call, x: Any) -> Any:
    a = call.a
    check_channels(call, x, a.input_frame_size)  # `propagate_back` says nothing to convolutions of frames
    kernel = tf.reshape(call["weight"], (a.output_frame_size, a.kernel_w, a.input_frame_size))
    axes = windows(call.name, x.shape[1:2], (a.kernel_w,), (a.stride_w,), (0,))
    return biased(call, convolve(x, tf.transpose(kernel, (1, 2, 0)), axes))


def _separable_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    inputs, times, outputs = a.n_input_channel, a.depth_multiplier, a.n_output_channel
    depth, point = (times, inputs, a.kernel_w, a.kernel_h), (outputs, inputs * times, 1, 1)
    if is_last(a):
        depth, point = (a.kernel_w, a.kernel_h, inputs, times), (1, 1, inputs * times, outputs)
    return {
        "depth_weight": Parameter(depth, _unit),
        "point_weight": Parameter(point, _unit),
        "bias": Parameter((outputs,), constant(0.0)),
    }


def _unit(random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
    return random.uniform(0.0, 1.0, shape).astype(np.float32)


def _separable(call: Call, x: Any) -> Any:
    a = call.a
    x = received(call, x, a.n_input_channel)
    depth, point = call["depth_weight"], call["point_weight"]
    # The kernel's sizes stand in the shape the other way round than its elements lie.
    if is_last(a):
        depth = tf.reshape(depth, (a.kernel_h, a.kernel_w, a.n_input_channel, a.depth_multiplier))
    else:
        depth = tf.reshape(depth, (a.depth_multiplier, a.n_input_channel, a.kernel_h, a.kernel_w))
        depth, point = tf.transpose(depth, (2, 3, 1, 0)), tf.transpose(point, (2, 3, 1, 0))
    axes = windows(call.name, x.shape[1:3], (a.kernel_h, a.kernel_w), (a.stride_h, a.stride_w), (a.pad_h, a.pad_w))
    y = tf.nn.conv2d(_depthwise(x, depth, axes), point, 1, "VALID")
    return tf.nn.bias_add(y, call["bias"]) if a.with_bias else y


def _depthwise(x: Any, kernel: Any, axes: Sequence[Windows]) -> Any:
    high, wide = (axis.stride for axis in axes)
    if high == wide:
        return tf.nn.depthwise_conv2d(pad(x, axes), kernel, (1, high, wide, 1), "VALID")
    # TensorFlow steps as far down as to the right: take each window, and leave out those between.
    every = tf.nn.depthwise_conv2d(pad(x, axes), kernel, (1, 1, 1, 1), "VALID")
    return every[:, ::high, ::wide]


def _map_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    table = np.asarray(a.conn_table, int).reshape(-1, 2)
    outputs, area = int(table[:, 1].max()), a.kw * a.kh
    into = np.bincount(table[:, 1] - 1, minlength=outputs)
    bounds = 1.0 / np.sqrt(area * np.maximum(into, 1))

    def weights(random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        bound = bounds[table[:, 1] - 1][:, None, None]
        return (random.uniform(-1.0, 1.0, shape) * bound).astype(np.float32)

    def biases(random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        return (random.uniform(-1.0, 1.0, shape) * bounds).astype(np.float32)

    return {"weight": Parameter((len(table), a.kh, a.kw), weights), "bias": Parameter((outputs,), biases)}


def _map(call: Call, x: Any) -> Any:
    """A kernel for each pair (from, to) of planes; pads are not looked at."""
    a = call.a
    table = np.asarray(a.conn_table, int).reshape(-1, 2) - 1
    inputs, outputs = table.max(0) + 1
    x = received(call, x, inputs)
    dense = tf.scatter_nd(table, call["weight"], (inputs, outputs, a.kh, a.kw))
    axes = windows(call.name, x.shape[1:3], (a.kh, a.kw), (a.dh, a.dw), (0, 0))
    return biased(call, convolve(x, tf.transpose(dense, (2, 3, 0, 1)), axes))


_STRIDES = {"stride_w": 1, "stride_h": 1, "pad_w": 0, "pad_h": 0}
_SPATIAL = Kind(
    _spatial,
    _spatial_parameters,
    defaults={**_STRIDES, "n_group": 1, "with_bias": True, "propagate_back": True},
    layout=Layout.LAST,
    space=2,
)
_STEPS = {"dw": 1, "dh": 1, "pad_w": 0, "pad_h": 0}

KINDS = {
    "SpatialConvolution": _SPATIAL,
    "SpatialShareConvolution": replace(_SPATIAL, call=lambda call, x: _spatial(call, x, all_that_fit=True)),
    "SpatialDilatedConvolution": Kind(
        _dilated,
        _dilated_parameters,
        defaults={**_STEPS, "dilation_w": 1, "dilation_h": 1},
        layout=Layout.LAST,
        space=2,
    ),
    "SpatialSeparableConvolution": Kind(
        _separable,
        _separable_parameters,
        defaults={**_STRIDES, "with_bias": True},
        layout=Layout.LAST,
        space=2,
        regularized={"w": ("depth_weight",), "p": ("point_weight",), "b": ("bias",)},
    ),
    "SpatialConvolutionMap": Kind(_map, _map_parameters, defaults=_STEPS, layout=Layout.LAST, space=2),
    "TemporalConvolution": Kind(
        _temporal,
        _temporal_parameters,
        defaults={"stride_w": 1, "propagate_back": True, **FRAMES},
        layout=Layout.LAST,
        space=1,
    ),
    "VolumetricConvolution": Kind(
        _volumetric,
        _volumetric_parameters,
        defaults={"d_t": 1, "d_w": 1, "d_h": 1, "pad_t": 0, "pad_w": 0, "pad_h": 0, "with_bias": True},
        layout=Layout.LAST,
        space=3,
    ),
}
