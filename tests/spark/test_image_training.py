"""Training, evaluation and scoring on images: encoded or structs, of any size, transformed on the way."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import sparkdl as sdl
from sparkdl.data.transforms.base import row_generator
from sparkdl.errors import ArgumentError, DataError
from sparkdl.spark.failures import own_errors

pytestmark = [pytest.mark.spark, pytest.mark.tf]

ROWS = 36
TRANSFORM_SIZE = 8


def encoded(number: int) -> bytes:
    """A PNG whose colour tells its class, of a size of its own."""
    random = np.random.default_rng(number)
    pixels = random.integers(0, 90, (9 + number % 5, 10 + number % 4, 3)).astype("uint8")
    pixels[:, :, number % 3] += 150
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def train() -> Any:
    images = sdl.images
    return images.Compose(
        [
            images.RandomResizedCrop(TRANSFORM_SIZE, scale=(0.5, 1.0)),
            images.Flip(),
            images.ColorJitter(0.2, 0.2),
            images.Channels("rgb"),
            images.Normalize(mean=0.5, std=0.5),
        ]
    )


@pytest.fixture(scope="module")
def frame(spark_local: SparkSession) -> Any:
    rows = [(number, bytearray(encoded(number)), number % 3, number % 4 == 0) for number in range(ROWS)]
    found = spark_local.createDataFrame(rows, "id int, content binary, label int, held boolean")
    found = found.repartition(3, "id").sortWithinPartitions("id")
    return sdl.images.decode(found, "content").cache()


def network(units: int = 3, size: int = TRANSFORM_SIZE) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((size, size, 3))
    hidden = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(units, activation="softmax")(hidden))
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def weights_after(frame: DataFrame, transform: Any, features: str = "content", **options: Any) -> bytes:
    model = network()
    given: dict[str, Any] = {
        "batch_size": 12,
        "epochs": 2,
        "verbose": 0,
        "workers": 1,
        "cores_per_worker": 1,
        "seed": 3,
    }
    sdl.fit(model, frame, features=features, transform=transform, **(given | options))
    return b"".join(array.tobytes() for array in model.get_weights())


def test_encoded_images_and_structs_spilled_or_not_give_the_same_bytes(frame: DataFrame, train: Any) -> None:
    first = weights_after(frame, train)
    assert weights_after(frame, train, "image", memory_limit=1) == first
    assert weights_after(frame, train, seed=4) != first
    assert weights_after(frame, train.inference()) != first


def test_a_run_resumed_in_the_middle_of_an_epoch_ends_with_the_same_bytes(
    frame: DataFrame, train: Any, tmp_path: Path
) -> None:
    whole = weights_after(frame, train, callbacks=[sdl.Checkpoint(str(tmp_path), every=2, keep=9)])
    found = sorted(tmp_path.glob("*.safetensors"))
    assert len(found) > 2
    assert weights_after(frame, train, resume=str(found[0])) == whole  # from step 2 of 3 of the first epoch


def test_every_epoch_sees_each_row_by_its_own_chance(frame: DataFrame, train: Any) -> None:
    """Over all rows in one step, an epoch's gradient is that of the images transformed by seed, epoch and row."""
    model, expected = network(), network()
    for made in (model, expected):
        made.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    options: dict[str, Any] = {"batch_size": ROWS, "epochs": 2, "verbose": 0, "workers": 2, "seed": 5}
    sdl.fit(model, frame, features="content", transform=train, **options)
    rows = frame.select(F.monotonically_increasing_id().alias("key"), "image", "label").collect()
    for epoch in range(2):
        x = [train(sdl.images.to_array(row.image), row_generator(5, epoch, row.key)) for row in rows]
        expected.train_on_batch(np.stack(x), np.array([row.label for row in rows]))
    for found, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_it_learns_validates_evaluates_and_predicts(frame: DataFrame, train: Any) -> None:
    model = network()
    history = sdl.fit(
        model,
        frame,
        features="image",
        transform=train,
        validation_indicator="held",
        batch_size=9,
        epochs=12,
        verbose=0,
        workers=2,
    )
    assert history.history["val_accuracy"][-1] == 1.0
    settled = train.inference()
    rows = frame.sort("id").collect()
    x = np.stack([settled(sdl.images.to_array(row.image)) for row in rows])
    y = np.array([row.label for row in rows])
    held = np.array([row.held for row in rows])
    wanted = model.evaluate(x, y, verbose=0, return_dict=True)
    assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(x[held], y[held], verbose=0)[0], rel=1e-4)
    found = sdl.evaluate(model, frame, features="content", transform=train, batch_size=10)
    assert found == pytest.approx(wanted, rel=1e-4)
    scored = sdl.predict(model, frame, features="content", transform=train, batch_size=5).sort("id").collect()
    np.testing.assert_allclose([row.prediction for row in scored], model.predict(x, verbose=0), rtol=1e-3, atol=1e-5)


