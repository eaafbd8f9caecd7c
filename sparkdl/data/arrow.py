"""Arrow record batches to blocks, a column at a time, never a row at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from sparkdl.data.augment import FeatureTransform
from sparkdl.data.blocks import Block, Origin, refuse_nan, refuse_weights, unpack
from sparkdl.data.indices import refuse_outside
from sparkdl.data.pictures import PICTURE, picture_column
from sparkdl.errors import DataError
from sparkdl.types import SampleSpec, TensorSpec

ID_COLUMN = "__id"
ROLE_COLUMN = "__role"

Kind = Literal["number", "stack", "array", "binary", "image", "string", "picture", "encoded"]
Where = Callable[[int], str]
_PORTION_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """How one column of tensors is read from Arrow columns.

    Attributes:
        kind: `number` (one number per row), `stack` (several columns of numbers), `array` (lists, possibly
            nested), `binary` (raw tensors), `image` (Spark's image struct, all of one size), `string` (read as codes),
            `picture` (Spark's image struct) and `encoded` (files of images): any sizes, see `data.pictures`.
        names: the Arrow columns.
        title: how error messages name it, e.g. `column 'pixels'`.
        raw_dtype: dtype of the bytes of a `binary` column.
        guessed: of an `array` whose lengths the first row alone told, the DataFrame's column; else nothing.
    """

    kind: Kind
    names: tuple[str, ...]
    title: str
    raw_dtype: str | None = None
    guessed: str = ""


@dataclass(frozen=True, slots=True)
class BlockReader:
    """Turns what a Spark task iterates over (record batches or packed samples) into blocks. Picklable.

    Attributes:
        spec: what every row of a block holds.
        sources: for each of its columns how it is read.
        transforms: for each feature, and then each label, what is done to its images at once, without chance; None or
            nothing leaves `picture` and `encoded` columns as they came.
        limits: for each feature what its numbers must stay below (see `data.indices`), None where they may be any;
            nothing for none.
    """

    spec: SampleSpec
    sources: tuple[ColumnSource, ...] = ()
    transforms: tuple[FeatureTransform | None, ...] = ()
    limits: tuple[np.ndarray | None, ...] = ()

    def __call__(self, items: Iterable[Any]) -> Iterator[Block]:
        """Yields a block for each item with at least one row.

        Args:
            items: `pyarrow.RecordBatch`es, blocks, packed blocks, or (key, packed block) pairs.

        Raises:
            DataError: a row cannot be used; the message names column, source partition and row.
        """
        for item in portions(items, self):
            block = read_block(item, self) if isinstance(item, pa.RecordBatch) else _checked(_unpack_item(item), self)
            if block.rows:
                yield block


def portions(items: Iterable[Any], reader: BlockReader) -> Iterator[Any]:
    """Cuts record batches where their images would take much memory once they are transformed."""
    row = sum(item.tensor.size * np.dtype(item.tensor.dtype).itemsize for item in reader.transforms if item)
    rows = max(1, _PORTION_BYTES // max(1, row))
    for item in items:
        if not reader.transforms or not isinstance(item, pa.RecordBatch):
            yield item
            continue
        for start in range(0, item.num_rows, rows):
            yield item.slice(start, rows)


def _unpack_item(item: Any) -> Block:
    if isinstance(item, Block):
        return item
    return unpack(item[1] if isinstance(item, tuple) else item)


def _checked(block: Block, reader: BlockReader) -> Block:
    refuse_indices(block.columns, reader.limits, Origin(block.ids, block.role))
    return block


def refuse_indices(columns: Sequence[np.ndarray], limits: Sequence[np.ndarray | None], where: Where) -> None:
    """Raises DataError for the first row of samples that `outside` finds."""
    for index, limit in enumerate(limits):
        if limit is not None:
            refuse_outside(columns[index], limit, f"feature array {index}", where)


def read_block(batch: pa.RecordBatch, reader: BlockReader) -> Block:
    """Reads one record batch; arrays may be read-only views of it.

    Raises:
        DataError: see `BlockReader`.
    """
    ids = batch.column(ID_COLUMN).to_numpy()
    role = None
    if ROLE_COLUMN in batch.schema.names:
        _refuse_null(batch.column(ROLE_COLUMN), "the validation indicator", Origin(ids), 1)
        role = batch.column(ROLE_COLUMN).to_numpy().astype(np.int8, copy=False)
    columns, vocabularies = read_columns(batch, reader, Origin(ids, role))
    return Block(ids, columns, role, vocabularies)


def read_columns(
    batch: pa.RecordBatch, reader: BlockReader, where: Where
) -> tuple[tuple[np.ndarray, ...], tuple[tuple[str, ...] | None, ...]]:
    """Reads the columns of a record batch that has no ids.

    Args:
        batch: holds at least the columns that `reader.sources` names.
        reader: what to read.
        where: names a row of the batch for error messages.

    Returns:
        the columns, and for each its vocabulary (None but for strings).
    """
    columns: list[np.ndarray] = []
    vocabularies: list[tuple[str, ...] | None] = []
    for index, (source, tensor) in enumerate(zip(reader.sources, reader.spec.columns, strict=True)):
        arrays = [batch.column(name) for name in source.names]
        vocabulary = None
        if source.kind == "string":
            _refuse_null(arrays[0], source.title, where, 1)
            codes = arrays[0].dictionary_encode()
            values, vocabulary = codes.indices.to_numpy(), tuple(codes.dictionary.to_pylist())
        else:
            values = read_values(arrays, source, tensor, where)
        if index < len(reader.transforms) and (transform := reader.transforms[index]) is not None:
            values = transform(values, where)
        elif values.dtype != PICTURE:
            values = values.astype(tensor.dtype, copy=False).reshape(len(batch), *tensor.shape)
            refuse_nan(values, source.title, where)
        if index < len(reader.limits) and (limits := reader.limits[index]) is not None:
            refuse_outside(values, limits, source.title, where)
        if reader.spec.weighted and index == len(reader.sources) - 1:
            refuse_weights(values, source.title, where)
        columns.append(values)
        vocabularies.append(vocabulary)
    return tuple(columns), tuple(vocabularies)


def read_values(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec, where: Where) -> np.ndarray:
    """Reads one column of anything but strings; its numbers are still flat, and of the dtype of the Arrow columns."""
    return _READERS[source.kind](arrays, source, tensor, where)


def nested_dims(depth: int, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The lengths that lists nested `depth` deep must have to hold a tensor of `shape`; None if none do.

    A flat list may hold any shape; otherwise axes of length 1 may be left out.

    Example:
        >>> nested_dims(1, (28, 28, 1)), nested_dims(2, (28, 28, 1)), nested_dims(2, (784,))
        ((784,), (28, 28), None)
    """
    squeezed = tuple(size for size in shape if size != 1)
    candidates = {1: (math.prod(shape),), len(squeezed): squeezed, len(shape): shape}
    return {**candidates, 1: (math.prod(shape),)}.get(depth)


def _numbers(array: pa.Array, title: str, where: Where, per_row: int) -> np.ndarray:
    _refuse_null(array, title, where, per_row)
    return array.to_numpy(zero_copy_only=not pa.types.is_boolean(array.type))


def _refuse_null(array: pa.Array, title: str, where: Where, per_row: int) -> None:
    if array.null_count:
        first = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(f"{title} has a null in {where(first // per_row)}: fill or drop such rows first.")


def _read_number(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec, where: Where) -> np.ndarray:
    return _numbers(arrays[0], source.title, where, 1)


def _read_stack(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec, where: Where) -> np.ndarray:
    stacked = np.empty((len(arrays[0]), len(arrays)), tensor.dtype)
    for index, array in enumerate(arrays):
        stacked[:, index] = _numbers(array, f"{source.title}[{index}]", where, 1)
    return stacked


def _read_array(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec, where: Where) -> np.ndarray:
    array, per_row, depth = arrays[0], 1, 0
    dims = nested_dims(nested_depth(array.type), tensor.shape)
    if dims is None:
        raise DataError(
            f"{source.title} has lists nested {nested_depth(array.type)} deep, which do not hold the shape "
            f"{tensor.shape}."
        )
    while pa.types.is_nested(array.type):
        _refuse_null(array, source.title, where, per_row)
        offsets = offsets_of(array)
        wrong = np.flatnonzero(np.diff(offsets) != dims[depth])
        if len(wrong):
            raise _ragged(source, tensor, where(int(wrong[0]) // per_row), offsets, int(wrong[0]), dims[depth])
        array = array.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
        per_row = max(1, per_row * dims[depth])
        depth += 1
    return _numbers(array, source.title, where, per_row)


def _ragged(
    source: ColumnSource, tensor: TensorSpec, where: str, offsets: np.ndarray, index: int, expected: int
) -> DataError:
    received = offsets[index + 1] - offsets[index]
    if not source.guessed:
        return DataError(
            f"{source.title} has a list of length {received} in {where}; expected length {expected} (each row must "
            f"hold the shape {tensor.shape}): pad or cut such lists."
        )
    name, most = source.guessed, max(int(received), expected)
    return DataError(
        f"{source.title} has lists of different lengths, {expected} in the first row and {received} in {where}, and "
        f"the model does not say which it takes: pad and cut them to one length, such as F.slice(F.concat({name!r}, "
        f"F.array_repeat(F.lit(0), {most})), 1, {most}), or say by shapes={{{name!r}: ...}} which are right."
    )


def refuse_guesses(batch: pa.RecordBatch, reader: BlockReader, where: Where) -> None:
    """Raises DataError where lists have other lengths than those of the first row, which nobody said to be right."""
    for source, tensor in zip(reader.sources, reader.spec.columns, strict=True):
        if not source.guessed:
            continue
        array = batch.column(source.names[0])
        offsets = offsets_of(array)
        (expected, *_) = nested_dims(nested_depth(array.type), tensor.shape) or (-1,)
        there = array.is_valid().to_numpy(zero_copy_only=False)
        wrong = np.flatnonzero(there & (np.diff(offsets) != expected))
        if len(wrong):
            raise _ragged(source, tensor, where(int(wrong[0])), offsets, int(wrong[0]), expected)


def nested_depth(kind: pa.DataType) -> int:
    """How deep lists are nested in a type."""
    return 1 + nested_depth(kind.value_type) if pa.types.is_nested(kind) and kind.num_fields == 1 else 0


def offsets_of(array: pa.Array) -> np.ndarray:
    """Where each list or binary value begins in the values buffer: (rows + 1,)."""
    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        return np.arange(array.offset, array.offset + len(array) + 1, dtype=np.int64) * size
    wide = any(check(array.type) for check in (pa.types.is_large_list, pa.types.is_large_binary))
    dtype = np.dtype(np.int64 if wide else np.int32)
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array) + 1, dtype)
    return np.frombuffer(buffer, dtype, len(array) + 1, array.offset * dtype.itemsize)


def _read_binary(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec, where: Where) -> np.ndarray:
    raw = np.dtype(source.raw_dtype or tensor.dtype)
    return _bytes(arrays[0], source, tensor, where, raw)


def _bytes(array: pa.Array, source: ColumnSource, tensor: TensorSpec, where: Where, raw: np.dtype[Any]) -> np.ndarray:
    _refuse_null(array, source.title, where, 1)
    offsets = offsets_of(array)
    wrong = np.flatnonzero(np.diff(offsets) != tensor.size * raw.itemsize)
    if len(wrong):
        received = offsets[wrong[0] + 1] - offsets[wrong[0]]
        raise DataError(
            f"{source.title} has {received} bytes in {where(int(wrong[0]))}; expected {tensor.size * raw.itemsize} "
            f"(shape {tensor.shape}, {raw})."
        )
    return np.frombuffer(array.buffers()[2] or b"", raw, len(array) * tensor.size, int(offsets[0]))


def _read_image(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec, where: Where) -> np.ndarray:
    image = arrays[0]
    _refuse_null(image, source.title, where, 1)
    sizes = np.stack([_numbers(image.field(name), source.title, where, 1) for name in IMAGE_SIZES], axis=1)
    wrong = np.flatnonzero((sizes != tensor.shape).any(axis=1))
    if len(wrong):
        raise DataError(
            f"{source.title} has an image of (height, width, channels) {tuple(sizes[wrong[0]].tolist())} in "
            f"{where(int(wrong[0]))}; expected {tensor.shape}: resize all images to one size first."
        )
    _refuse_modes(image, source, where)
    return _bytes(image.field("data"), source, tensor, where, np.dtype(np.uint8))


def _refuse_modes(image: pa.StructArray, source: ColumnSource, where: Where) -> None:
    modes = _numbers(image.field("mode"), source.title, where, 1)
    wrong = np.flatnonzero(modes & 7)
    if len(wrong):
        raise DataError(
            f"{source.title} has an image of OpenCV mode {modes[wrong[0]]} in {where(int(wrong[0]))}; expected one "
            f"of 8 bits per channel (modes 0, 16, 24)."
        )


def _read_encoded(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec, where: Where) -> np.ndarray:
    _refuse_null(arrays[0], source.title, where, 1)
    return picture_column(byte_rows(arrays[0]))


def _read_picture(arrays: list[pa.Array], source: ColumnSource, tensor: TensorSpec, where: Where) -> np.ndarray:
    image = arrays[0]
    _refuse_null(image, source.title, where, 1)
    _refuse_modes(image, source, where)
    shapes = np.stack([_numbers(image.field(name), source.title, where, 1) for name in IMAGE_SIZES], axis=1)
    _refuse_null(image.field("data"), source.title, where, 1)
    rows = byte_rows(image.field("data"))
    for index, (row, shape) in enumerate(zip(rows, shapes.tolist(), strict=True)):
        if row.size != math.prod(shape) or min(shape) < 1:
            raise DataError(
                f"{source.title} has {row.size} bytes in {where(index)} for an image of (height, width, channels) "
                f"{tuple(shape)}."
            )
    return picture_column([row.reshape(shape) for row, shape in zip(rows, shapes.tolist(), strict=True)])


def byte_rows(array: pa.Array) -> list[np.ndarray]:
    """The values of a binary column as views: uint8 (bytes,) each; of no bytes where null."""
    offsets = offsets_of(array).tolist()
    flat = np.frombuffer(array.buffers()[2] or b"", np.uint8)
    return [flat[start:stop] for start, stop in zip(offsets, offsets[1:], strict=False)]


IMAGE_SIZES = ("height", "width", "nChannels")

_READERS: dict[str, Callable[[list[pa.Array], ColumnSource, TensorSpec, Where], np.ndarray]] = {
    "number": _read_number,
    "stack": _read_stack,
    "array": _read_array,
    "binary": _read_binary,
    "image": _read_image,
    "picture": _read_picture,
    "encoded": _read_encoded,
}
