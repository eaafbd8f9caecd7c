"""Functions of each element, and of the elements of one axis."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from sparkdl.nn.torch.initial import constant, uniform
from sparkdl.nn.torch.kernels.axes import channel_axis
from sparkdl.nn.torch.kernels.gradients import through
from sparkdl.nn.torch.kinds import Call, Kind, Layout
from sparkdl.nn.torch.module import Parameter


def _clipped(x: Any, low: float, high: float) -> Any:
    """No gradient at the bounds either."""
    inside = tf.logical_and(x > low, x < high)
    return tf.where(inside, x, tf.stop_gradient(tf.clip_by_value(x, low, high)))


def _echo(call: Call, x: Any) -> Any:
    if tf.executing_eagerly():
        sys.stdout.write(f"{call.name} : Activation size is {'x'.join(map(str, x.shape))}\n")
    return x


def _prelu(call: Call, x: Any) -> Any:
    slope = call["weight"]
    if call.a.n_output_plane:
        place, rank = channel_axis(x), x.shape.rank
        place = call.axis(place, rank) if call.channels_last else place
        slope = tf.reshape(slope, [-1] + [1] * (rank - 1 - place))
    return tf.where(x > 0, x, slope * x)


def _rrelu(call: Call, x: Any) -> Any:
    slope = (call.a.lower + call.a.upper) / 2
    if call.training:
        slope = tf.random.stateless_uniform(tf.shape(x), call.seed(), call.a.lower, call.a.upper, x.dtype)
    return tf.where(x > 0, x, slope * x)


def _soft_shrink(x: Any, a: SimpleNamespace) -> Any:
    bound = a.the_lambda
    return tf.where(x > bound, x - bound, tf.where(x < -bound, x + bound, tf.zeros_like(x)))


def _srelu_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    shared = set(a.share_axes or [])
    shape = tuple(1 if axis in shared else size for axis, size in enumerate(a.input_shape, 1))
    fans = (math.prod(shape), math.prod(shape))
    drawn = Parameter(shape, uniform(math.sqrt(3.0 / fans[0])), fans)
    return {
        "tLeft": Parameter(shape, constant(0.0), fans),
        "aLeft": drawn,
        "tRight": drawn,
        "aRight": Parameter(shape, constant(1.0), fans),
    }


def _srelu(call: Call, x: Any) -> Any:
    left = call["tLeft"]
    # The right threshold lies |tRight| behind the left one; its gradient is taken as if it were tRight itself.
    right = through(tf.abs(call["tRight"]) + left, call["tRight"])
    above = right + call["aRight"] * (x - right)
    below = left + call["aLeft"] * (x - left)
    return tf.where(x >= right, above, tf.where(x <= left, below, x))


def _function(function: Any, **defaults: Any) -> Kind:
    """A function of each element and the arguments."""
    return Kind(lambda call, x: function(x, call.a), defaults=defaults, layout=Layout.ANY)


def _along(function: Any) -> Kind:
    """A function of the elements of the last axis of the module's own order."""
    return Kind(lambda call, x: function(x, axis=call.axis(-1, x.shape.rank)), layout=Layout.ANY)


def _binary(x: Any, a: SimpleNamespace) -> Any:
    above = x > a.th
    return through(tf.cast(above, x.dtype), tf.where(above, x, tf.zeros_like(x)))


def _threshold(x: Any, a: SimpleNamespace) -> Any:
    return tf.where(x > a.th, x, tf.fill(tf.shape(x), tf.cast(a.v, x.dtype)))


KINDS = {
    "Abs": _function(lambda x, a: tf.where(x > 0, x, -x)),  # the gradient is -1 at 0
    "BinaryThreshold": _function(_binary, th=1e-6),
    "Clamp": _function(lambda x, a: _clipped(x, a.min, a.max)),
    "Contiguous": Kind(lambda call, x: x, dissolves=True),
    "ELU": _function(lambda x, a: tf.where(x > 0, x, a.alpha * tf.math.expm1(tf.minimum(x, 0.0))), alpha=1.0),
    "Echo": Kind(_echo, layout=Layout.ANY),
    "Exp": _function(lambda x, a: tf.exp(x)),
    "HardShrink": _function(lambda x, a: tf.where(tf.abs(x) > a.the_lambda, x, tf.zeros_like(x)), the_lambda=0.5),
    "HardSigmoid": _function(lambda x, a: tf.where(tf.abs(x) > 2.5, tf.cast(x > 0, x.dtype), 0.2 * x + 0.5)),
    "HardTanh": _function(lambda x, a: _clipped(x, a.min_value, a.max_value), min_value=-1.0, max_value=1.0),
    "Identity": Kind(lambda call, x: x, dissolves=True),
    "LeakyReLU": _function(lambda x, a: tf.where(x < 0, a.negval * x, x), negval=0.01),
    "Log": _function(lambda x, a: tf.math.log(x)),
    "LogSigmoid": _function(lambda x, a: tf.math.log_sigmoid(x)),
    "LogSoftMax": _along(tf.nn.log_softmax),
    "PReLU": Kind(
        _prelu,
        lambda a: {"weight": Parameter((a.n_output_plane or 1,), constant(0.25), (a.n_output_plane or 1, 1))},
        defaults={"n_output_plane": 0},
        layout=Layout.ANY,
    ),
    "RReLU": Kind(_rrelu, defaults={"lower": 1 / 8, "upper": 1 / 3}, layout=Layout.ANY),
    "ReLU": _function(lambda x, a: tf.nn.relu(x)),
    "ReLU6": _function(lambda x, a: _clipped(x, 0.0, 6.0)),
    "SReLU": Kind(_srelu, _srelu_parameters, defaults={"share_axes": None}),
    "Sigmoid": _function(lambda x, a: tf.sigmoid(x)),
    "SoftMax": _along(tf.nn.softmax),
    "SoftMin": Kind(lambda call, x: tf.nn.softmax(-x, channel_axis(x))),
    "SoftPlus": _function(lambda x, a: tf.nn.softplus(a.beta * x) / a.beta, beta=1.0),
    "SoftShrink": _function(_soft_shrink, the_lambda=0.5),
    "SoftSign": _function(lambda x, a: x / (1.0 + tf.abs(x))),
    "Sqrt": _function(lambda x, a: tf.sqrt(x)),
    "Square": _function(lambda x, a: tf.square(x)),
    "Tanh": _function(lambda x, a: tf.tanh(x)),
    "TanhShrink": _function(lambda x, a: x - tf.tanh(x)),
    "Threshold": _function(_threshold, th=1e-6, v=0.0),
}
