"""Rows of a trained table by their numbers, and products with sparse values."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.initial import normal
from sparkdl.nn.torch.kernels.gradients import scaled, through
from sparkdl.nn.torch.kernels.linear import linear_parameters
from sparkdl.nn.torch.kinds import Call, Kind
from sparkdl.nn.torch.module import Parameter

_UNBOUNDED = 1.7976931348623157e308


def _table(a: SimpleNamespace) -> Mapping[str, Parameter]:
    size = a.n_index * a.n_output
    return {"weight": Parameter((a.n_index, a.n_output), normal(), (size, size))}


def _lookup(call: Call, x: Any) -> Any:
    """Numbers from 1, [n] or [batch, n], to [..., n_output]; those of the padding get no gradient."""
    rows = tf.cast(x, tf.int32) - 1
    _check_rows(call, rows)
    found = tf.gather(call["weight"], rows)
    if call.a.max_norm < _UNBOUNDED:
        short = _shortened(found, call.a.max_norm, call.a.norm_type)
        _keep_rows(call, rows, short)
        found = through(short, found)
    factor = tf.cast(x != call.a.padding_value, found.dtype)
    if call.a.should_scale_grad_by_freq:
        counts = tf.math.bincount(tf.reshape(rows, [-1]), minlength=call.a.n_index, dtype=found.dtype)
        factor = factor / tf.gather(counts, rows)
    return scaled(found, factor[..., None])


def _check_rows(call: Call, rows: Any) -> None:
    """Raises DataError on numbers outside of the table, where they can be seen."""
    if not tf.executing_eagerly() or tf.size(rows) == 0:
        return
    low, high = int(tf.reduce_min(rows)) + 1, int(tf.reduce_max(rows)) + 1
    if low < 1 or high > call.a.n_index:
        raise DataError(
            f"{call.name} takes numbers from 1 to {call.a.n_index} (n_index), received "
            f"{low} to {high}: add 1 to numbers that count from 0."
        )


def _shortened(rows: Any, bound: float, norm: float) -> Any:
    """Rows whose norm is above the bound, at the bound."""
    lengths = tf.pow(tf.reduce_sum(tf.pow(tf.abs(rows), norm), -1, keepdims=True), 1.0 / norm)
    return tf.where(lengths > bound, rows * (bound / (lengths + 1e-7)), rows)


def _keep_rows(call: Call, rows: Any, values: Any) -> None:
    """Puts shortened rows into the table itself. Where it is trained, each use shortens them anew instead."""
    if call.runner.on_arrays:
        table = call.module.parameters["weight"].copy()
        table[rows.numpy()] = values.numpy()
        call.module.parameters["weight"] = table


def _sparse(x: Any) -> Any:
    """A sparse tensor; of a dense one what is not 0."""
    return x if isinstance(x, tf.SparseTensor) else tf.sparse.from_dense(x)


def _sparse_lookup(call: Call, x: Any) -> Any:
    """Sums or means of the rows whose numbers stand in each row of a sparse value, perhaps weighted by a second one."""
    numbers, weights = x if isinstance(x, (list, tuple)) else (x, None)
    numbers = _sparse(numbers)
    place = numbers.indices[:, 0]
    count = tf.cast(numbers.dense_shape[0], tf.int32)
    rows = tf.cast(numbers.values, tf.int32) - 1
    _check_rows(call, rows)
    found = tf.gather(call["weight"], rows)
    if call.a.max_norm > 0:
        lengths = tf.norm(found, axis=-1, keepdims=True)
        found = tf.where(lengths > call.a.max_norm, found * (call.a.max_norm / lengths), found)
    each = tf.ones_like(numbers.values) if weights is None else _sparse(weights).values
    total = tf.math.unsorted_segment_sum(found * each[:, None], place, count)
    if call.a.combiner == "sum":
        return total
    sizes = tf.math.unsorted_segment_sum(each if call.a.combiner == "mean" else tf.square(each), place, count)
    sizes = sizes if call.a.combiner == "mean" else tf.sqrt(sizes)
    return tf.math.divide_no_nan(total, sizes[:, None])


def _sparse_join(call: Call, x: Any) -> Any:
    place = call.a.dimension - 1
    if not any(isinstance(part, tf.SparseTensor) for part in x):
        return tf.concat(x, place)
    return tf.sparse.concat(place, [_sparse(part) for part in x])


def _sparse_linear(call: Call, x: Any) -> Any:
    """As Linear. A dense input gets a gradient for `backwardLength` columns from `backwardStart` on, if for any."""
    if isinstance(x, tf.SparseTensor):
        y = tf.sparse.sparse_dense_matmul(x, call["weight"], adjoint_b=True)
    else:
        first = call.a.backwardStart
        columns = tf.range(1, call.a.input_size + 1)
        asked = tf.logical_and(columns >= first, columns < first + call.a.backwardLength)
        y = tf.matmul(scaled(x, tf.cast(asked, x.dtype)), call["weight"], transpose_b=True)
    return tf.nn.bias_add(y, call["bias"]) if call.has("bias") else y


KINDS = {
    # The modules for sparse values take dense ones as well.
    "DenseToSparse": Kind(lambda call, x: x, dissolves=True),
    "LookupTable": Kind(
        _lookup,
        _table,
        defaults={
            "padding_value": 0.0,
            "max_norm": _UNBOUNDED,
            "norm_type": 2.0,
            "should_scale_grad_by_freq": False,
        },
    ),
    "LookupTableSparse": Kind(_sparse_lookup, _table, defaults={"combiner": "sum", "max_norm": -1.0}),
    "SparseJoinTable": Kind(_sparse_join),
    "SparseLinear": Kind(
        _sparse_linear, linear_parameters, defaults={"with_bias": True, "backwardStart": -1, "backwardLength": -1}
    ),
}
