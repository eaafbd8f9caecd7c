"""Normalization over neighbours: in space, in channels, or over the last axis."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.initial import constant
from sparkdl.nn.torch.kernels.convolution import convolve
from sparkdl.nn.torch.kernels.pooling import mean
from sparkdl.nn.torch.kernels.windows import check_channels, windows
from sparkdl.nn.torch.kinds import Call, Kind, Layout
from sparkdl.nn.torch.module import Array, Initial, Parameter

_FEW = 192  # channels: the products grow with their square


def _odd(a: SimpleNamespace) -> Mapping[str, Any]:
    if a.size % 2 == 0:
        raise ArgumentError(f"a response normalization has size={a.size}, expected an odd number.")
    return {}


def _across(call: Call, x: Any) -> Any:
    """The window covers neighbouring channels."""
    a = call.a
    if x.shape[-1] <= _FEW:
        return _banded(x, a.size, a.k, a.alpha / a.size, a.beta)
    return tf.nn.local_response_normalization(x, (a.size - 1) // 2, a.k, a.alpha / a.size, a.beta)


def _banded(x: Any, size: int, k: float, alpha: float, beta: float) -> Any:
    """What TensorFlow's kernel does too, but as a product of matrices: of few channels that is several times faster."""
    places = np.arange(x.shape[-1])
    band = tf.constant(np.where(np.abs(places[:, np.newaxis] - places) <= size // 2, alpha, 0.0), x.dtype)

    @tf.custom_gradient
    def normalized(x: Any) -> Any:
        sums = tf.tensordot(tf.square(x), band, 1) + k
        root = tf.math.rsqrt(sums)
        factors = root * tf.sqrt(root) if beta == 0.75 else tf.pow(sums, -beta)

        def gradient(dy: Any) -> Any:
            inner = dy * factors
            return inner - 2.0 * beta * x * tf.tensordot(x * inner / sums, band, 1)

        return x * factors, gradient

    return normalized(x)


def _within(call: Call, x: Any) -> Any:
    a = call.a
    side = (a.size - 1) // 2
    axes = windows(call.name, x.shape[1:3], (a.size, a.size), (1, 1), (side, side), ceil=True)
    return x * tf.pow(1.0 + a.alpha * mean(tf.square(x), axes), -a.beta)


def _kernel(a: SimpleNamespace) -> Any:
    """The averaging kernel, or a vector of which it is the product with itself; 9 x 9 ones where none is given."""
    kernel = np.ones((9, 9), np.float32) if a.kernel is None else np.asarray(a.kernel, np.float32)
    if kernel.ndim not in (1, 2) or any(size % 2 == 0 for size in kernel.shape):
        raise ArgumentError(f"an averaging kernel has the shape {kernel.shape}, expected one or two odd numbers.")
    return kernel


def _check_kernel(a: SimpleNamespace) -> Mapping[str, Any]:
    _kernel(a)
    return {}


def _average(call: Call, x: Any, root: bool) -> Any:
    """The weighted mean of the window around each place over all channels, with zeros outside: one channel.

    A kernel given as a vector has weights that add up to something else where `root` says so.
    """
    kernel, planes = _kernel(call.a), call.a.n_input_plane
    check_channels(call, x, planes)
    if kernel.ndim == 1:
        kernel = kernel / (kernel.sum() * (np.sqrt(planes) if root else planes))
        kernel = np.outer(kernel, kernel)
    else:
        kernel = kernel / (kernel.sum() * planes)
    dense = np.repeat(kernel[:, :, np.newaxis, np.newaxis], planes, 2).astype(np.float32)
    sides = [size // 2 for size in kernel.shape]
    axes = windows(call.name, x.shape[1:3], kernel.shape, (1, 1), sides)
    return convolve(x, tf.constant(dense), axes)


def _subtracted(call: Call, x: Any) -> Any:
    return x - _average(call, x, False) / _average(call, tf.ones_like(x[:1]), False)


def _divided(call: Call, x: Any) -> Any:
    deviation = tf.sqrt(_average(call, tf.square(x), True)) / _average(call, tf.ones_like(x[:1]), True)
    return x / tf.where(deviation > call.a.threshold, deviation, call.a.thresval)


def _unit_norm(call: Call, x: Any) -> Any:
    """Along the channels of [channels], [batch, channels] or [batch, channels, height, width]."""
    if x.shape.rank not in (1, 2, 4):
        raise DataError(
            f"{call.name} takes [channels], [batch, channels] or [batch, channels, height, width], but was given the "
            f"shape {tuple(x.shape)}."
        )
    p, axis = call.a.p, call.axis(min(1, x.shape.rank - 1), x.shape.rank)
    if p == sys.float_info.max:
        return x / (tf.reduce_max(tf.abs(x), axis, keepdims=True) + call.a.eps)
    if p == math.inf:  # the root of that order is 1, whatever the sum
        return tf.identity(x)
    powers = tf.square(x) if p == 2 else _powers(x, p, call.a.eps)
    sums = tf.reduce_sum(powers, axis, keepdims=True) + call.a.eps
    return x / (tf.sqrt(sums) if p == 2 else tf.pow(sums, 1.0 / p))


def _powers(x: Any, p: float, eps: float) -> Any:
    """Powers of the absolute values; below 2, their gradients are those of values that are greater by `eps`."""

    @tf.custom_gradient
    def powers(x: Any) -> Any:
        sizes = tf.abs(x)
        slopes = p * x * tf.pow(sizes + eps if p < 2 else sizes, p - 2)
        return tf.pow(sizes, p), lambda gradient: gradient * slopes

    return powers(x)


def _check_norm(a: SimpleNamespace) -> Mapping[str, Any]:
    if a.p <= 0:
        raise ArgumentError(f"there is no {a.p}-norm: p is expected to be above 0.")
    return {}


def _scaled_norm(call: Call, x: Any) -> Any:
    weight, rank = call["weight"], x.shape.rank
    weight = tf.reshape(weight, [1] * (rank - weight.shape.rank) + weight.shape.as_list())
    weight = tf.transpose(weight, call.axes(rank))
    return _replayed_norm(call, x, weight) if call.runner.on_arrays else _unit_norm(call, x) * weight


def _replayed_norm(call: Call, x: Any, weight: Any) -> Any:
    """The passes back swap norm and weight, and take x for its norm; scripts have always seen these numbers."""

    @tf.custom_gradient
    def replayed(x: Any, weight: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = _unit_norm(call, x)
        spread = [axis for axis, size in enumerate(weight.shape) if size == 1]

        def gradient(dy: Any) -> tuple[Any, Any]:
            return tape.gradient(y, x, dy) * weight, tf.reduce_sum(x * dy, spread, keepdims=True)

        return y * weight, gradient

    return replayed(x, weight)


def _scale(a: SimpleNamespace) -> Mapping[str, Parameter]:
    _check_norm(a)
    return {"weight": Parameter(tuple(a.size), _filled(a.scale))}


def _filled(value: float) -> Initial:
    """One value, after as many random numbers as are drawn before the weight is filled: later layers depend on it."""

    def initial(random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        random.uniform(size=shape)
        return np.full(shape, value, np.float32)

    return initial


def _layer_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    shape = (a.hidden_size,)
    return {"weight": Parameter(shape, constant(1.0)), "bias": Parameter(shape, constant(0.0))}


def _over_last(call: Call, x: Any) -> Any:
    check_channels(call, x, call.a.hidden_size)
    centred = x - tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), -1, keepdims=True)
    return centred * tf.math.rsqrt(variance + 1e-6) * call["weight"] + call["bias"]


_RESPONSE = {"size": 5, "alpha": 1.0, "beta": 0.75}
_AVERAGE = {"n_input_plane": 1, "kernel": None}
_THRESHOLD = {**_AVERAGE, "threshold": 1e-4, "thresval": 1e-4}

KINDS = {
    "SpatialCrossMapLRN": Kind(_across, _odd, defaults={**_RESPONSE, "k": 1.0}, layout=Layout.LAST, space=2),
    "SpatialWithinChannelLRN": Kind(_within, _odd, defaults=_RESPONSE, layout=Layout.LAST, space=2),
    "SpatialSubtractiveNormalization": Kind(_subtracted, _check_kernel, defaults=_AVERAGE, layout=Layout.LAST, space=2),
    "SpatialDivisiveNormalization": Kind(_divided, _check_kernel, defaults=_THRESHOLD, layout=Layout.LAST, space=2),
    "SpatialContrastiveNormalization": Kind(
        lambda call, x: _divided(call, _subtracted(call, x)),
        _check_kernel,
        defaults=_THRESHOLD,
        layout=Layout.LAST,
        space=2,
    ),
    "Normalize": Kind(_unit_norm, _check_norm, defaults={"eps": 1e-10}, layout=Layout.ANY),
    "NormalizeScale": Kind(_scaled_norm, _scale, defaults={"eps": 1e-10}, layout=Layout.ANY),
    "LayerNormalization": Kind(_over_last, _layer_parameters),
}
