"""Indices that an embedding has no row for: refused with their row wherever features are read, or left out."""

from __future__ import annotations

import logging
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

import sparkdl as sdl
from sparkdl.errors import DataError
from sparkdl.spark.failures import own_errors

pytestmark = [pytest.mark.spark, pytest.mark.tf]

ROWS = [([3, 0], 1.0), ([4, 1], 2.0), ([2, -1], 3.0), ([0, 1_000_000], 4.0), ([1, 2], 5.0)]
GOOD = [1.0, 5.0]
MESSAGE = r"has the index 4 in row 1 of .*embedding of 4 rows, numbered 0 to 3: .*larger input_dim"


@pytest.fixture(scope="module")
def model() -> keras.Model:
    inputs = keras.Input((2,), dtype="int32")
    table = keras.layers.Embedding(4, 1, embeddings_initializer=keras.initializers.Constant(5.0))
    made = keras.Model(inputs, keras.layers.Flatten()(table(inputs)))
    made.compile("sgd", "mse")
    return made


@pytest.fixture(scope="module")
def frame(spark_local: SparkSession) -> DataFrame:
    return spark_local.createDataFrame(ROWS, "features array<int>, n double").coalesce(1)


@pytest.mark.parametrize("runtime", ["openvino", "tensorflow"])
def test_scoring_names_skips_or_keeps_such_rows(frame: DataFrame, model: keras.Model, runtime: str) -> None:
    with pytest.raises(DataError, match=f"features column 'features' {MESSAGE}"), own_errors():
        sdl.predict(model, frame, runtime=runtime).collect()
    skipped = sdl.predict(model, frame, runtime=runtime, handle_invalid="skip").collect()
    assert [(row.n, row.prediction) for row in skipped] == [(n, [5.0, 5.0]) for n in GOOD]
    kept = sdl.predict(model, frame, runtime=runtime, handle_invalid="keep").collect()
    assert [row.n for row in kept if row.prediction is not None] == GOOD and len(kept) == len(ROWS)


def test_functions_of_sql_and_samples(spark_local: SparkSession, frame: DataFrame, model: keras.Model) -> None:
    sdl.register_udf(spark_local, "looked_up", model)
    found = frame.selectExpr("n", "looked_up(features) AS found").collect()
    assert [row.n for row in found if row.found is not None] == GOOD
    samples = frame.rdd.map(lambda row: sdl.Sample.from_ndarray(np.array(row.features), np.zeros(2)))
    with pytest.raises(DataError, match=f"feature array 0 {MESSAGE}"), own_errors():
        sdl.predict(model, samples).collect()
    with pytest.raises(DataError, match=f"feature array 0 {MESSAGE}"):
        sdl.evaluate(model, samples)


def test_training_and_evaluation_refuse_them(frame: DataFrame, model: keras.Model, caplog: Any) -> None:
    labelled = frame.selectExpr("features", "array(n, n) AS label")
    with pytest.raises(DataError, match=MESSAGE):
        sdl.evaluate(model, labelled)
    with caplog.at_level(logging.ERROR), pytest.raises(DataError, match=MESSAGE):
        sdl.fit(model, labelled, batch_size=5, verbose=0, workers=1)
    with pytest.raises(DataError, match="has the index -1 in row 0 of"):
        sdl.fit(model, labelled.where("features[1] = -1").coalesce(1), batch_size=5, verbose=0, workers=1)
