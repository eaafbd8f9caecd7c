"""Rows that can be read, told from those that cannot, for every kind of column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sparkdl.data.arrow import BlockReader, ColumnSource, read_columns
from sparkdl.data.validity import valid_rows
from sparkdl.errors import DataError
from sparkdl.types import SampleSpec, TensorSpec

NAN = float("nan")
IMAGE = pa.struct(
    [("height", pa.int32()), ("width", pa.int32()), ("nChannels", pa.int32()), ("mode", pa.int32()), ("data", "binary")]
)
GOOD = {"height": 1, "width": 2, "nChannels": 1, "mode": 0, "data": b"ab"}
# Kind, shape and dtype, Arrow type, valid values, others.
CASES: list[tuple[str, tuple[int, ...], str, Any, list[Any], list[Any]]] = [
    ("number", (), "float32", pa.float64(), [0.0, -1.5], [None, NAN]),
    ("number", (), "int32", pa.int32(), [0, 3], [None]),
    ("array", (2,), "float32", pa.list_(pa.float32()), [[1, 2], [3, 4]], [None, [1], [1, None], [NAN, 1], [1, 2, 3]]),
    ("array", (2,), "int64", pa.list_(pa.int64()), [[1, 2]], [[], [None, 1]]),
    ("array", (2,), "float32", pa.list_(pa.float32(), 2), [[1, 2]], [None, [1, None]]),
    (
        "array",
        (2, 1, 2),
        "float32",
        pa.list_(pa.list_(pa.float64())),
        [[[1, 2], [3, 4]]],
        [None, [None, [1, 2]], [[1, 2]], [[1, 2], [1]], [[1, 2], [NAN, 3]], [[1, 2], [None, 3]]],
    ),
    ("binary", (3,), "uint8", pa.binary(), [b"abc", b"def"], [None, b"ab", b"", b"abcd"]),
    ("binary", (1,), "float32", pa.binary(), [np.float32(1).tobytes()], [np.float32(NAN).tobytes(), b"abc"]),
    (
        "image",
        (1, 2, 1),
        "uint8",
        IMAGE,
        [GOOD],
        [None, {**GOOD, "height": None}, {**GOOD, "width": 3}, {**GOOD, "mode": 5}, {**GOOD, "data": b"a"}],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[2]}")
def test_valid_rows_can_be_read_and_no_others(case: tuple[Any, ...]) -> None:
    kind, shape, dtype, arrow, good, bad = case
    source = ColumnSource(kind, ("x",), "column 'x'", dtype if kind == "binary" else None)
    reader = BlockReader(SampleSpec((TensorSpec("x", shape, dtype),)), (source,))
    values = [value for index, one in enumerate(bad) for value in (good[index % len(good)], one)]
    batch = pa.record_batch({"x": pa.array(values, arrow)}).slice(0)
    for part in (batch, batch.slice(1)):
        valid = valid_rows(part, reader)
        for row in range(len(part)):
            one = part.slice(row, 1)
            if valid[row]:
                read_columns(one, reader, str)
            else:
                with pytest.raises(DataError):
                    read_columns(one, reader, str)
        read_columns(part.filter(pa.array(valid)), reader, str)
    assert valid_rows(batch, reader).tolist() == [True, False] * len(bad)


def test_a_row_needs_all_of_its_columns() -> None:
    batch = pa.record_batch({"a": pa.array([1.0, None, 2.0, NAN]), "b": pa.array([1, 2, None, 4])})
    source = ColumnSource("stack", ("a", "b"), "columns")
    reader = BlockReader(SampleSpec((TensorSpec("x", (2,), "float32"),)), (source,))
    assert valid_rows(batch, reader).tolist() == [True, False, False, False]


def test_rows_whose_indices_have_no_row_of_the_table_are_invalid() -> None:
    spec = SampleSpec((TensorSpec("x", (2,), "int32"),))
    reader = BlockReader(spec, (ColumnSource("array", ("x",), "column 'x'"),), limits=(np.array([3, 9]),))
    batch = pa.record_batch({"x": pa.array([[2, 8], [3, 0], None, [0, -1], [0, 3]], pa.list_(pa.int32()))})
    assert valid_rows(batch, reader).tolist() == [True, False, False, False, True]
    good = batch.filter(pa.array(valid_rows(batch, reader)))
    assert read_columns(good, reader, str)[0][0].tolist() == [[2, 8], [0, 3]]
    with pytest.raises(DataError, match="column 'x' has the index 9 in 0, but .* embedding of 9 rows, numbered 0 to 8"):
        read_columns(pa.record_batch({"x": pa.array([[0, 9]], pa.list_(pa.int32()))}), reader, str)
