"""Columns of images of any size: in a store, in memory and on disk, and from Arrow."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdl.data.arrow import ID_COLUMN, BlockReader, ColumnSource, read_block, read_columns
from sparkdl.data.blocks import Block
from sparkdl.data.pictures import picture_column
from sparkdl.data.store import PartitionStore
from sparkdl.errors import DataError
from sparkdl.types import SampleSpec, TensorSpec

SPEC = SampleSpec((TensorSpec("x", (), "object"),), (TensorSpec("y", (), "int64"),))


def picture(number: int) -> np.ndarray:
    """Of a size and kind that depend on the number."""
    random = np.random.default_rng(number)
    shape = (1 + number % 5, 1 + number % 3, 3 if number % 2 else 1)
    pixels = random.integers(0, 256, shape).astype("uint8")
    return pixels if number % 7 else pixels.reshape(-1)


def filled(numbers: list[int], limit: int | None = None) -> PartitionStore:
    store = PartitionStore(SPEC, limit)
    for part in np.array_split(np.array(numbers, np.int64), 3):
        store.append(Block(part, (picture_column([picture(number) for number in part.tolist()]), part)))
    store.freeze()
    return store


@settings(deadline=None)
@given(numbers=st.lists(st.integers(0, 300), unique=True, max_size=40), limit=st.sampled_from([None, 0]))
def test_a_store_gives_back_what_it_was_given(numbers: list[int], limit: int | None) -> None:
    with filled(numbers, limit) as store:
        batch = store.view().take(np.arange(len(numbers)))
        assert batch.labels[0].tolist() == store.view().ids(np.arange(len(numbers))).tolist() == sorted(numbers)
        assert store.on_disk == (limit == 0 and bool(numbers))
        for number, found in zip(sorted(numbers), batch.features[0], strict=True):
            assert found.shape == picture(number).shape and (found == picture(number)).all()


def test_fingerprints_see_pixels_and_shapes() -> None:
    def fingerprint(rows: list[np.ndarray]) -> dict[int, int]:
        with PartitionStore(SPEC) as store:
            store.append(Block(np.arange(len(rows)), (picture_column(rows), np.zeros(len(rows)))))
            store.freeze()
            return store.view().fingerprint()

    rows = [picture(number) for number in range(5)]
    changed = [row.copy() for row in rows]
    changed[3].reshape(-1)[0] ^= 1
    turned = [*rows[:3], rows[3].transpose(1, 0, 2), rows[4]]
    assert fingerprint(rows) == fingerprint([row.copy() for row in rows])
    assert len({fingerprint(rows)[0], fingerprint(changed)[0], fingerprint(turned)[0]}) == 3


def struct(rows: list[np.ndarray | None], mode: int = 16) -> pa.StructArray:
    def values(row: np.ndarray | None) -> dict[str, object] | None:
        if row is None:
            return None
        height, width, channels = row.shape
        return {"height": height, "width": width, "nChannels": channels, "mode": mode, "data": row.tobytes()}

    fields = [(name, pa.int32()) for name in ("height", "width", "nChannels", "mode")]
    return pa.array([values(row) for row in rows], pa.struct([*fields, ("data", pa.binary())]))


def test_arrow_columns_are_read_as_views_of_any_size() -> None:
    pixels = [picture(number) for number in (1, 2, 3, 4, 5)]
    ids = pa.array(range(5), pa.int64())
    batch = pa.RecordBatch.from_arrays(
        [ids, struct(list(pixels)), pa.array([row.tobytes() for row in pixels])], names=[ID_COLUMN, "image", "content"]
    )
    spec = SampleSpec((TensorSpec("a", (), "object"), TensorSpec("b", (), "object")))
    sources = (ColumnSource("picture", ("image",), "column 'image'"), ColumnSource("encoded", ("content",), "c"))
    for part, first in ((batch, 0), (batch.slice(2, 2), 2)):
        block = read_block(part, BlockReader(spec, sources))
        assert block.rows == part.num_rows
        for offset in range(part.num_rows):
            assert (block.columns[0][offset] == pixels[first + offset]).all()
            assert block.columns[1][offset].tobytes() == pixels[first + offset].tobytes()
            assert not block.columns[0][offset].flags.owndata


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (struct([picture(1), None]), "column 'image' has a null in row 1"),
        (struct([picture(1)], mode=5), "OpenCV mode 5 in row 0"),
        (
            pa.StructArray.from_arrays(
                [*struct([picture(1)]).flatten()[:4], pa.array([b"12345"])],
                names=["height", "width", "nChannels", "mode", "data"],
            ),
            r"has 5 bytes in row 0 for an image of \(height, width, channels\) \(2, 2, 3\)",
        ),
    ],
)
def test_what_is_no_image_is_named(column: pa.Array, message: str) -> None:
    batch = pa.RecordBatch.from_arrays([column], names=["image"])
    reader = BlockReader(SPEC, (ColumnSource("picture", ("image",), "column 'image'"),))
    reader = BlockReader(SampleSpec(SPEC.features), reader.sources)
    with pytest.raises(DataError, match=message):
        read_columns(batch, reader, lambda row: f"row {row}")
