"""ImageTransformer: what Spark ML expects of a stage, images of any size, and pipelines with it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.param import Params

import sparkdl as sdl
from sparkdl import ml
from sparkdl.errors import ArgumentError, DataError
from sparkdl.spark.failures import own_errors

images = sdl.images
NUMBERS = images.Compose([images.Resize(6), images.Channels("rgb"), images.Normalize()])
RANDOM = images.Compose([images.RandomCrop(6), images.Flip()])


def encoded(number: int) -> bytes:
    random = np.random.default_rng(number)
    pixels = random.integers(0, 90, (7 + number % 5, 8 + number % 4, 3)).astype("uint8")
    pixels[:, :, number % 3] += 150
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def frame(spark_local: Any) -> Any:
    rows = [(number, bytearray(encoded(number)), number % 3) for number in range(24)]
    found = spark_local.createDataFrame(rows, "id int, content binary, label int").repartition(3, "id")
    return images.decode(found, "content", output="image").cache()


def test_it_is_a_stage_as_spark_ml_has_them() -> None:
    stage = ml.ImageTransformer(inputCol="image", transformation=NUMBERS)
    assert stage.getOutputCol() == f"{stage.uid}__output" and stage.getHandleInvalid() == "error"
    other = stage.copy({stage.outputCol: "x"}).setAugment(True).setSeed(4)
    assert (other.getOutputCol(), other.getSeed(), other.uid, stage.getAugment()) == ("x", 4, stage.uid, False)
    assert other.getTransformation() == NUMBERS
    assert "handleInvalid: " in stage.explainParams() and isinstance(stage, Params)
    assert stage.setTransformation(images.Resize(4).to_config()).getTransformation() == images.Resize(4)
    with pytest.raises(TypeError, match="transformation must be a transform of sdl.images"):
        stage.setTransformation("Resize")
    with pytest.raises(ArgumentError, match="there is no transform 'Blur'"):
        stage.setTransformation({"class": "Blur"})


def test_bytes_become_structs_and_numbers_become_arrays(frame: Any) -> None:
    small = ml.ImageTransformer(inputCol="image", outputCol="small", transformation=RANDOM)
    numbers = ml.ImageTransformer(inputCol="content", outputCol="numbers", transformation=NUMBERS)
    drawn = ml.ImageTransformer(inputCol="content", outputCol="drawn", transformation=RANDOM, augment=True, seed=3)
    context = frame.sparkSession.sparkContext
    context.setJobGroup("plan", "building a plan")
    try:
        plan = drawn.transform(numbers.transform(small.transform(frame)))
        assert not context.statusTracker().getJobIdsForGroup("plan")
    finally:
        context.setLocalProperty("spark.jobGroup.id", None)
    assert plan.columns == ["id", "content", "label", "image", "small", "numbers", "drawn"]
    rows = plan.collect()
    assert [row.id for row in rows] == [row.id for row in frame.select("id").collect()]
    for row in rows:
        pixels = images.to_array(row.image)
        assert (images.to_array(row.small) == RANDOM.inference()(pixels)).all()
        expected = NUMBERS(pixels)
        np.testing.assert_allclose(np.reshape(row.numbers, expected.shape), expected, rtol=1e-6)
    again = {row.id: row.drawn for row in drawn.transform(frame.repartition(1)).collect()}
    assert again == {row.id: row.drawn for row in rows}
    assert sum(row.drawn[1:] != row.small[1:] for row in rows) > 12
    assert numbers.transform(frame.where("id < 0")).collect() == []


def test_rows_without_a_usable_image(frame: Any) -> None:
    odd = frame.sparkSession.createDataFrame(
        [(1, bytearray(encoded(1))), (2, None), (3, bytearray(b"?"))], "id int, content binary"
    ).coalesce(1)
    stage = ml.ImageTransformer(inputCol="content", outputCol="made", transformation=NUMBERS)
    assert [row.id for row in stage.setHandleInvalid("skip").transform(odd).collect()] == [1]
    kept = stage.setHandleInvalid("keep").transform(odd).collect()
    assert [(row.id, row.made is None) for row in kept] == [(1, False), (2, True), (3, True)]
    with (
        pytest.raises(DataError, match="'content' cannot be used in row 1 of partition 0.*it begins with"),
        own_errors(),
    ):
        stage.setHandleInvalid("error").transform(odd.where("id <> 2")).collect()
    with pytest.raises(DataError, match="did you mean 'content'"):
        stage.copy({stage.inputCol: "contents"}).transform(odd)
    with pytest.raises(DataError, match="has the type int, expected image structs"):
        stage.copy({stage.inputCol: "id"}).transform(odd)
    with pytest.raises(DataError, match="column 'path' has the type string, expected image structs"):
        stage.copy({stage.inputCol: "path"}).transform(odd.selectExpr("string(id) AS path"))
    with pytest.raises(ArgumentError, match="'ID' exists already in the DataFrame as 'id'"):
        stage.copy({stage.outputCol: "ID"}).transform(odd)
    with pytest.raises(ArgumentError, match="has no inputCol"):
        ml.ImageTransformer(transformation=NUMBERS).transform(odd)


def test_it_is_saved_as_data(frame: Any, tmp_path: Path) -> None:
    stage = ml.ImageTransformer(inputCol="content", outputCol="features", transformation=NUMBERS)
    PipelineModel([stage]).save(str(tmp_path / "stages"))
    metadata = next((tmp_path / "stages" / "stages").iterdir()) / "metadata" / "part-00000"
    assert json.loads(metadata.read_text())["paramMap"]["transformation"] == NUMBERS.to_config()
    loaded = PipelineModel.load(str(tmp_path / "stages"))
    found, expected = ([row.features for row in one.transform(frame).collect()] for one in (loaded, stage))
    assert found == expected


def test_it_stands_in_a_pipeline_before_a_classifier(frame: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, activation="softmax")]
    network = keras.Sequential([keras.Input((6, 6, 3)), *layers])
    stages = [
        ml.ImageTransformer(inputCol="image", outputCol="features", transformation=NUMBERS),
        ml.DLClassifier(model=network, epochs=60, batchSize=24, optimizer="adam", learningRate=0.1, seed=2),
    ]
    model = Pipeline(stages=stages).fit(frame)
    model.save(str(tmp_path / "model"))
    again = PipelineModel.load(str(tmp_path / "model"))
    assert again.stages[0].getTransformation() == NUMBERS
    scored = again.transform(frame).collect()
    assert np.mean([row.prediction == row.label for row in scored]) > 0.8


def test_an_estimator_transforms_images_itself_and_its_model_without_chance(frame: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, activation="softmax")]
    network = keras.Sequential([keras.Input((6, 6, 3)), *layers])
    params = {"featuresCol": "image", "epochs": 60, "batchSize": 24, "optimizer": "adam", "learningRate": 0.1}
    drawn = images.Compose([images.Flip(), NUMBERS])
    fitted = ml.DLClassifier(model=network, transformation=drawn, seed=2, **params).fit(frame)
    fitted.save(str(tmp_path / "model"))
    again = ml.DLClassificationModel.load(str(tmp_path / "model"))
    assert again.getTransformation() == drawn
    scored = again.transform(frame).collect()
    assert np.mean([row.prediction == row.label for row in scored]) > 0.8
    apart = ml.ImageTransformer(inputCol="image", outputCol="numbers", transformation=NUMBERS).transform(frame)
    other = again.copy({again.featuresCol: "numbers"})
    other.clear(other.transformation)
    assert [row.prediction for row in other.transform(apart).collect()] == [row.prediction for row in scored]
