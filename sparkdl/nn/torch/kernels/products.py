"""Products, distances and choices between two values or more."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.kernels.axes import axis
from sparkdl.nn.torch.kinds import Call, Kind


def _rows(x: Any) -> list[Any]:
    """Vectors as batches of one."""
    return [part[None] if part.shape.rank == 1 else part for part in x]


def _dot(call: Call, x: Any) -> Any:
    one, other = _rows(x)
    return tf.reduce_sum(one * other, 1)


def _cosine_distance(call: Call, x: Any) -> Any:
    one, other = _rows(x)
    lengths = [tf.reduce_sum(tf.square(part), 1) + 1e-12 for part in (one, other)]
    return tf.reduce_sum(one * other, 1) * tf.math.rsqrt(lengths[0]) * tf.math.rsqrt(lengths[1])


def _cross(call: Call, x: Any) -> Any:
    if call.a.numTensor > 0 and len(x) != call.a.numTensor:
        raise DataError(f"{call.name} takes {call.a.numTensor} tensors, received {len(x)}.")
    return tf.stack([tf.reduce_sum(one * other, 1) for one, other in combinations(_rows(x), 2)], 1)


def _pairwise(call: Call, x: Any) -> Any:
    one, other = _rows(x)
    return _distance(one - other, float(call.a.norm))


def _distance(difference: Any, norm: float) -> Any:
    """The norm of rows. Its gradient divides by a little more than the norm, and is -1 where the L1 norm has none."""

    @tf.custom_gradient
    def distance(d: Any) -> Any:
        y = tf.pow(tf.reduce_sum(tf.pow(tf.abs(d), norm), 1), 1.0 / norm)

        def gradient(g: Any) -> Any:
            sign = tf.where(d > 0, tf.ones_like(d), -tf.ones_like(d))
            direction = sign if norm == 1 else d if norm == 2 else d * tf.pow(tf.abs(d), norm - 2.0)
            return direction * (g * tf.pow(y + 1e-6, 1.0 - norm))[:, None]

        return y, gradient

    return distance(difference)


def _matrices(call: Call, x: Any) -> Any:
    one, other = x
    return tf.matmul(one, other, transpose_a=call.a.trans_a, transpose_b=call.a.trans_b)


def _matrix_vector(call: Call, x: Any) -> Any:
    return tf.linalg.matvec(x[0], x[1], transpose_a=call.a.trans)


def _gemm(call: Call, x: Any) -> Any:
    product = call.a.alpha * _matrices(call, x[:2])
    return product + call.a.beta * x[2] if len(x) > 2 else product


def _index(call: Call, x: Any) -> Any:
    value, index = x
    return tf.gather(value, tf.cast(index, tf.int32) - 1, axis=axis(value, call.a.dimension))


KINDS = {
    "CosineDistance": Kind(_cosine_distance),
    "CrossProduct": Kind(_cross, defaults={"numTensor": 0, "embeddingSize": 0}),
    "DotProduct": Kind(_dot),
    "Gemm": Kind(_gemm, defaults={"alpha": 1.0, "beta": 1.0, "trans_a": False, "trans_b": False}),
    "Index": Kind(_index),
    "MM": Kind(_matrices, defaults={"trans_a": False, "trans_b": False}),
    "MV": Kind(_matrix_vector, defaults={"trans": False}),
    "MaskedSelect": Kind(lambda call, x: tf.boolean_mask(x[0], x[1] != 0)),
    "PairwiseDistance": Kind(_pairwise, defaults={"norm": 2}),
}
