"""Images and their masks as labels: moved together in training, without chance elsewhere, and never one alone."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import sparkdl as sdl
from sparkdl.data.transforms.base import row_generator
from sparkdl.errors import ArgumentError, DataError
from sparkdl.spark.frames import DataArguments, ModelShapes, prepare

pytestmark = [pytest.mark.spark, pytest.mark.tf]

ROWS, SIZE = 12, 6
STRUCT = "struct<origin: string, height: int, width: int, nChannels: int, mode: int, data: binary>"
MOVES = [sdl.images.RandomCrop(SIZE), sdl.images.Flip(), sdl.images.Rotate(20, interpolation="nearest")]
IMAGE = sdl.images.Compose([*MOVES, sdl.images.Normalize()])
MASK = sdl.images.Compose([*MOVES, sdl.images.Channels("gray")])
BOTH = {"image": IMAGE, "mask": MASK}


def struct(pixels: np.ndarray) -> tuple[Any, ...]:
    height, width, channels = pixels.shape
    return ("", height, width, channels, (channels - 1) * 8, bytearray(pixels.tobytes()))


def pixels_of(number: int) -> np.ndarray:
    """Of a size of its own, and of 0 and 1 only: the mask is its first channel."""
    return np.random.default_rng(number).integers(0, 2, (8 + number % 3, 9 + number % 2, 3)).astype("uint8")


@pytest.fixture(scope="module")
def frame(spark_local: SparkSession) -> Any:
    found = [(number, pixels_of(number)) for number in range(ROWS)]
    rows = [(number, struct(image), struct(np.ascontiguousarray(image[:, :, :1]))) for number, image in found]
    made = spark_local.createDataFrame(rows, f"id int, image {STRUCT}, mask {STRUCT}").repartition(3, "id")
    return made.sortWithinPartitions("id").cache()


def network(units: int = 1, loss: str = "binary_crossentropy") -> keras.Model:
    keras.utils.set_random_seed(0)
    head = keras.layers.Conv2D(units, 1, activation="sigmoid" if units == 1 else "softmax")
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), head])
    model.compile(keras.optimizers.SGD(0.5), loss, metrics=["accuracy"])
    return model


def pair_of(row: Any, generator: Any, image: Any = IMAGE, mask: Any = MASK) -> tuple[np.ndarray, np.ndarray]:
    pixels = pixels_of(row.id)
    return image(pixels, generator()), mask(np.ascontiguousarray(pixels[:, :, :1]), generator())


def test_masks_as_labels_move_with_their_images(frame: DataFrame) -> None:
    """Over all rows in one step, an epoch's gradient is that of images and masks of one seed, epoch and row."""
    model, expected = network(), network()
    options: dict[str, Any] = {"batch_size": ROWS, "epochs": 2, "verbose": 0, "workers": 2, "seed": 5}
    sdl.fit(model, frame, features="image", label="mask", transform=BOTH, **options)
    rows = frame.select(F.monotonically_increasing_id().alias("key"), "id").collect()
    for epoch in range(2):
        pairs = [pair_of(row, lambda epoch=epoch, row=row: row_generator(5, epoch, row.key)) for row in rows]
        expected.train_on_batch(*(np.stack(side) for side in zip(*pairs, strict=True)))
    for found, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    settled = [pair_of(row, lambda: None, IMAGE.inference(), MASK.inference()) for row in rows]
    x, y = (np.stack(side) for side in zip(*settled, strict=True))
    found = sdl.evaluate(model, frame, features="image", label="mask", transform=BOTH, batch_size=5)
    assert found == pytest.approx(model.evaluate(x, y, verbose=0, return_dict=True), rel=1e-4)
    # Where there are no labels, the transform of one is let be.
    scored = sdl.predict(model, frame, features="image", transform=BOTH)
    np.testing.assert_allclose(
        [row.prediction for row in scored.sort("id").collect()],
        model.predict(np.stack([x[i] for i in np.argsort([row.id for row in rows])]), verbose=0),
        rtol=1e-3,
        atol=1e-5,
    )


def test_validation_has_masks_without_chance(frame: DataFrame) -> None:
    model = network()
    options: dict[str, Any] = {"batch_size": ROWS, "verbose": 0, "workers": 1}
    history = sdl.fit(model, frame, features="image", label="mask", transform=BOTH, validation_data=frame, **options)
    found = sdl.evaluate(model, frame, features="image", label="mask", transform=BOTH)
    assert history.history["val_loss"][-1] == pytest.approx(found["loss"], rel=1e-4)


def test_class_numbers_of_masks_are_checked_as_the_transform_makes_them(frame: DataFrame) -> None:
    model = network(2, "sparse_categorical_crossentropy")
    sdl.fit(model, frame, features="image", label="mask", transform=BOTH, batch_size=ROWS, verbose=0, workers=1)
    bright = {"image": IMAGE, "mask": sdl.images.Compose([*MASK.transforms, sdl.images.Normalize(scale=5)])}
    with pytest.raises(DataError, match=r"label column 'mask' becomes class numbers from 0 to 5 in row .* 2 classes"):
        sdl.fit(model, frame, features="image", label="mask", transform=bright, batch_size=ROWS, verbose=0, workers=1)


def test_a_mask_is_not_left_behind_where_chance_moves_its_image(frame: DataFrame) -> None:
    frame = frame.withColumn("boxes", F.array(F.array(F.lit(1.0), F.lit(2.0)))).withColumn("class", F.lit(1))
    shapes = ModelShapes(((SIZE, SIZE, 3),), ("input",), ("output",))
    shaped = {"mask": (8, 9, 1)}
    jitter = sdl.images.Compose([sdl.images.Resize(SIZE), sdl.images.ColorJitter(0.2)])

    def prepared(transform: Any, label: str) -> Any:
        given = {label: shaped[label]} if label in shaped else {}
        return prepare(frame, DataArguments("image", label, shapes=given, transform=transform), shapes)

    for transform in (IMAGE, {"image": IMAGE}):
        with pytest.raises(ArgumentError, match=r"'image' at random, but label column 'mask' .*\{'image': ..., 'mask'"):
            prepared(transform, "mask")
        with pytest.raises(ArgumentError, match=r"label column 'boxes' of the shape \(1, 2\) would stay"):
            prepared(transform, "boxes")
    for transform, label in (
        (jitter, "mask"),
        (IMAGE.inference(), "mask"),
        (IMAGE, "class"),
        ({"image": IMAGE, "boxes": None}, "boxes"),
    ):
        assert prepared(transform, label).transforms[1] is None
    with pytest.raises(DataError, match="images .*, but label column 'boxes' holds something else"):
        prepared({"image": IMAGE, "boxes": MASK}, "boxes")
    with pytest.raises(ArgumentError, match="names 'maks', which is no feature or label column: did you mean 'mask'"):
        prepared({"image": IMAGE, "maks": MASK}, "mask")
    with pytest.raises(DataError, match=r"label column 'image': neither .* \(6, 6, any\) .*or give shapes=\{'image'"):
        prepared({"image": sdl.images.Compose(MOVES)}, "image")
    twice = prepared({"image": sdl.images.Compose([*MOVES, sdl.images.Channels("rgb")])}, "image")
    assert [item.transform for item in twice.transforms] == [twice.transforms[0].transform] * 2
