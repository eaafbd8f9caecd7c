"""Normalization over a batch, with moving averages for evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.nn.torch.initial import constant
from sparkdl.nn.torch.kernels.windows import check_channels
from sparkdl.nn.torch.kinds import Call, Kind, Layout
from sparkdl.nn.torch.module import Array, Parameter


def _unit(random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
    return random.uniform(0.0, 1.0, shape).astype(np.float32)


def _parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    if not a.affine:
        return {}
    shape, fans = (a.n_output,), (a.n_output, 1)
    return {"weight": Parameter(shape, _unit, fans), "bias": Parameter(shape, constant(0.0), fans)}


def _states(a: SimpleNamespace) -> Mapping[str, Array]:
    return {"running_mean": np.zeros(a.n_output, np.float32), "running_variance": np.ones(a.n_output, np.float32)}


def _normalized(call: Call, x: Any) -> Any:
    """Each channel (the last axis) with mean 0 and deviation 1, times the weight, plus the bias."""
    a = call.a
    check_channels(call, x, a.n_output)
    weight = call["weight"] if call.has("weight") else tf.ones(a.n_output)
    bias = call["bias"] if call.has("bias") else tf.zeros(a.n_output)
    images = x if x.shape.rank == 4 else x[:, tf.newaxis, tf.newaxis]
    if call.training:
        y, mean, variance, *_ = _fused(images, weight, bias, tf.zeros(0), tf.zeros(0), a.eps, True)
        for name, value in (("running_mean", mean), ("running_variance", variance)):
            call.set_state(name, (1.0 - a.momentum) * call.state(name) + a.momentum * tf.stop_gradient(value))
    else:
        y = _evaluated(call, images, weight, bias)
    return y if x.shape.rank == 4 else y[:, 0, 0]


def _evaluated(call: Call, x: Any, weight: Any, bias: Any) -> Any:
    mean, variance = call.state("running_mean"), call.state("running_variance")

    @tf.custom_gradient
    def replayed(x: Any, weight: Any, bias: Any) -> Any:
        """The pass back in evaluation takes the bias for the deviation; scripts have always seen these numbers."""

        def gradient(dy: Any) -> tuple[Any, Any, Any]:
            return dy * weight * bias, tf.zeros_like(weight), tf.reduce_sum(dy, (0, 1, 2))

        return _fused(x, weight, bias, mean, variance, call.a.eps, False)[0], gradient

    if call.runner.on_arrays and call.has("weight"):
        return replayed(x, weight, bias)
    return _fused(x, weight, bias, mean, variance, call.a.eps, False)[0]


def _fused(x: Any, weight: Any, bias: Any, mean: Any, variance: Any, eps: float, training: bool) -> Any:
    """The value, and in training the mean and the unbiased variance of the batch."""
    return tf.raw_ops.FusedBatchNormV3(
        x=x, scale=weight, offset=bias, mean=mean, variance=variance, epsilon=eps, is_training=training
    )


_DEFAULTS = {"eps": 1e-5, "momentum": 0.1, "affine": True}

KINDS = {
    "BatchNormalization": Kind(_normalized, _parameters, _states, _DEFAULTS, layout=Layout.LAST, space=0),
    "SpatialBatchNormalization": Kind(_normalized, _parameters, _states, _DEFAULTS, layout=Layout.LAST, space=2),
}
