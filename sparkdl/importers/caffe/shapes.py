"""Layers that join, part, reshape or reduce blobs, and fully connected ones, which flatten them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from sparkdl.importers.caffe.site import Blob, Shape, Site, caffe_axis, initializer
from sparkdl.importers.caffe.table import converter
from sparkdl.nn.arrangement import FullReshape, Reduction, SelectRows, Slice, TakeRows, Tile, TopClasses, Transpose
from sparkdl.nn.elementwise import WeightedSum
from sparkdl.nn.embedding import BiasedEmbedding

MANY = 1000  # blobs that one layer may read


def _count(sizes: Sequence[int | None]) -> int:
    if None in sizes:
        raise ValueError(f"sizes {tuple(sizes)}, of which one is the batch")
    return math.prod(size or 0 for size in sizes)


def _reshaped(site: Site, x: Blob, shape: Shape, suffix: str = "") -> Any:
    """The elements in Caffe's order, in another shape; None at its beginning is the batch."""
    if shape and shape[0] is None:
        return site.add(keras.layers.Reshape, site.first(x), suffix, target_shape=shape[1:])
    target = [-1 if size is None else size for size in shape]
    return site.add(FullReshape, site.first(x), suffix, shape=target)


@converter("InnerProduct", "inner_product_param")
def inner_product(
    site: Site,
    x: Blob,
    *,
    num_output: int,
    bias_term: bool = True,
    weight_filler: Any = None,
    bias_filler: Any = None,
    axis: int = 1,
    transpose: bool = False,
) -> Blob:
    """A fully connected layer over all axes from one on, in Caffe's order (channels, height, width)."""
    start = caffe_axis(axis, x.rank)
    if start == 0:
        site.refuse("its axis is 0, the batch; expected axis 1 or more")
    count = _count(x.shape[start:])
    flat = site.first(x) if x.rank == start + 1 else _reshaped(site, x, (*x.shape[:start], count), "_flat")
    weights = (count, num_output) if transpose else (num_output, count)
    dense = site.add_filled(
        keras.layers.Dense,
        flat,
        [weights, *([(num_output,)] if bias_term else [])],
        lambda weights, *bias: [weights if transpose else weights.T, *bias],
        units=num_output,
        use_bias=bias_term,
        kernel_initializer=initializer(weight_filler, "glorot_uniform"),
        bias_initializer=initializer(bias_filler, "zeros"),
    )
    return Blob(dense)


@converter("Embed", "embed_param")
def embed(
    site: Site,
    x: Blob,
    *,
    num_output: int,
    input_dim: int,
    bias_term: bool = True,
    weight_filler: Any = None,
    bias_filler: Any = None,
) -> Blob:
    """Rows of a table by their numbers."""
    shapes = [(input_dim, num_output), *([(num_output,)] if bias_term else [])]
    config = {
        "input_dim": input_dim,
        "output_dim": num_output,
        "use_bias": bias_term,
        "embeddings_initializer": initializer(weight_filler, "uniform"),
        "bias_initializer": initializer(bias_filler, "zeros"),
    }
    return Blob(site.add_filled(BiasedEmbedding, site.first(x), shapes, lambda *blobs: blobs, **config))


@converter("Concat", "concat_param", inputs=(1, MANY))
def concat(site: Site, *xs: Blob, axis: int = 1, concat_dim: int | None = None) -> Blob:
    """Blobs behind each other along an axis."""
    tensors, last = site.alike(xs)
    if len(tensors) == 1:
        return xs[0]
    place = Blob(tensors[0], last).axis(axis if concat_dim is None else concat_dim)
    return Blob(site.add(keras.layers.Concatenate, tensors, axis=place), last)