def test_rows_that_are_no_images_are_named_skipped_or_kept(frame: DataFrame, train: Any) -> None:
    broken = frame.withColumn("content", F.when(F.col("id") % 9 == 4, F.lit(b"??")).otherwise(F.col("content")))
    message = r"features column 'content' cannot be used in row \d+ of partition \d .*: it begins with b'\?\?'"
    with pytest.raises(DataError, match=message):
        weights_after(broken, train)
    model = network()
    with pytest.raises(DataError, match="'content' cannot be used in row .*it begins with"), own_errors():
        sdl.predict(model, broken, features="content", transform=train).collect()
    kept = sdl.predict(model, broken, features="content", transform=train, handle_invalid="keep").collect()
    assert sorted(row.id for row in kept if row.prediction is None) == [4, 13, 22, 31]


def test_what_does_not_fit_is_told_before_a_job_starts(frame: DataFrame, train: Any) -> None:
    images = sdl.images
    rdd: Any = frame.rdd
    frame = frame.withColumn("numbers", F.array_repeat(F.lit(1.0), TRANSFORM_SIZE * TRANSFORM_SIZE * 3))
    cases: list[tuple[type[Exception], str, Any, Any]] = [
        (DataError, r"makes images of .* \(9, 9, 3\), but the model takes \(8, 8, 3\)", "content", images.Resize(9)),
        (DataError, r"\(8, 8, 1\)", "image", images.Compose([images.Resize(8), images.Channels("gray")])),
        (DataError, "is for columns of images, and features column 'numbers' holds none", "numbers", train),
        (ArgumentError, "must be a transform of sdl.images, or a dict", "content", len),
        (ArgumentError, "names 'picture', which is no feature", "content", {"picture": train}),
        (DataError, "numbers' holds something else", "numbers", {"numbers": train}),
    ]
    context = frame.sparkSession.sparkContext
    context.setJobGroup("mistakes", "nothing may run")
    try:
        for kind, message, column, transform in cases:
            with pytest.raises(kind, match=message):
                sdl.fit(network(), frame, features=column, transform=transform, verbose=0)
        with pytest.raises(ArgumentError, match="transform= is for DataFrames"):
            sdl.fit(network(), rdd, transform=train, verbose=0)
        free = network(size=None)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=r"neither the transform nor the model says what .*\(any, any, 3\)"):
            sdl.fit(free, frame, features="content", transform=images.Flip(), verbose=0)
        assert not context.statusTracker().getJobIdsForGroup("mistakes")
    finally:
        context.setLocalProperty("spark.jobGroup.id", None)


def test_a_folder_is_trained_on_by_executors_of_their_own(
    spark_cluster: SparkSession, train: Any, tmp_path: Path
) -> None:
    for number in range(24):
        folder = tmp_path / ("blue", "green", "red")[2 - number % 3]
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.png").write_bytes(encoded(number))
    rows = sdl.images.read(spark_cluster, str(tmp_path), labels="folder")
    model = network()
    sdl.fit(model, rows, features="image", transform=train, batch_size=8, epochs=12, verbose=0)
    assert model.label_values == {"label": ["blue", "green", "red"]}
    assert sdl.evaluate(model, rows, features="image", transform=train)["accuracy"] > 0.9
