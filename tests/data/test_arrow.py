"""Arrow columns of every kind against numpy, and what bad rows are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdl.data.arrow import BlockReader, ColumnSource, nested_dims
from sparkdl.data.blocks import Block, block_of_samples, pack
from sparkdl.errors import DataError
from sparkdl.types import Sample, SampleSpec, TensorSpec

FIRST = 5 << 33


def read(
    kind: Any, columns: list[pa.Array], shape: tuple[int, ...], dtype: str, raw: str | None = None, start: int = 0
) -> Block:
    names = tuple(f"c{index}" for index in range(len(columns)))
    rows = len(columns[0])
    batch = pa.RecordBatch.from_arrays([pa.array(np.arange(rows) + FIRST), *columns], names=["__id", *names])
    reader = BlockReader(
        SampleSpec((TensorSpec("x", shape, dtype),)), (ColumnSource(kind, names, "features column 'x'", raw),)
    )
    return next(iter(reader([batch.slice(start)])))


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.uint8()])
def test_numbers_are_not_copied_and_keep_their_dtype(kind: pa.DataType) -> None:
    array = pa.array([1, 2, 3], kind)
    column = read("number", [array], (), str(kind.to_pandas_dtype()().dtype)).columns[0]
    assert column.tolist() == [1, 2, 3]
    assert column.dtype == kind.to_pandas_dtype()
    assert column.ctypes.data == array.buffers()[1].address


def test_booleans_doubles_and_extra_axes_are_converted() -> None:
    assert read("number", [pa.array([True, False])], (), "uint8").columns[0].tolist() == [1, 0]
    assert read("number", [pa.array([0.1, 2.0])], (1,), "float32").columns[0].tolist() == [[np.float32(0.1)], [2.0]]


def test_several_columns_of_numbers_make_a_vector() -> None:
    columns = [pa.array([1, 2], pa.int8()), pa.array([0.5, 1.5]), pa.array([True, False])]
    assert read("stack", columns, (3,), "float32").columns[0].tolist() == [[1, 0.5, 1], [2, 1.5, 0]]


LISTS = [pa.list_, pa.large_list, lambda kind: pa.list_(kind, 3)]


@settings(deadline=None)
@given(
    values=st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=20),
    wrap=st.sampled_from(LISTS),
    start=st.integers(0, 19),
    kind=st.sampled_from([pa.int16(), pa.float64()]),
)
def test_lists_equal_numpy_wherever_a_slice_begins(values: list[Any], wrap: Any, start: int, kind: pa.DataType) -> None:
    start = min(start, len(values) - 1)
    column = read("array", [pa.array(values, wrap(kind))], (3,), "float32", start=start).columns[0]
    np.testing.assert_array_equal(column, np.array(values[start:], "float32"))


def test_nested_lists_and_flat_lists_take_the_shape_of_the_spec() -> None:
    values = np.arange(48.0).reshape(4, 3, 4)
    nested = pa.array(values.tolist())
    for shape in [(3, 4), (3, 4, 1)]:
        column = read("array", [nested], shape, "float32", start=1).columns[0]
        np.testing.assert_array_equal(column, values[1:].reshape(3, *shape))
    flat = pa.array(values.reshape(4, 12).tolist())
    np.testing.assert_array_equal(read("array", [flat], (3, 4), "float64").columns[0], values)


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
@pytest.mark.parametrize("start", [0, 2])
def test_raw_tensors_are_views_of_the_arrow_buffer(kind: pa.DataType, start: int) -> None:
    values = np.random.default_rng(0).random((5, 2, 3), "float32")
    array = pa.array([row.tobytes() for row in values], kind)
    column = read("binary", [array], (2, 3), "float32", "float32", start).columns[0]
    np.testing.assert_array_equal(column, values[start:])
    assert column.ctypes.data == array.buffers()[2].address + start * 24


def test_raw_doubles_become_float32() -> None:
    column = read("binary", [pa.array([np.array([0.5, 2.5]).tobytes()])], (2,), "float32", "float64").columns[0]
    assert column.dtype == np.float32 and column.tolist() == [[0.5, 2.5]]


def images(sizes: list[tuple[int, int, int]], modes: list[int]) -> pa.Array:
    rows = [
        {"origin": "f", "height": h, "width": w, "nChannels": c, "mode": mode, "data": bytes(range(h * w * c))}
        for (h, w, c), mode in zip(sizes, modes, strict=True)
    ]
    kinds = [("origin", pa.string()), *[(name, pa.int32()) for name in ("height", "width", "nChannels", "mode")]]
    return pa.array(rows, pa.struct([*kinds, ("data", pa.binary())]))


def test_images_become_height_width_channels() -> None:
    column = read("image", [images([(2, 4, 3)] * 3, [16] * 3)], (2, 4, 3), "uint8", start=1).columns[0]
    np.testing.assert_array_equal(column, np.stack([np.arange(24, dtype="uint8").reshape(2, 4, 3)] * 2))


def test_strings_become_codes_with_a_vocabulary() -> None:
    block = read("string", [pa.array(["b", "a", "b"])], (), "int32")
    assert block.vocabularies == (("b", "a"),)
    assert block.columns[0].tolist() == [0, 1, 0]


RAGGED = pa.array([[1.0, 2.0], [1.0, 2.0, 3.0]])
NULL_INSIDE = pa.array([[1.0, 2.0], [1.0, 2.0], [3.0, None]])
NESTED_RAGGED = pa.array([[[1.0, 2.0], [1.0, 2.0]], [[1.0, 2.0], [3.0]]])


@pytest.mark.parametrize(
    ("kind", "columns", "shape", "message"),
    [
        ("number", [pa.array([1, None])], (), "features column 'x' has a null in row 1 of partition 5"),
        ("number", [pa.array([1.0, 0.0, np.nan])], (), "features column 'x' has a NaN in row 2 of partition 5"),
        ("stack", [pa.array([1.0]), pa.array([None], pa.float32())], (2,), r"'x'\[1\] has a null in row 0 of"),
        ("array", [pa.array([[1.0, 2.0], None])], (2,), "a null in row 1 of partition 5"),
        ("array", [NULL_INSIDE], (2,), "a null in row 2 of partition 5"),
        ("array", [RAGGED], (2,), r"a list of length 3 in row 1 of partition 5.*expected length 2.*\(2,\)"),
        ("array", [NESTED_RAGGED], (2, 2), "a list of length 1 in row 1 of partition 5.*expected length 2"),
        ("array", [NESTED_RAGGED], (4,), r"nested 2 deep.*\(4,\)"),
        ("array", [pa.array([[1.0, 2.0], [np.nan, 1.0]])], (2,), "a NaN in row 1 of partition 5"),
        ("binary", [pa.array([b"12345678", b"1234"])], (2,), r"4 bytes in row 1 of partition 5.*expected 8"),
        ("binary", [pa.array([b"12345678", None])], (2,), "a null in row 1 of partition 5"),
        ("image", [images([(2, 2, 3), (2, 3, 3)], [16, 16])], (2, 2, 3), r"\(2, 3, 3\) in row 1 of.*resize"),
        ("image", [images([(2, 2, 3)], [21])], (2, 2, 3), "OpenCV mode 21 in row 0"),
        ("string", [pa.array(["a", None])], (), "a null in row 1 of partition 5"),
    ],
)
def test_a_bad_row_is_named_by_column_partition_and_position(
    kind: str, columns: list[pa.Array], shape: tuple[int, ...], message: str
) -> None:
    dtype = {"string": "int32", "image": "uint8"}.get(kind, "float32")
    with pytest.raises(DataError, match=message):
        read(kind, columns, shape, dtype, "float32")


@pytest.mark.parametrize(("weight", "shown"), [(-0.5, "-0.5"), (float("inf"), "inf")])
def test_a_weight_that_is_none_is_refused(weight: float, shown: str) -> None:
    spec = SampleSpec((TensorSpec("x", (), "float32"),), (), weighted=True)
    sources = (
        ColumnSource("number", ("x",), "features column 'x'"),
        ColumnSource("number", ("w",), "weight column 'w'"),
    )
    batch = pa.record_batch({"__id": [FIRST, FIRST + 1], "x": [-1.0, -1.0], "w": [0.0, weight]})
    with pytest.raises(
        DataError, match=f"weight column 'w' has {shown} in row 1 of partition 5 .* at least 0: correct"
    ):
        list(BlockReader(spec, sources)([batch]))


def test_rows_after_a_shuffle_are_named_by_where_they_came_from() -> None:
    batch = pa.RecordBatch.from_pydict(
        {"__id": [(2 << 33) + 9, 7], "__role": pa.array([0, 1], pa.int8()), "c0": [1.0, None]}
    )
    reader = BlockReader(SampleSpec((TensorSpec("x", (), "float32"),)), (ColumnSource("number", ("c0",), "x"),))
    with pytest.raises(DataError, match="row 7 of partition 0 of the validation data"):
        list(reader([batch]))


def test_a_null_indicator_is_refused() -> None:
    batch = pa.RecordBatch.from_pydict({"__id": [0], "__role": pa.array([None], pa.int8()), "c0": [1.0]})
    reader = BlockReader(SampleSpec((TensorSpec("x", (), "float32"),)), (ColumnSource("number", ("c0",), "x"),))
    with pytest.raises(DataError, match="validation indicator has a null in row 0"):
        list(reader([batch]))


def test_packed_samples_are_read_with_or_without_a_key_and_empty_ones_skipped() -> None:
    spec = SampleSpec((TensorSpec("x", (2,), "float32"),))
    full = pack(block_of_samples([Sample.from_ndarray(np.ones(2))], spec, np.array([3])))
    empty = pack(Block(np.empty(0, "int64"), (np.empty((0, 2), "float32"),)))
    blocks = list(BlockReader(spec)([full, (1, full), empty]))
    assert [block.ids.tolist() for block in blocks] == [[3], [3]]


def test_which_nesting_holds_which_shape() -> None:
    assert nested_dims(1, ()) == (1,)
    assert nested_dims(2, (3, 4)) == (3, 4)
    assert nested_dims(3, (3, 4, 1)) == (3, 4, 1)
    assert nested_dims(2, (12,)) is None
