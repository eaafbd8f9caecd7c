"""Modules whose input or output is a table: element by element, joined, split and picked."""

from __future__ import annotations

from functools import reduce
from typing import Any

import tensorflow as tf

from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.kernels.axes import axis, batched_axis
from sparkdl.nn.torch.kernels.gradients import through
from sparkdl.nn.torch.kinds import Call, Kind, Layout


def _folded(combine: Any) -> Kind:
    """A function of two tensors, over the whole table."""
    return Kind(lambda call, x: reduce(combine, _table(call, x)), layout=Layout.ANY)


def _table(call: Call, x: Any) -> Any:
    if not isinstance(x, (list, tuple)) or not x:
        raise DataError(
            f"{call.name} takes a table (a list of arrays), received a value of shape "
            f"{tuple(x.shape) if hasattr(x, 'shape') else x}."
        )
    return x


def _join(call: Call, x: Any) -> Any:
    place = batched_axis(_table(call, x)[0], call.a.dimension, call.a.n_input_dims)
    return tf.concat(x, call.axis(place, x[0].shape.rank))


def _split(call: Call, x: Any) -> Any:
    return tf.unstack(x, axis=batched_axis(x, call.a.dimension, call.a.n_input_dims))


def _bifurcate(call: Call, x: Any) -> Any:
    place = axis(x, call.a.dimension)
    left = x.shape[place] // 2
    return tf.split(x, [left, x.shape[place] - left], place)


def _pack(call: Call, x: Any) -> Any:
    parts = x if isinstance(x, (list, tuple)) else [x]
    dimension = call.a.dimension
    return tf.stack(parts, dimension - 1 if dimension > 0 else parts[0].shape.rank + dimension)


def _flat(x: Any) -> list[Any]:
    return [leaf for part in x for leaf in (_flat(part) if isinstance(part, (list, tuple)) else [part])]


def _narrow(call: Call, x: Any) -> Any:
    length = call.a.length if call.a.length >= 0 else len(x) - call.a.offset + 2 + call.a.length
    taken = list(x[call.a.offset - 1 : call.a.offset - 1 + length])
    # Of a negative length, scripts have always got zeros for the gradient.
    stopped = call.a.length < 0 and call.runner.on_arrays
    return tf.nest.map_structure(tf.stop_gradient, taken) if stopped else taken


def _select(call: Call, x: Any) -> Any:
    """A negative index takes the element before the one that it means; on arrays, the latter gets the gradient."""
    index = call.a.index
    place = index - 1 if index > 0 else len(_table(call, x)) + index - 1
    if index == 0 or not 0 <= place < len(x):
        raise ArgumentError(
            f"{call.name} has no element {index} in a table of {len(x)}: elements count "
            f"from 1{', and from -1 at the last but one' if index < 0 else ''}."
        )
    if index < 0 and call.runner.on_arrays and _same_shape(x[place], x[place + 1]):
        return through(x[place], x[place + 1])
    return x[place]


def _same_shape(one: Any, other: Any) -> bool:
    tensors = not isinstance(one, (list, tuple)) and not isinstance(other, (list, tuple))
    return tensors and one.shape.as_list() == other.shape.as_list()


def _mixture(call: Call, x: Any) -> Any:
    gater, experts = x[:2]  # BigDL does not look at what follows
    batch = [tf.shape(gater)[0]] if gater.shape.rank > 1 else []
    if isinstance(experts, (list, tuple)):
        parts = tf.unstack(gater, axis=-1)
        ones = [1] * (experts[0].shape.rank - len(batch))
        return tf.add_n([expert * tf.reshape(g, [*batch, *ones]) for expert, g in zip(experts, parts, strict=True)])
    place = len(batch) if call.a.dim >= 2**31 - 1 else call.a.dim - 1
    sizes: list[Any] = [*batch, *[1] * (experts.shape.rank - len(batch))]
    sizes[place] = gater.shape[-1]
    return tf.reduce_sum(experts * tf.reshape(gater, sizes), place)


def _table_operation(call: Call, x: Any) -> Any:
    """The larger value first, the smaller one spread to its shape behind the batch."""
    one, other = _table(call, x)
    large, small = (one, other) if _row_size(one) > _row_size(other) else (other, one)
    sizes = tf.concat([tf.shape(small)[:1], tf.shape(large)[1:]], 0)
    return call.child(0, [large, tf.broadcast_to(small, sizes)])


def _row_size(x: Any) -> int:
    size = 1
    for part in x.shape.as_list()[1:] if x.shape.rank > 1 else x.shape.as_list():
        size *= part or 1
    return size


KINDS = {
    "BifurcateSplitTable": Kind(_bifurcate),
    "CAddTable": _folded(lambda a, b: a + b),
    "CAveTable": Kind(lambda call, x: reduce(lambda a, b: a + b, _table(call, x)) / len(x), layout=Layout.ANY),
    "CDivTable": _folded(lambda a, b: a / b),
    # The first of equal values gets the gradient.
    "CMaxTable": _folded(lambda a, b: tf.where(b > a, b, a)),
    "CMinTable": _folded(lambda a, b: tf.where(b < a, b, a)),
    "CMulTable": _folded(lambda a, b: a * b),
    "CSubTable": _folded(lambda a, b: a - b),
    "FlattenTable": Kind(lambda call, x: _flat(_table(call, x)), dissolves=True),
    "JoinTable": Kind(_join, defaults={"n_input_dims": -1}, layout=Layout.ANY),
    "MixtureTable": Kind(_mixture, defaults={"dim": 2**31 - 1}),
    "NarrowTable": Kind(_narrow, defaults={"length": 1}, dissolves=True),
    "Pack": Kind(_pack),
    "SelectTable": Kind(_select, dissolves=True),
    "SplitTable": Kind(_split, defaults={"n_input_dims": -1}),
    "TableOperation": Kind(_table_operation),
}
