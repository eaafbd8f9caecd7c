"""Images transformed on their way into batches: by row and epoch alone, whoever does it and when."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from sparkdl.data.arrow import BlockReader, ColumnSource, portions, read_columns
from sparkdl.data.augment import BatchTransform, FeatureTransform, stored_spec
from sparkdl.data.batches import batches, inference_batches
from sparkdl.data.blocks import Block
from sparkdl.data.epoch import epoch_plan
from sparkdl.data.pictures import picture_column
from sparkdl.data.store import PartitionStore, RowsView
from sparkdl.data.transforms.base import Compose, Transform
from sparkdl.data.transforms.color import Channels, ColorJitter, Normalize
from sparkdl.data.transforms.crops import CenterCrop, RandomCrop
from sparkdl.data.transforms.geometry import Flip, Resize
from sparkdl.data.validity import valid_rows
from sparkdl.errors import DataError
from sparkdl.types import Batch, SampleSpec, TensorSpec

TENSOR = TensorSpec("x", (6, 6, 3), "float32")
MADE = SampleSpec((TENSOR, TensorSpec("n", (), "float32")), (TensorSpec("y", (), "int64"),))
TRANSFORM = Compose([Resize(9), RandomCrop(6), Flip(), ColorJitter(0.3, 0.3, 0.3, 0.1), Channels("rgb"), Normalize()])
FEATURE = FeatureTransform(TRANSFORM, TENSOR, "column 'x'")
ROWS = 23


def picture(number: int) -> np.ndarray:
    """Encoded or not, of a size of its own."""
    pixels = np.random.default_rng(number).integers(0, 256, (9 + number % 4, 10 + number % 3, 3)).astype("uint8")
    if number % 2:
        return pixels
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return np.frombuffer(buffer.getvalue(), "uint8")


def view_of(ids: list[int]) -> RowsView:
    store = PartitionStore(stored_spec(MADE, [FEATURE, None]))
    numbers = np.array(ids, np.int64)
    columns = (picture_column([picture(number) for number in ids]), numbers.astype("float32"), numbers)
    store.append(Block(numbers, columns))
    store.freeze()
    return store.view()


def epoch_of(
    view: RowsView, epoch: int, *, threads: int = 1, prefetch: int = 0, start_step: int = 0, seed: int = 5
) -> list[Batch]:
    transform = BatchTransform([FEATURE, None], seed, threads)
    found = batches(
        view,
        epoch_plan([view.rows], 5),
        0,
        seed=seed,
        epoch=epoch,
        start_step=start_step,
        prefetch=prefetch,
        transform=transform,
    )
    return [batch for batch in found if batch is not None]


def by_id(found: list[Batch]) -> dict[int, bytes]:
    return {
        int(number): image.tobytes()
        for batch in found
        for number, image in zip(batch.labels[0], batch.features[0], strict=True)
    }


def test_batches_do_not_depend_on_threads_prefetching_or_where_an_epoch_is_resumed() -> None:
    view = view_of(list(range(ROWS)))
    whole = epoch_of(view, 3)
    assert [batch.features[0].shape[1:] for batch in whole] == [(6, 6, 3)] * 5
    assert whole[0].features[0].dtype == "float32" and whole[0].features[0].ctypes.data % 64 == 0
    for options in ({"threads": 3}, {"prefetch": 2}, {"threads": 2, "prefetch": 1}):
        again = epoch_of(view, 3, **options)
        assert [batch.features[0].tobytes() for batch in again] == [batch.features[0].tobytes() for batch in whole]
    rest = epoch_of(view, 3, start_step=3)
    assert [batch.features[0].tobytes() for batch in rest] == [batch.features[0].tobytes() for batch in whole[3:]]


def test_chance_is_fresh_in_every_epoch_and_belongs_to_the_row() -> None:
    ids = [(number % 3 << 33) + number for number in range(ROWS)]
    whole = by_id(epoch_of(view_of(ids), 0))
    parts = by_id(epoch_of(view_of(ids[:9]), 0)) | by_id(epoch_of(view_of(ids[9:]), 0))  # of two workers
    assert whole == parts
    other_epoch, other_seed = by_id(epoch_of(view_of(ids), 1)), by_id(epoch_of(view_of(ids), 0, seed=6))
    assert sum(whole[number] == other_epoch[number] for number in ids) == 0
    assert sum(whole[number] == other_seed[number] for number in ids) == 0


def test_validation_has_no_chance_in_it() -> None:
    view = view_of(list(range(ROWS)))
    transform = BatchTransform([FEATURE, None], 5)
    found = by_id(list(inference_batches(view, 7, transform=transform)))
    settled: Transform = Compose([Resize(9), CenterCrop(6), Channels("rgb"), Normalize()])
    assert TRANSFORM.inference() == settled
    for number in (1, 3, 21):
        assert found[number] == settled(picture(number)).tobytes()


def test_features_of_a_row_get_the_same_draws() -> None:
    mask = FeatureTransform(Compose([RandomCrop(6), Flip()]), TensorSpec("m", (6, 6, 3), "uint8"), "m")
    pixels = picture_column([picture(number) for number in (1, 3, 5, 7)])
    made = BatchTransform([mask, mask], 1).training(Batch((pixels, pixels), ()), np.arange(4), 0)
    assert (made.features[0] == made.features[1]).all()


def test_a_bad_image_is_named_by_its_row() -> None:
    good = picture(1)
    cases = [
        (np.frombuffer(b"no image", "uint8"), r"column 'x' cannot be used in row 1 of partition 0 .*: it begins with"),
        (np.zeros((9, 9, 2), "uint8"), "cannot be used in row 1 .*: an image of 2 channels is neither"),
    ]
    for bad, message in cases:
        for threads in (1, 2):
            with pytest.raises(DataError, match=message):
                transform = BatchTransform([FEATURE], 0, threads)
                transform.training(Batch((picture_column([good, bad]),), ()), np.arange(2), 0)
    other = FeatureTransform(Flip(), TENSOR, "column 'x'")
    with pytest.raises(
        DataError, match=r"image of shape \(10, 11, 3\) and dtype uint8 .*expected \(6, 6, 3\), float32"
    ):
        BatchTransform([other], 0).training(Batch((picture_column([good]),), ()), np.arange(1), 0)


def test_scoring_reads_transformed_rows_and_knows_the_bad_ones() -> None:
    contents = [picture(0).tobytes(), None, b"?", picture(2).tobytes()]
    batch = pa.record_batch({"content": pa.array(contents, pa.binary())})
    source = ColumnSource("encoded", ("content",), "column 'content'")
    reader = BlockReader(SampleSpec((TENSOR,)), (source,), (FEATURE.inference(),))
    assert valid_rows(batch, reader).tolist() == [True, False, False, True]
    (values,), _ = read_columns(batch.filter(pa.array(valid_rows(batch, reader))), reader, str)
    assert values.shape == (2, 6, 6, 3) and values.dtype == "float32"
    large = FeatureTransform(Flip(), TensorSpec("x", (2048, 2048, 4), "uint8"), "x")
    cut = list(portions([batch.slice(0, 4)], BlockReader(SampleSpec((TENSOR,)), (source,), (large,))))
    assert [part.num_rows for part in cut] == [4]
    wide = FeatureTransform(Flip(), TensorSpec("x", (4096, 2048, 4), "uint8"), "x")
    assert [part.num_rows for part in portions([batch], BlockReader(SampleSpec((TENSOR,)), (source,), (wide,)))] == [
        2,
        2,
    ]


def test_image_structs_that_are_null_or_do_not_add_up_are_invalid() -> None:
    def struct(image: np.ndarray | None, **changes: object) -> dict[str, object] | None:
        if image is None:
            return None
        height, width, channels = image.shape
        given = {"height": height, "width": width, "nChannels": channels, "mode": 16, "data": image.tobytes()}
        return given | changes

    kind = pa.struct(
        [(name, pa.int32()) for name in ("height", "width", "nChannels", "mode")] + [("data", pa.binary())]
    )
    good = picture(1)
    rows = [
        struct(good),
        None,
        struct(good, height=3),
        struct(good, mode=5),
        struct(picture(3)),
        struct(good, data=None),
    ]
    batch = pa.record_batch({"image": pa.array(rows, kind)})
    source = ColumnSource("picture", ("image",), "column 'image'")
    reader = BlockReader(SampleSpec((TENSOR,)), (source,), (FEATURE.inference(),))
    assert valid_rows(batch, reader).tolist() == [True, False, False, False, True, False]
    assert valid_rows(batch.slice(3), reader).tolist() == [False, True, False]
    (values,), _ = read_columns(batch.slice(4, 1), reader, str)
    assert (values[0] == TRANSFORM.inference()(picture(3))).all()


def test_a_mask_among_the_labels_gets_the_draws_of_its_image() -> None:
    mask = FeatureTransform(Compose([RandomCrop(6), Flip()]), TensorSpec("m", (6, 6, 3), "uint8"), "m")
    pixels = picture_column([picture(number) for number in (1, 3, 5, 7)])
    given = BatchTransform([mask, None, mask], 1)
    made = given.training(Batch((pixels, np.arange(4)), (pixels, np.arange(4))), np.arange(4), 0)
    assert (made.features[0] == made.labels[0]).all() and (made.labels[1] == np.arange(4)).all()
    assert not (
        made.labels[0] == given.inference(Batch((pixels, np.arange(4)), (pixels,)), np.arange(4)).labels[0]
    ).all()


def test_class_numbers_that_a_transform_makes_and_the_model_does_not_know_are_refused() -> None:
    pixels = picture_column([np.full((2, 2, 1), number, "uint8") for number in (2, 3)])
    mask = FeatureTransform(Compose([]), TensorSpec("m", (2, 2, 1), "uint8"), "label column 'm'", 3)
    with pytest.raises(DataError, match="'m' becomes class numbers from 3 to 3 in row 1 .* 3 classes, numbered 0 to 2"):
        BatchTransform([None, mask]).inference(Batch((np.arange(2),), (pixels,)), np.arange(2))
