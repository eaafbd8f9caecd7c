"""Losses between an output and a target of the same shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.criterions.kinds import Call, Kind, always
from sparkdl.nn.torch.criterions.tensors import averaged, like, with_gradient

_AVERAGED = {"size_average": True}
_SMALL = 1e-7


def _kernel(function: Callable[[Call, Any, Any], Any]) -> Callable[[Call, Any, Any], Any]:
    """A kernel whose target has the shape of the output."""
    return lambda call, x, target: function(call, x, like(call, x, target))


def _mse(call: Call, x: Any, t: Any) -> Any:
    return tf.reduce_mean(tf.square(x - t))


def _abs(call: Call, x: Any, t: Any) -> Any:
    # The gradient is 1 where both are equal.
    gradient = tf.where(t > x, -tf.ones_like(x), tf.ones_like(x))
    return averaged(call, with_gradient(tf.reduce_sum(tf.abs(x - t)), x, gradient), x)


def _smooth_l1(call: Call, x: Any, t: Any) -> Any:
    distance = tf.abs(x - t)
    return averaged(call, tf.reduce_sum(tf.where(distance < 1, 0.5 * tf.square(x - t), distance - 0.5)), x)


def _bce(call: Call, x: Any, t: Any) -> Any:
    weights = _bce_weights(call, x)
    loss = -weights * (t * tf.math.log(x + 1e-12) + (1 - t) * tf.math.log(1 - x + 1e-12))
    # One fraction, which is 0 where the output is exactly the target.
    gradient = weights * (t - x) / (x * x - x - 1e-12)
    return averaged(call, with_gradient(tf.reduce_sum(loss), x, gradient), x)


def _bce_weights(call: Call, x: Any) -> Any:
    if call.a.weights is None:
        return tf.ones((), x.dtype)
    weights = tf.constant(call.a.weights, x.dtype)
    rank = weights.shape.rank
    if rank > x.shape.rank or not weights.shape.is_compatible_with(x.shape[x.shape.rank - rank :]):
        raise DataError(
            f"{call.name} has weights of shape {tuple(weights.shape)} and got an output of shape {tuple(x.shape)}: the "
            "weights need the shape of the output, or of one row of it."
        )
    return weights


def _multi_label_soft_margin(call: Call, x: Any, t: Any) -> Any:
    return _bce(call, tf.sigmoid(x), t)


def _dist_kl_div(call: Call, x: Any, t: Any) -> Any:
    positive = t > 0
    logs = tf.math.log(tf.where(positive, t, tf.ones_like(t)))
    return averaged(call, tf.reduce_sum(tf.where(positive, t * (logs - x), tf.zeros_like(x))), x)


def _kullback_leibler(call: Call, x: Any, t: Any) -> Any:
    output, target = tf.clip_by_value(x, _SMALL, 1.0), tf.clip_by_value(t, _SMALL, 1.0)
    outside = ((x > 1) & (t > 1)) | (x < _SMALL)
    gradient = tf.where(outside, tf.zeros_like(x), -target / output)
    total = with_gradient(tf.reduce_sum(target * tf.math.log(target / output)), x, gradient)
    return total if x.shape.rank == 1 else total / tf.cast(tf.shape(x)[0], x.dtype)


def _dot_product(call: Call, x: Any, t: Any) -> Any:
    return tf.reduce_sum(x * t)


def _policy_gradient(call: Call, x: Any, t: Any) -> Any:
    return -tf.reduce_sum(tf.math.log(x) * t)


def _hinge_embedding(call: Call, x: Any, t: Any) -> Any:
    margin = tf.maximum(call.a.margin - x, 0)
    loss = tf.where(t == -1, tf.zeros_like(x), x) + tf.where(t == 1, tf.zeros_like(x), margin)
    gradient = tf.where((t == -1) & (x > call.a.margin), tf.zeros_like(x), t)
    return averaged(call, with_gradient(tf.reduce_sum(loss), x, gradient), x)


def _margin(call: Call, x: Any, t: Any) -> Any:
    z = call.a.margin - x * t
    return averaged(call, tf.reduce_sum(tf.where(z > 0, z * z if call.a.squared else z, tf.zeros_like(z))), x)


def _soft_margin(call: Call, x: Any, t: Any) -> Any:
    return averaged(call, tf.reduce_sum(tf.nn.softplus(-x * t)), x)


def _absolute_percentage(call: Call, x: Any, t: Any) -> Any:
    return 100 * tf.reduce_mean(tf.abs(x - t) / tf.maximum(tf.abs(t), _SMALL))


def _squared_logarithmic(call: Call, x: Any, t: Any) -> Any:
    return tf.reduce_mean(tf.square(tf.math.log(tf.maximum(t, _SMALL) + 1) - tf.math.log(tf.maximum(x, _SMALL) + 1)))


def _poisson(call: Call, x: Any, t: Any) -> Any:
    gradient = (1 - t / x) / tf.cast(tf.size(x), x.dtype)
    return with_gradient(tf.reduce_mean(x - t * tf.math.log(x + _SMALL)), x, gradient)


def _dice(call: Call, x: Any, t: Any) -> Any:
    x, t = (x, t) if x.shape.rank > 1 else (x[None], t[None])
    epsilon = call.a.epsilon
    overlap = 2 * tf.reduce_sum(x * t, 1) + epsilon
    total = tf.reduce_sum(1 - overlap / (tf.reduce_sum(x, 1) + tf.reduce_sum(t, 1) + epsilon))
    return total / tf.cast(tf.shape(x)[0], x.dtype) if call.a.size_average else total


def _l1_cost(call: Call, x: Any, target: Any) -> Any:
    return tf.reduce_sum(tf.abs(x))


KINDS = {
    "MSECriterion": Kind(_kernel(_mse)),
    "AbsCriterion": Kind(_kernel(_abs), _AVERAGED),
    "SmoothL1Criterion": Kind(_kernel(_smooth_l1), _AVERAGED),
    "BCECriterion": Kind(_kernel(_bce), {"weights": None, **_AVERAGED}),
    # This one averages whatever `size_average` says, as scripts have always seen.
    "MultiLabelSoftMarginCriterion": Kind(_kernel(_multi_label_soft_margin), {"weights": None, **_AVERAGED}),
    "DistKLDivCriterion": Kind(_kernel(_dist_kl_div), _AVERAGED),
    "KullbackLeiblerDivergenceCriterion": Kind(_kernel(_kullback_leibler)),
    # These two sum whatever their argument says.
    "DotProductCriterion": Kind(_kernel(_dot_product), reduction=always("sum")),
    "PGCriterion": Kind(_kernel(_policy_gradient), reduction=always("sum")),
    "HingeEmbeddingCriterion": Kind(_kernel(_hinge_embedding), {"margin": 1.0, **_AVERAGED}),
    "MarginCriterion": Kind(_kernel(_margin), {"margin": 1.0, "squared": False, **_AVERAGED}),
    "SoftMarginCriterion": Kind(_kernel(_soft_margin), _AVERAGED),
    "MeanAbsolutePercentageCriterion": Kind(_kernel(_absolute_percentage)),
    "MeanSquaredLogarithmicCriterion": Kind(_kernel(_squared_logarithmic)),
    "PoissonCriterion": Kind(_kernel(_poisson)),
    "DiceCoefficientCriterion": Kind(_kernel(_dice), {"epsilon": 1.0, **_AVERAGED}),
    "L1Cost": Kind(_l1_cost, reduction=always("sum")),
}

# Those whose loss is the mean, or the sum, of a function of each element and its target.
ELEMENTWISE = frozenset(KINDS) - {
    "DiceCoefficientCriterion",
    "DotProductCriterion",
    "KullbackLeiblerDivergenceCriterion",
    "L1Cost",
    "PGCriterion",
}
