"""Convolutions whose weights are others at each place."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.initial import by_fan_in
from sparkdl.nn.torch.kernels.convolution import FRAMES, received
from sparkdl.nn.torch.kernels.windows import Windows, check_channels, check_pads, pad, windows
from sparkdl.nn.torch.kinds import Call, Kind, Layout
from sparkdl.nn.torch.layout import is_last
from sparkdl.nn.torch.module import Parameter


def _parameters(places: int, outputs: int, elements: int, with_bias: bool) -> Mapping[str, Parameter]:
    initial = by_fan_in(elements)
    weight = {"weight": Parameter((places, outputs, elements), initial, (outputs, places))}
    return {**weight, "bias": Parameter((places, outputs), initial, (places, 1))} if with_bias else weight


def _frames_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    places = (a.n_input_frame - a.kernel_w) // a.stride_w + 1
    return _parameters(places, a.output_frame_size, a.kernel_w * a.input_frame_size, True)


def _frames(call: Call, x: Any) -> Any:
    """The last frame gets no bias, whose gradient is as if it did: so have scripts always had it."""
    a = call.a
    check_channels(call, x, a.input_frame_size)
    _check_size(call, x.shape[1:2], (a.n_input_frame,))
    axes = windows(call.name, x.shape[1:2], (a.kernel_w,), (a.stride_w,), (0,))
    patches = tf.image.extract_patches(
        x[:, :, tf.newaxis], (1, a.kernel_w, 1, 1), (1, a.stride_w, 1, 1), (1, 1, 1, 1), "VALID"
    )
    y = tf.einsum("bpk,pok->bpo", patches[:, :, 0], call["weight"])
    last = np.arange(axes[0].count)[:, np.newaxis] == axes[0].count - 1
    return y + call["bias"] - tf.stop_gradient(tf.where(last, call["bias"], 0.0))


def _image_axes(owner: str, a: SimpleNamespace) -> list[Windows]:
    sizes, kernel = (a.input_height, a.input_width), (a.kernel_h, a.kernel_w)
    return windows(owner, sizes, kernel, (a.stride_h, a.stride_w), (a.pad_h, a.pad_w))


def _images_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    check_pads("LocallyConnected2D", (a.pad_h, a.pad_w))
    high, wide = _image_axes("LocallyConnected2D", a)
    elements = a.n_input_plane * a.kernel_h * a.kernel_w
    return _parameters(high.count * wide.count, a.n_output_plane, elements, a.with_bias)


def _images(call: Call, x: Any) -> Any:
    a = call.a
    x = received(call, x, a.n_input_plane)
    _check_size(call, x.shape[1:3], (a.input_height, a.input_width))
    high, wide = axes = _image_axes(call.name, a)
    patches = tf.image.extract_patches(
        pad(x, axes), (1, a.kernel_h, a.kernel_w, 1), (1, a.stride_h, a.stride_w, 1), (1, 1, 1, 1), "VALID"
    )
    places, area = high.count * wide.count, a.kernel_h * a.kernel_w
    weight = call["weight"]
    if not is_last(a):  # [places, out, in * height * width] there, and in last in the patches
        weight = tf.reshape(weight, (places, a.n_output_plane, a.n_input_plane, area))
        weight = tf.reshape(tf.transpose(weight, (0, 1, 3, 2)), (places, a.n_output_plane, -1))
    y = tf.einsum("bpk,pok->bpo", tf.reshape(patches, (-1, places, area * a.n_input_plane)), weight)
    if call.has("bias"):
        # With channels first, the bias lies in memory as the output does, whatever its shape says.
        bias = call["bias"]
        y += bias if is_last(a) else tf.transpose(tf.reshape(bias, (a.n_output_plane, places)))
    return tf.reshape(y, (-1, high.count, wide.count, a.n_output_plane))


def _check_size(call: Call, found: Any, expected: tuple[int, ...]) -> None:
    if tuple(found) != expected:
        raise DataError(f"{call.name} has weights for values of the size {expected}, but was given {tuple(found)}.")


KINDS = {
    "LocallyConnected1D": Kind(
        _frames,
        _frames_parameters,
        defaults={"stride_w": 1, "propagate_back": True, **FRAMES},
        layout=Layout.LAST,
        space=1,
    ),
    "LocallyConnected2D": Kind(
        _images,
        _images_parameters,
        defaults={
            "stride_w": 1,
            "stride_h": 1,
            "pad_w": 0,
            "pad_h": 0,
            "propagate_back": True,
            "with_bias": True,
        },
        layout=Layout.LAST,
        space=2,
    ),
}
