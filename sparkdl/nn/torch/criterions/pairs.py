"""Losses by the angle between vectors, and of outputs that are tables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.criterions.kinds import Call, Kind, Reduction, always
from sparkdl.nn.torch.criterions.tensors import like, with_gradient
from sparkdl.nn.torch.kernels.gradients import through

_AVERAGED = {"size_average": True}


def _two(call: Call, output: Any) -> tuple[Any, Any]:
    if not isinstance(output, (list, tuple)) or len(output) != 2:
        found = f"a table of {len(output)}" if isinstance(output, (list, tuple)) else "one array"
        raise DataError(f"{call.name} got {found} for its output, expected a table (list) of two arrays.")
    return output[0], output[1]


def _first(target: Any) -> Any:
    """The target, which may stand in a table."""
    return target[0] if isinstance(target, (list, tuple)) else target


def _rows(x: Any) -> Any:
    return x if x.shape.rank > 1 else x[None]


def _cosine(a: Any, b: Any) -> Any:
    """Along the second dimension."""
    norms = (tf.reduce_sum(tf.square(a), 1) + 1e-12) * (tf.reduce_sum(tf.square(b), 1) + 1e-12)
    return tf.reduce_sum(a * b, 1) * tf.math.rsqrt(norms)


def _cosine_distance(call: Call, x: Any, target: Any) -> Any:
    total = tf.reduce_sum(1 - _cosine(_rows(x), _rows(like(call, x, target))))
    if not call.a.size_average:
        return total
    mean = total / tf.cast(tf.shape(x)[0], x.dtype)
    # Without a batch the loss is divided by the number of elements, but not the gradient.
    return through(mean, total) if x.shape.rank == 1 else mean


def _cosine_embedding(call: Call, output: Any, target: Any) -> Any:
    a, b = _two(call, output)
    cosine, y = _cosine(_rows(a), _rows(b)), tf.reshape(tf.cast(_first(target), a.dtype), [-1])
    apart = tf.maximum(cosine - call.a.margin, 0)
    # Scripts have always seen that a single pair that belongs together costs nothing, with the gradient of the cosine;
    # batches, which are what is trained with, have the documented meaning.
    together = 1 - cosine if a.shape.rank > 1 else through(tf.zeros_like(cosine), cosine)
    total = tf.reduce_sum(tf.where(y == 1, together, tf.where(y == -1, apart, tf.zeros_like(cosine))))
    return total / tf.cast(tf.shape(y)[0], total.dtype) if call.a.size_average else total


def _cosine_proximity(call: Call, x: Any, target: Any) -> Any:
    t, squares = tf.cast(target, x.dtype), tf.reduce_sum(tf.square(x), -1, keepdims=True)
    direction = t * tf.math.rsqrt(tf.maximum(tf.reduce_sum(tf.square(t), -1, keepdims=True), 1e-12))
    direction = like(call, x, direction)
    loss = -tf.reduce_mean(x * tf.math.rsqrt(tf.maximum(squares, 1e-12)) * direction)
    along = tf.reduce_sum(x * direction, -1, keepdims=True)
    slope = -(squares * direction - x * along) / (squares * tf.sqrt(squares)) / tf.cast(tf.size(x), x.dtype)
    # A number of its own stands where the target is not positive.
    return with_gradient(loss, x, tf.where(direction < 1e-12, tf.constant(-1e6, x.dtype), slope))


def _l1_hinge_embedding(call: Call, output: Any, target: Any) -> Any:
    a, b = _two(call, output)
    distance, margin = tf.reduce_sum(tf.abs(a - b)), call.a.margin
    y = tf.reshape(_first(target), [-1])[0]
    return tf.where(y == -1, tf.where(distance > margin, tf.zeros_like(distance), margin - distance), distance)


def _rank_hinge(call: Call, x: Any, target: Any) -> Any:
    """Outputs [batch, 2, ...]: what is to be ranked higher, and what lower. There is no target."""
    if x.shape.rank < 2 or (x.shape[1] is not None and x.shape[1] < 2):
        raise DataError(f"{call.name} got an output of shape {tuple(x.shape)}, expected [batch, 2, ...].")
    return tf.reduce_mean(tf.maximum(x[:, 1] - x[:, 0] + call.a.margin, 0))


def _margin_ranking(call: Call, output: Any, target: Any) -> Any:
    a, b = _two(call, output)
    y = like(call, a, _first(target))
    z = call.a.margin - y * (a - b)
    total = tf.reduce_sum(tf.where(z >= 0, z, tf.zeros_like(z)))
    return total / tf.cast(tf.shape(y)[0], total.dtype) if call.a.size_average else total


def _kld(call: Call, output: Any, target: Any) -> Any:
    """Of a normal distribution, whose mean and logarithm of variance the output holds, to the standard one."""
    mean, log_variance = _two(call, output)
    total = -0.5 * tf.reduce_sum(1 + log_variance - tf.square(mean) - tf.exp(log_variance))
    return total / tf.cast(tf.shape(mean)[0], total.dtype) if call.a.size_average else total


def _gaussian(call: Call, output: Any, target: Any) -> Any:
    """The negative logarithm of the target's density, of a normal distribution as in `_kld`."""
    mean, log_variance = _two(call, output)
    square = tf.square(like(call, mean, _first(target)) - mean)
    return tf.reduce_sum(0.5 * (tf.math.log(2 * 3.141592653589793) + log_variance + square / tf.exp(log_variance)))


def _smooth_l1_with_weights(call: Call, x: Any, target: Any) -> Any:
    """The target is a table of what the output should be, weights inside, and weights outside of the function."""
    table = target if isinstance(target, (list, tuple)) else [target]
    if len(table) not in (1, 3):
        raise DataError(f"{call.name} got a target of {len(table)} arrays, expected 1, or 3 with the weights.")
    t, inside, outside = [like(call, x, part) for part in table] + [tf.ones_like(x)] * (3 - len(table))
    square = float(call.a.sigma) ** 2
    difference = inside * (x - t)
    distance = tf.abs(difference)
    values = tf.where(distance < 1 / square, 0.5 * square * tf.square(difference), distance - 0.5 / square)
    total = tf.reduce_sum(outside * values)
    return total / (call.a.num if call.a.num > 0 else tf.cast(tf.shape(x)[0], x.dtype))


def _by_number(a: SimpleNamespace) -> Reduction:
    return "sum" if a.num > 0 else "mean"


KINDS = {
    "CosineDistanceCriterion": Kind(_cosine_distance, _AVERAGED),
    "CosineEmbeddingCriterion": Kind(_cosine_embedding, {"margin": 0.0, **_AVERAGED}),
    "CosineProximityCriterion": Kind(_cosine_proximity),
    "L1HingeEmbeddingCriterion": Kind(_l1_hinge_embedding, {"margin": 1.0}, always("mixed")),
    "MarginRankingCriterion": Kind(_margin_ranking, {"margin": 1.0, **_AVERAGED}),
    "RankHinge": Kind(_rank_hinge, {"margin": 1.0}),
    "KLDCriterion": Kind(_kld, _AVERAGED),
    "GaussianCriterion": Kind(_gaussian, reduction=always("sum")),
    "SmoothL1CriterionWithWeights": Kind(_smooth_l1_with_weights, {"num": 0}, _by_number),
}
