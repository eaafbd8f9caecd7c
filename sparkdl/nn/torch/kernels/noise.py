"""Modules that disturb values in training, or gradients on their way back."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sparkdl.nn.torch.kernels.gradients import penalized, scaled
from sparkdl.nn.torch.kinds import Call, Kind, Layout


def _kept(call: Call, shape: Any, dtype: Any) -> Any:
    """1 where a value is kept, 0 where it is dropped."""
    return tf.cast(tf.random.stateless_uniform(shape, call.seed()) >= call.a.init_p, dtype)


def _dropout(call: Call, x: Any) -> Any:
    kept = 1.0 - call.a.init_p
    if not call.training:
        return x if call.a.scale else x * kept
    mask = _kept(call, tf.shape(x), x.dtype)
    return x * (mask / kept if call.a.scale else mask)


def _whole_channels(place: Any) -> Any:
    """Dropout of whole channels: `place(call, rank)` tells the axes along which a channel is dropped as a whole."""

    def kernel(call: Call, x: Any) -> Any:
        if not call.training:
            return x * (1.0 - call.a.init_p)
        sizes = tf.unstack(tf.shape(x))
        for axis in place(call, x.shape.rank):
            sizes[call.axis(axis, x.shape.rank)] = 1
        return x * _kept(call, tf.stack(sizes), x.dtype)

    return kernel


def _spatial(dimensions: int) -> Any:
    def place(call: Call, rank: int) -> range:
        batch = rank - dimensions - 1
        first = batch + 1 if str(call.a.data_format).upper() == "NCHW" else batch
        return range(first, first + dimensions)

    return place


def _normal(call: Call, x: Any, mean: float, deviation: float) -> Any:
    return tf.random.stateless_normal(tf.shape(x), call.seed(), mean, deviation, x.dtype)


def _gaussian_dropout(call: Call, x: Any) -> Any:
    deviation = (call.a.rate / (1.0 - call.a.rate)) ** 0.5
    return x * _normal(call, x, 1.0, deviation) if call.training else x


def _gaussian_noise(call: Call, x: Any) -> Any:
    return x + _normal(call, x, 0.0, call.a.stddev) if call.training else x


def _gaussian_sampler(call: Call, x: Any) -> Any:
    mean, log_variance = x
    return mean + tf.exp(0.5 * log_variance) * _normal(call, mean, 0.0, 1.0)


def _l1_penalty(call: Call, x: Any) -> Any:
    weight = tf.cast(call.a.l1weight, x.dtype)
    weight = weight / tf.cast(tf.size(x), x.dtype) if call.a.size_average else weight
    y = penalized(x, tf.sign(x) * weight)
    return y if call.a.provide_output else scaled(y, 0.0)


def _activity_regularization(call: Call, x: Any) -> Any:
    return penalized(x, call.a.l1 * tf.sign(x) + 2.0 * call.a.l2 * x)


def _anywhere(kernel: Any, **defaults: Any) -> Kind:
    return Kind(kernel, defaults=defaults, layout=Layout.ANY)


def _negative_entropy_penalty(call: Call, x: Any) -> Any:
    return penalized(x, call.a.beta * (tf.math.log(x) + 1.0))


KINDS = {
    "ActivityRegularization": _anywhere(_activity_regularization, l1=0.0, l2=0.0),
    "Dropout": _anywhere(_dropout, init_p=0.5, scale=True),
    "GaussianDropout": _anywhere(_gaussian_dropout),
    "GaussianNoise": _anywhere(_gaussian_noise),
    "GaussianSampler": _anywhere(_gaussian_sampler),
    "GradientReversal": _anywhere(lambda call, x: scaled(x, -call.a.the_lambda), the_lambda=1.0),
    "L1Penalty": _anywhere(_l1_penalty, size_average=False, provide_output=True),
    "NegativeEntropyPenalty": _anywhere(_negative_entropy_penalty, beta=0.01),
    "SpatialDropout1D": _anywhere(_whole_channels(lambda call, rank: range(rank - 2, rank - 1)), init_p=0.5),
    "SpatialDropout2D": _anywhere(_whole_channels(_spatial(2)), init_p=0.5, data_format="NCHW"),
    "SpatialDropout3D": _anywhere(_whole_channels(_spatial(3)), init_p=0.5, data_format="NCHW"),
    # What a graph puts where no gradient is to go on.
    "StopGradient": _anywhere(lambda call, x: tf.nest.map_structure(tf.stop_gradient, x)),
}
