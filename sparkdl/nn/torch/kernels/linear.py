"""Matrix products with trained matrices."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.initial import by_fan_in
from sparkdl.nn.torch.kinds import Call, Kind
from sparkdl.nn.torch.module import Parameter


def linear_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    """Of a matrix [output_size, input_size] and a bias."""
    initial, fans = by_fan_in(a.input_size), (a.input_size, a.output_size)
    weight = Parameter((a.output_size, a.input_size), initial, fans)
    return {"weight": weight, "bias": Parameter((a.output_size,), initial)} if a.with_bias else {"weight": weight}


def _linear(call: Call, x: Any) -> Any:
    """[batch, in] or [in] to [batch, out] or [out]."""
    size, wanted = x.shape[-1] if x.shape.rank else None, call.a.input_size
    if x.shape.rank == 0 or size not in (None, wanted):
        raise DataError(
            f"{call.name} takes {wanted} features (input_size), but was given "
            f"{'a number' if size is None else size}: look at the shape of the features and at the layer before."
        )
    rows = x if x.shape.rank > 1 else x[None]
    y = tf.matmul(rows, call["weight"], transpose_b=True)
    y = tf.nn.bias_add(y, call["bias"]) if call.has("bias") else y
    return y if x.shape.rank > 1 else y[0]


def _bilinear_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    initial, size = by_fan_in(a.input_size1), a.output_size * a.input_size1 * a.input_size2
    weight = Parameter((a.output_size, a.input_size1, a.input_size2), initial, (size, size))
    return {"weight": weight, "bias": Parameter((a.output_size,), initial)} if a.bias_res else {"weight": weight}


def _bilinear(call: Call, x: Any) -> Any:
    """[batch, in1] and [batch, in2] to [batch, out]."""
    y = tf.einsum("bi,oij,bj->bo", x[0], call["weight"], x[1])
    return y + call["bias"] if call.has("bias") else y


def _cosine(call: Call, x: Any) -> Any:
    """The cosines of the angles between rows and the rows of the weight."""
    weight, rows = call["weight"], x if x.shape.rank > 1 else x[None]
    lengths = tf.norm(weight, axis=1) + 1e-12
    own = tf.norm(rows, axis=1, keepdims=True) + (0.0 if x.shape.rank > 1 else 1e-12)
    y = tf.matmul(rows, weight, transpose_b=True) / lengths / own
    return y if x.shape.rank > 1 else y[0]


def _euclidean(call: Call, x: Any) -> Any:
    """The distances between rows and the columns of the weight."""
    return _length(x[..., None] - call["weight"])


@tf.custom_gradient
def _length(difference: Any) -> Any:
    """The norm along the last axis but one, with a gradient where it is 0."""
    y = tf.sqrt(tf.reduce_sum(tf.square(difference), -2))
    return y, lambda gradient: difference * (gradient / (y + 1e-7))[..., None, :]


def _maxout(call: Call, x: Any) -> Any:
    """The largest of several linear maps, made by the one child with all their outputs side by side."""
    y = call.child(0, x if x.shape.rank > 1 else x[None])
    y = tf.reshape(y, [-1, call.a.maxout_number, call.a.output_size])
    chosen = tf.one_hot(tf.argmax(y, 1), call.a.maxout_number, True, False, 1)
    y = tf.reduce_sum(tf.where(chosen, y, tf.zeros_like(y)), 1)
    return y if x.shape.rank > 1 else y[0]


def _rows_of(columns: str, rows: str) -> Any:
    """A weight that is drawn by the number of its rows."""

    def parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
        shape = (getattr(a, rows), getattr(a, columns))
        return {"weight": Parameter(shape, by_fan_in(shape[0]), (a.input_size, a.output_size))}

    return parameters


KINDS = {
    "Bilinear": Kind(_bilinear, _bilinear_parameters, defaults={"bias_res": True}),
    "Cosine": Kind(_cosine, _rows_of("input_size", "output_size")),
    "Euclidean": Kind(_euclidean, _rows_of("output_size", "input_size")),
    "Linear": Kind(_linear, linear_parameters, defaults={"with_bias": True}),
    "Maxout": Kind(_maxout),
}