@converter("Slice", "slice_param")
def slices(site: Site, x: Blob, *, axis: int = 1, slice_point: Sequence[int] = (), slice_dim: int | None = None) -> Any:
    """Parts of a blob along an axis, equal ones or between given points."""
    along = caffe_axis(axis if slice_dim is None else slice_dim, x.rank)
    size, parts = x.shape[along], len(site.layer.tops)
    if size is None:
        site.refuse("it parts the batch, whose size is not known")
        raise AssertionError
    if not slice_point and (not parts or size % parts):
        raise ValueError(f"{parts} equal parts of {size}")
    points = [0, *(slice_point or [size // parts * number for number in range(1, parts)]), size]
    if len(points) != parts + 1 or sorted(set(points)) != points:
        raise ValueError(f"slice points {list(slice_point)} for {parts} parts of {size}")
    place = x.axis(along)
    cuts = zip(points, points[1:], site.layer.tops, strict=False)
    return [
        Blob(site.add(Slice, x.tensor, f"_{top}", axis=place, start=start, stop=stop), x.last)
        for start, stop, top in cuts
    ]


@converter("Split")
def split(site: Site, x: Blob) -> Any:
    """The same blob under several names."""
    return [x] * len(site.layer.tops)


@converter("Eltwise", "eltwise_param", inputs=(1, MANY))
def eltwise(site: Site, *xs: Blob, operation: str = "SUM", coeff: Sequence[float] = ()) -> Blob:
    """The weighted sum, product or maximum of blobs of one shape."""
    tensors, last = site.alike(xs)
    if coeff and (operation != "SUM" or len(coeff) != len(xs)):
        raise ValueError(f"{len(coeff)} coefficients for the {operation} of {len(xs)} blobs")
    if len({x.shape for x in xs}) > 1:
        raise ValueError(f"blobs of the shapes {', '.join(str(x.shape) for x in xs)}")
    if any(factor != 1 for factor in coeff):
        return Blob(site.add(WeightedSum, tensors, coefficients=list(coeff)), last)
    if len(tensors) == 1:
        return xs[0]
    kinds = {"SUM": keras.layers.Add, "PROD": keras.layers.Multiply, "MAX": keras.layers.Maximum}
    return Blob(site.add(kinds[operation], tensors), last)


@converter("Flatten", "flatten_param")
def flatten(site: Site, x: Blob, *, axis: int = 1, end_axis: int = -1) -> Blob:
    """Several axes as one, in Caffe's order."""
    start, stop = caffe_axis(axis, x.rank), caffe_axis(end_axis, x.rank) + 1
    if stop - start == 1:
        return x
    inner = x.shape[start:stop]
    size = None if None in inner else _count(inner)
    if stop <= start:
        raise ValueError(f"axis {axis} behind end_axis {end_axis}")
    if start == 0:
        target = [-1, *x.shape[stop:]]
        return Blob(site.add(FullReshape, site.first(x), shape=target))
    return Blob(_reshaped(site, x, (*x.shape[:start], size, *x.shape[stop:])))


@converter("Reshape", "reshape_param")
def reshape(site: Site, x: Blob, *, shape: Any, axis: int = 0, num_axes: int = -1) -> Blob:
    """Another shape: 0 keeps an axis, -1 takes what is left. A number for the batch stands for any batch."""
    start = axis if axis >= 0 else x.rank + axis + 1
    stop = x.rank if num_axes == -1 else start + num_axes
    dims = shape.get("dim", [])
    if not 0 <= start <= stop <= x.rank or dims.count(-1) > 1 or min(dims, default=0) < -1:
        raise ValueError(f"shape {dims} for the axes {start} to {stop} of {x.shape}")
    kept = [x.shape[start + place] if size == 0 else size for place, size in enumerate(dims)]
    target = _resolved(x.shape, [*x.shape[:start], *kept, *x.shape[stop:]])
    return Blob(_reshaped(site, x, target))


def _resolved(shape: Shape, target: list[int | None]) -> Shape:
    """The new shape without -1, where that can be told without the batch."""
    row = _count(shape[1:]) if shape and shape[0] is None else None
    if row is None:
        return tuple(None if size == -1 else size for size in target)
    given = math.prod(size for size in target if size not in (None, -1))
    if None in target:
        if -1 in target:
            if row % given:
                raise ValueError(f"{row} elements of a row do not fill {target}")
            return tuple(row // given if size == -1 else size for size in target)
        return tuple(target)
    if -1 not in target and target and given == row * (target[0] or 0):
        return (None, *target[1:])
    return (-1, *target[1:]) if target and target[0] == -1 else tuple(target)


@converter("Permute", "permute_param")
def permute(site: Site, x: Blob, *, order: Sequence[int] = ()) -> Blob:
    """SSD's layer: the axes in another order; those that are not named follow."""
    full = [*order, *(axis for axis in range(x.rank) if axis not in order)]
    if sorted(full) != list(range(x.rank)):
        raise ValueError(f"order {list(order)} of {x.rank} axes")
    if full == list(range(x.rank)):
        return x
    if full == [0, *range(2, x.rank), 1]:  # the layout in which images are kept anyway
        return Blob(site.last(x))
    return Blob(site.add(Transpose, site.first(x), axes=full))


@converter("Crop", "crop_param", inputs=2)
def crop(site: Site, x: Blob, reference: Blob, *, axis: int = 2, offset: Sequence[int] = ()) -> Blob:
    """The first blob, cut to the size of the second."""
    start = caffe_axis(axis, x.rank)
    if start == 0 or reference.rank != x.rank:
        site.refuse(f"it crops from axis {start} of {x.rank} to a blob with {reference.rank} axes; expected axis 1 on")
    axes = range(start, x.rank)
    offsets = list(offset) * len(axes) if len(offset) == 1 else list(offset) or [0] * len(axes)
    if len(offsets) != len(axes):
        raise ValueError(f"{len(offsets)} offsets for {len(axes)} axes")
    tensor = x.tensor
    for place, first in zip(axes, offsets, strict=True):
        size, wanted = x.shape[place] or 0, reference.shape[place] or 0
        if first + wanted > size:
            raise ValueError(f"{wanted} elements from {first} on, of {size} on axis {place}")
        if wanted != size:
            tensor = site.add(Slice, tensor, f"_{place}", axis=x.axis(place), start=first, stop=first + wanted)
    return Blob(tensor, x.last)


@converter("Tile", "tile_param")
def tile(site: Site, x: Blob, *, tiles: int, axis: int = 1) -> Blob:
    """The blob several times along an axis."""
    return site.each(Tile, x, axis=x.axis(axis), tiles=tiles)


@converter("Reduction", "reduction_param")
def reduction(site: Site, x: Blob, *, operation: str = "SUM", axis: int = 0, coeff: float = 1.0) -> Blob:
    """The sum, mean, ... over all axes from one on."""
    config: dict[str, Any] = {"operation": operation.lower(), "axis": caffe_axis(axis, x.rank), "coefficient": coeff}
    return Blob(site.add(Reduction, site.first(x), **config))


@converter("ArgMax", "argmax_param")
def arg_max(site: Site, x: Blob, *, out_max_val: bool = False, top_k: int = 1, axis: int | None = None) -> Blob:
    """The places of the largest values."""
    if axis is None:
        top = site.add(TopClasses, site.first(x), top=top_k, axis=None, values=out_max_val)
        if x.rank < 4:
            return Blob(top)
        kinds, ones = 2 if out_max_val else 1, [1] * (x.rank - 3)
        return Blob(site.add(keras.layers.Reshape, top, "_axes", target_shape=[kinds, top_k, *ones]))
    return site.each(TopClasses, x, top=top_k, axis=x.axis(axis), values=out_max_val)


@converter("BatchReindex", inputs=2)
def batch_reindex(site: Site, x: Blob, rows: Blob) -> Blob:
    """Rows in the order of a second blob."""
    return Blob(site.add(TakeRows, [x.tensor, rows.tensor]), x.last)


@converter("Filter", inputs=(2, MANY))
def filter_rows(site: Site, *blobs: Blob) -> list[Blob]:
    """The rows for which the last blob is not 0; their number, the batch's, changes."""
    *xs, selector = blobs
    chosen = site.add(SelectRows, [*(x.tensor for x in xs), site.first(selector)])
    return [Blob(tensor, x.last) for tensor, x in zip(chosen, xs, strict=True)]


@converter("Silence", inputs=(1, MANY))
def silence(site: Site, *xs: Blob) -> list[Blob]:
    """Blobs that nobody reads."""
    return []
