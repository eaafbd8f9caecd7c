"""Modules that only move values: shapes, parts, copies and orders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.kernels.axes import UNKNOWN, axis, slices
from sparkdl.nn.torch.kinds import Call, Kind


def _sizes(x: Any) -> list[Any]:
    """The shape, with numbers where they are known and tensors where they are not."""
    dynamic = tf.shape(x)
    return [dynamic[place] if size is None else size for place, size in enumerate(x.shape.as_list())]


def _product(sizes: Sequence[int | None]) -> int | None:
    return None if any(size is None for size in sizes) else math.prod(size for size in sizes if size is not None)


def _to_shape(call: Call, x: Any, shape: Sequence[Any]) -> Any:
    """`x` in another shape.

    Raises:
        DataError: if it has another number of elements.
    """
    total = _product(x.shape.as_list())
    known = math.prod(size for size in shape if isinstance(size, int) and size >= 0)
    open_size = any(not isinstance(size, int) or size < 0 for size in shape)
    if total is not None and (total % max(known, 1) if open_size else total != known):
        raise DataError(
            f"{call.name} cannot give a value of shape {tuple(x.shape)} ({total} elements) "
            f"the shape {tuple(shape)}: give it sizes with that product, or say by batch_mode whether the first "
            "dimension is the batch."
        )
    return tf.reshape(x, shape)


def _reshape(call: Call, x: Any) -> Any:
    """Without `batch_mode`, values of just the wanted size are no batch, unless they are a batch of one."""
    size, batched = list(call.a.size), call.a.batch_mode
    if batched is None:
        first, total = x.shape[0], _product(x.shape.as_list())
        if -1 in size:
            batched = x.shape.rank > 1
        else:
            batched = first is None or first == 1 or total != math.prod(size)
    return _to_shape(call, x, [_sizes(x)[0] if -1 in size else -1, *size] if batched else size)


def _view(call: Call, x: Any) -> Any:
    """Without `num_input_dims`, all dimensions count, and the batch is what remains over `sizes`."""
    sizes, counted = list(call.a.sizes), call.a.num_input_dims
    rank = x.shape.rank
    if -1 in sizes:
        behind = 1 if counted == 0 else max(rank - counted, 0)
        if behind == 0 or rank == 1:
            return _to_shape(call, x, sizes)
        first = _sizes(x)[:behind]
        return _to_shape(call, x, [first[0] if behind == 1 else tf.reduce_prod(tf.stack(first)), *sizes])
    single = _product(x.shape.as_list()) == math.prod(sizes)
    return _to_shape(call, x, sizes if single and (counted == 0 or rank <= counted) else [-1, *sizes])


def _infer_reshape(call: Call, x: Any) -> Any:
    given = _sizes(x)
    size = [given[place] if part == 0 else part for place, part in enumerate(call.a.size)]
    return _to_shape(call, x, [given[0], *size] if call.a.batch_mode else size)


def _transpose(call: Call, x: Any) -> Any:
    order = list(range(x.shape.rank))
    for one, other in call.a.permutations:
        i, j = axis(x, one), axis(x, other)
        order[i], order[j] = order[j], order[i]
    return tf.transpose(x, order)


def _squeeze(call: Call, x: Any) -> Any:
    """All dimensions of size 1 without `dim`; a dimension of another size stays."""
    batched = call.a.num_input_dims != UNKNOWN
    if call.a.dim in (None, UNKNOWN):
        found = [place for place, size in enumerate(x.shape) if size == 1 and not (batched and place == 0)]
        return tf.squeeze(x, found) if found else x
    dims = call.a.dim if isinstance(call.a.dim, (list, tuple)) else [call.a.dim]
    places = [axis(x, dim + 1 if batched and dim > 0 else dim) for dim in dims]
    found = [place for place in places if x.shape[place] == 1]
    return tf.squeeze(x, found) if found and x.shape.rank > 1 else x


def _unsqueeze(call: Call, x: Any) -> Any:
    rank = x.shape.rank
    shift = rank - call.a.num_input_dims if call.a.num_input_dims != UNKNOWN else 0
    places = call.a.pos if isinstance(call.a.pos, (list, tuple)) else [call.a.pos]
    new = sorted((pos if pos > 0 else rank + pos + 1) + shift - 1 for pos in places)
    if new[0] < 0 or new[-1] > rank:
        raise DataError(
            f"{call.name} cannot put a dimension at {call.a.pos} into a value of shape "
            f"{tuple(x.shape)}: positions count from 1 to {rank + 1 - shift}."
        )
    for count, place in enumerate(new):  # places are of the value as it came in
        x = tf.expand_dims(x, place + count)
    return x


def _select(call: Call, x: Any) -> Any:
    place, index = axis(x, call.a.dim), call.a.index
    size = x.shape[place]
    if index == 0 or size is not None and not -size <= index <= size:
        raise DataError(
            f"{call.name} cannot take number {index} of dimension {call.a.dim} of a value "
            f"of shape {tuple(x.shape)}: numbers count from 1, or from -1 backwards."
        )
    return x[slices(x, place, index - 1 if index > 0 else index)]


def _narrow(call: Call, x: Any) -> Any:
    place, offset, length = axis(x, call.a.dimension), call.a.offset, call.a.length
    size = x.shape[place]
    end: int | None = offset - 1 + length if length >= 0 else (length + 1 or None)
    if offset < 1 or size is not None and (end or size) > size:
        raise DataError(
            f"{call.name} cannot take {length} from number {offset} on of dimension "
            f"{call.a.dimension} of a value of shape {tuple(x.shape)}."
        )
    return x[slices(x, place, slice(offset - 1, end))]


def _replicate(call: Call, x: Any) -> Any:
    place = call.a.dim - 1 + (1 if x.shape.rank > call.a.n_dim else 0)
    return tf.repeat(tf.expand_dims(x, place), call.a.n_features, place)


def _expand(call: Call, x: Any) -> Any:
    """Only dimensions of size 1 grow; -1 leaves a dimension as it is."""
    sizes = list(call.a.sizes)
    if len(sizes) != x.shape.rank or any(
        here not in (None, 1) and size not in (-1, here) for here, size in zip(x.shape, sizes, strict=False)
    ):
        raise DataError(
            f"{call.name} cannot expand a value of shape {tuple(x.shape)} to "
            f"{tuple(sizes)}: it needs as many sizes, and only dimensions of size 1 grow."
        )
    kept = [
        here if size == -1 or static != 1 else size
        for here, static, size in zip(_sizes(x), x.shape, sizes, strict=True)
    ]
    return tf.broadcast_to(x, kept)


def _tile(call: Call, x: Any) -> Any:
    copies = [1] * x.shape.rank
    copies[axis(x, call.a.dim)] = call.a.copies
    return tf.tile(x, copies)


def _padding(call: Call, x: Any) -> Any:
    """Puts |pad| values behind (pad > 0) or before (pad < 0) the elements, `n_index` - 1 elements from that end."""
    place = axis(x, call.a.dim + (1 if x.shape.rank != call.a.n_input_dim else 0))
    sizes = _sizes(x)
    cut = sizes[place] - call.a.n_index + 1 if call.a.pad > 0 else call.a.n_index - 1
    sizes[place] = abs(call.a.pad)
    new = tf.fill(sizes, tf.cast(call.a.value, x.dtype))
    parts = [x[slices(x, place, slice(None, cut))], new, x[slices(x, place, slice(cut, None))]]
    return tf.concat(parts, place)


def _masking(call: Call, x: Any) -> Any:
    """Steps ([batch, step, ...]) all of whose values are the mask become 0."""
    told = tf.reduce_any(x != call.a.mask_value, axis=range(2, x.shape.rank), keepdims=True)
    return tf.where(told, x, tf.zeros_like(x))


KINDS = {
    "ExpandSize": Kind(_expand),
    "InferReshape": Kind(_infer_reshape, defaults={"batch_mode": False}),
    "Masking": Kind(_masking, defaults={"mask_value": 0.0}),
    "Narrow": Kind(_narrow, defaults={"length": 1}),
    "Padding": Kind(_padding, defaults={"value": 0.0, "n_index": 1}),
    "Replicate": Kind(_replicate, defaults={"dim": 1, "n_dim": 2**31 - 1}),
    "Reshape": Kind(_reshape, defaults={"batch_mode": None}),
    "Reverse": Kind(lambda call, x: tf.reverse(x, [axis(x, call.a.dimension)]), defaults={"dimension": 1}),
    "Select": Kind(_select),
    "Squeeze": Kind(_squeeze, defaults={"dim": None, "num_input_dims": UNKNOWN}),
    "Tile": Kind(_tile, defaults={"dim": 1, "copies": 2}),
    "Transpose": Kind(_transpose),
    "Unsqueeze": Kind(_unsqueeze, defaults={"num_input_dims": UNKNOWN}),
    "View": Kind(_view, defaults={"num_input_dims": 0}),
}
