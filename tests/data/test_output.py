"""Tensors of every depth as Arrow columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from sparkdl.data.output import arrow_column, arrow_offsets, with_nulls
from sparkdl.errors import DataError


@pytest.mark.parametrize("shape", [(5,), (5, 3), (4, 2, 3), (2, 3, 1, 2), (3, 0), (2, 3, 0), (0, 4), (0,)])
def test_a_column_holds_the_tensors(shape: tuple[int, ...]) -> None:
    values, kind = np.random.default_rng(0).normal(size=shape), pa.float32()
    for _ in shape[1:]:
        kind = pa.list_(pa.field("element", kind, nullable=False))
    column = arrow_column(values, kind)
    column.validate(full=True)
    assert column.type == kind and len(column) == shape[0]
    assert column.to_pylist() == values.astype("float32").tolist()


def test_more_numbers_than_arrow_counts_are_refused() -> None:
    assert arrow_offsets(np.array([0, 2**31 - 1])).tolist() == [0, 2**31 - 1]
    with pytest.raises(DataError, match=r"2 rows make 2,147,483,648 numbers.*lower spark\.sql\.execution"):
        arrow_offsets(np.array([0, 5, 2**31]))


def test_nulls_take_the_places_of_rows_that_were_left_out() -> None:
    column = arrow_column(np.array([[1.0], [2.0]], "float32"), pa.list_(pa.float32()))
    assert with_nulls(column, np.array([False, True, False, True])).to_pylist() == [None, [1.0], None, [2.0]]
    assert with_nulls(column[:0], np.array([False, False])).to_pylist() == [None, None]
