"""Blocks of samples, and their packed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparkdl.data.blocks import Block, block_of_samples, describe_row, pack, unpack
from sparkdl.errors import DataError
from sparkdl.types import Sample, SampleSpec, TensorSpec

SPEC = SampleSpec(
    (TensorSpec("a", (2,), "float32"), TensorSpec("b", (), "int64")), (TensorSpec("label", (), "int64"),), weighted=True
)
IDS = (np.int64(4) << 33) + np.arange(3)


def samples(count: int = 3) -> list[Sample]:
    return [Sample((np.full(2, i / 2), np.asarray(i)), (np.asarray(i),), float(i)) for i in range(count)]


def test_samples_become_columns_of_the_specs_dtypes() -> None:
    block = block_of_samples(samples(), SPEC, IDS, np.zeros(3, "int8"))
    assert [column.dtype for column in block.columns] == ["float32", "int64", "int64", "float32"]
    assert block.columns[0].tolist() == [[0, 0], [0.5, 0.5], [1, 1]]
    assert block.columns[3].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Sample((np.zeros(3), np.asarray(1)), (np.asarray(1),), 1.0), r"feature array 0.*row 1 of partition 4.*\(3,\)"),
        (Sample((np.zeros(2), np.asarray(1.5)), (np.asarray(1),), 1.0), "feature array 1.*float64.*int64"),
        (Sample((np.zeros(2), np.asarray(None)), (np.asarray(1),), 1.0), "feature array 1.*object"),
        (Sample((np.array([1, np.nan]), np.asarray(1)), (np.asarray(1),), 1.0), "feature array 0 has a NaN in row 1"),
        (Sample((np.zeros(2),), (np.asarray(1),), 1.0), "1 feature arrays, 1 label arrays and a weight; expected 2"),
        (Sample((np.zeros(2), np.asarray(1)), (np.asarray(1),)), "no weight; expected 2, 1 and a weight"),
        (Sample((np.zeros(2), np.asarray(1)), (np.asarray(1),), float("nan")), "weight has a NaN in row 1"),
        (Sample((np.zeros(2), np.asarray(1)), (np.asarray(1),), -2.0), "weight has -2 in row 1.* at least 0: correct"),
        ((np.zeros(2), 1), "received tuple in row 1 of partition 4.*Sample.from_ndarray"),
    ],
)
def test_a_sample_that_does_not_fit_is_named(wrong: Sample, message: str) -> None:
    with pytest.raises(DataError, match=message):
        block_of_samples([samples()[0], wrong, samples()[2]], SPEC, IDS)


@given(
    ids=hnp.arrays("int64", 4),
    image=hnp.arrays(st.sampled_from(["uint8", "float32", "int16", "float64"]), (4, 3, 1)),
    label=hnp.arrays("int32", 4),
    role=st.one_of(st.none(), hnp.arrays("int8", 4)),
)
def test_unpack_reads_what_pack_wrote(
    ids: np.ndarray, image: np.ndarray, label: np.ndarray, role: np.ndarray | None
) -> None:
    back = unpack(pack(Block(ids, (image, label), role)))
    np.testing.assert_array_equal(back.ids, ids)
    np.testing.assert_array_equal(back.role, role)  # type: ignore[arg-type]
    for one, other in zip(back.columns, (image, label), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_an_empty_block_survives_packing() -> None:
    back = unpack(pack(Block(np.empty(0, "int64"), (np.empty((0, 5), "uint8"),))))
    assert back.rows == 0 and back.columns[0].shape == (0, 5)


def test_other_bytes_are_refused() -> None:
    with pytest.raises(DataError, match="packed block"):
        unpack(b"\x80\x04pickle")


def test_rows_are_described_by_partition_position_and_data_set() -> None:
    assert describe_row((7 << 33) + 2, 1) == "row 2 of partition 7 of the validation data (both counted from 0)"


def test_integers_that_the_first_samples_dtype_does_not_hold_are_refused() -> None:
    spec = SampleSpec((TensorSpec("x", (), "int8"),), ())
    rows = [Sample((np.asarray(number),)) for number in (1, 127, 300)]
    assert block_of_samples(rows[:2], spec, IDS[:2]).columns[0].tolist() == [1, 127]
    with pytest.raises(DataError, match="has numbers that int8 does not hold; expected dtype int8, as in the first"):
        block_of_samples(rows, spec, IDS)
