"""Lists of different lengths for a model that takes any: nobody but the user can say which length is right."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import sparkdl as sdl
from sparkdl.errors import DataError
from sparkdl.spark.failures import own_errors

pytestmark = [pytest.mark.spark, pytest.mark.tf]

MESSAGE = (
    r"'features' has lists of different lengths, 1 in the first row and 2 in row 1 of .*"
    r"F\.slice\(F\.concat\('features', F\.array_repeat\(F\.lit\(0\), 2\)\), 1, 2\), or say by shapes=\{'features': "
)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    layers = keras.layers
    table = layers.Embedding(10, 4, mask_zero=True)
    made = keras.Sequential([keras.Input((None,)), table, layers.GlobalAveragePooling1D(), layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


@pytest.fixture(scope="module")
def frame(spark_local: SparkSession) -> DataFrame:
    rows = [([1, 2, 3][: 1 + number % 3] if number else [5], number % 2) for number in range(12)]
    return spark_local.createDataFrame(rows, "features array<int>, label int").coalesce(1)


def test_lengths_that_differ_are_told_with_what_pads_them(frame: DataFrame, model: keras.Model) -> None:
    with pytest.raises(DataError, match=MESSAGE):
        sdl.fit(model, frame, batch_size=4, verbose=0, workers=1)
    with pytest.raises(DataError, match=MESSAGE):
        sdl.evaluate(model, frame)
    for mode in ("error", "skip", "keep"):
        with pytest.raises(DataError, match=MESSAGE), own_errors():
            sdl.predict(model, frame, handle_invalid=mode).collect()


def test_what_the_message_says_helps(frame: DataFrame, model: keras.Model) -> None:
    padded: Any = F.slice(F.concat("features", F.array_repeat(F.lit(0), 3)), 1, 3)
    sdl.fit(model, frame.withColumn("features", padded), batch_size=4, verbose=0, workers=1)
    kept = sdl.predict(model, frame, handle_invalid="skip", shapes={"features": (3,)}).collect()
    assert [len(row.features) for row in kept] == [3] * 4


def test_nulls_are_left_out_where_lengths_agree(frame: DataFrame, model: keras.Model) -> None:
    same = frame.withColumn("features", F.when(F.size("features") == 2, F.col("features")))
    found = sdl.predict(model, same, handle_invalid="keep").collect()
    assert [row.prediction is None for row in found] == [row.features is None for row in found]
    assert sum(row.prediction is not None for row in found) == 4
