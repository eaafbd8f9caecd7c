"""Which rows of a record batch can be used: no null, no NaN, the expected size, no index without a row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparkdl.data.arrow import (
    IMAGE_SIZES,
    BlockReader,
    ColumnSource,
    byte_rows,
    nested_depth,
    nested_dims,
    offsets_of,
    read_values,
)
from sparkdl.data.indices import outside
from sparkdl.data.pictures import picture_column
from sparkdl.types import TensorSpec


def valid_rows(batch: pa.RecordBatch, reader: BlockReader) -> np.ndarray:
    """Tells for each row whether `read_columns` can read it: bool (rows,).

    Args:
        batch: holds at least the columns that `reader.sources` names.
        reader: what is to be read (columns of strings are not looked at).

    Example:
        >>> from sparkdl.types import SampleSpec
        >>> spec = SampleSpec((TensorSpec("x", (2,), "float32"),))
        >>> reader = BlockReader(spec, (ColumnSource("array", ("x",), "column 'x'"),))
        >>> rows = [[1.0, 2.0], None, [1.0, None], [float("nan"), 1.0], [1.0]]
        >>> valid_rows(pa.record_batch({"x": pa.array(rows)}), reader).tolist()
        [True, False, False, False, False]
    """
    valid = np.ones(len(batch), bool)
    for index, (source, tensor) in enumerate(zip(reader.sources, reader.spec.columns, strict=True)):
        arrays = [batch.column(name) for name in source.names]
        readable = _CHECKS[source.kind](arrays, source, tensor)
        if index < len(reader.transforms) and (transform := reader.transforms[index]) is not None:
            readable[readable] = transform.usable(_images(arrays[0].filter(pa.array(readable))))
        if index < len(reader.limits) and (limits := reader.limits[index]) is not None:
            readable[readable] = _indices(
                [array.filter(pa.array(readable)) for array in arrays], source, tensor, limits
            )
        valid &= readable
    return valid


def _indices(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec, limits: np.ndarray) -> np.ndarray:
    """Which good rows hold numbers below the limits."""
    values = read_values(arrays, source, tensor, str).reshape(len(arrays[0]), *tensor.shape)
    return ~outside(values, limits)


def _there(array: pa.Array) -> np.ndarray:
    """Where an array has no null."""
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), bool)


def _numbers(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec) -> np.ndarray:
    valid = np.ones(len(arrays[0]), bool)
    for array in arrays:
        valid &= _there(array)
        if pa.types.is_floating(array.type):
            valid &= ~np.asarray(pc.fill_null(pc.is_nan(array), True).to_numpy(zero_copy_only=False), bool)
    return valid


def _array(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec) -> np.ndarray:
    dims = nested_dims(nested_depth(arrays[0].type), tensor.shape)
    return np.ones(len(arrays[0]), bool) if dims is None else _lists(arrays[0], dims, source, tensor)


def _lists(array: pa.Array, dims: tuple[int, ...], source: ColumnSource, tensor: TensorSpec) -> np.ndarray:
    if not dims:
        return _numbers([array], source, tensor)
    offsets = offsets_of(array)
    valid = _there(array) & (np.diff(offsets) == dims[0])
    inner = _lists(array.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0])), dims[1:], source, tensor)
    owners = np.searchsorted(offsets - offsets[0], np.flatnonzero(~inner), side="right") - 1
    valid[owners] = False
    return valid


def _binary(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec) -> np.ndarray:
    raw, array = np.dtype(source.raw_dtype or tensor.dtype), arrays[0]
    offsets = offsets_of(array)
    valid = _there(array) & (np.diff(offsets) == tensor.size * raw.itemsize)
    if raw.kind == "f" and array.buffers()[2] is not None:
        content = memoryview(array.buffers()[2])
        for row in np.flatnonzero(valid):
            valid[row] = not np.isnan(np.frombuffer(content, raw, tensor.size, int(offsets[row]))).any()
    return valid


def _image(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec) -> np.ndarray:
    image, valid = arrays[0], _there(arrays[0])
    for name, size in zip(IMAGE_SIZES, tensor.shape, strict=True):
        valid &= _there(image.field(name)) & (pc.fill_null(image.field(name), -1).to_numpy() == size)
    valid &= (pc.fill_null(image.field("mode"), 7).to_numpy() & 7) == 0
    data = image.field("data")
    return valid & _there(data) & (np.diff(offsets_of(data)) == tensor.size)


def _encoded(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec) -> np.ndarray:
    return _there(arrays[0])


def _picture(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec) -> np.ndarray:
    image, valid = arrays[0], _there(arrays[0])
    size = np.ones(len(image), np.int64)
    for name in IMAGE_SIZES:
        size *= pc.fill_null(image.field(name), 0).to_numpy()
    valid &= (size > 0) & ((pc.fill_null(image.field("mode"), 7).to_numpy() & 7) == 0)
    data = image.field("data")
    return valid & _there(data) & (np.diff(offsets_of(data)) == size)


def _images(array: pa.Array) -> np.ndarray:
    """Good rows of a column of images, as `read_columns` reads them."""
    if not pa.types.is_struct(array.type):
        return picture_column(byte_rows(array))
    shapes = np.stack([array.field(name).to_numpy() for name in IMAGE_SIZES], axis=1).tolist()
    return picture_column([row.reshape(s) for row, s in zip(byte_rows(array.field("data")), shapes, strict=True)])


def _string(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec) -> np.ndarray:
    return _there(arrays[0])


_CHECKS: dict[str, Callable[[list[pa.Array], ColumnSource, TensorSpec], np.ndarray]] = {
    "number": _numbers,
    "stack": _numbers,
    "array": _array,
    "binary": _binary,
    "image": _image,
    "string": _string,
    "picture": _picture,
    "encoded": _encoded,
}
