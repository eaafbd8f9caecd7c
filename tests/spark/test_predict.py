"""`predict` leaves every other column as it is, whatever its type."""

from __future__ import annotations

import datetime
import decimal
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from pyspark.ml.linalg import Vectors
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import classifier

import sparkdl as sdl
from sparkdl.errors import ArgumentError, DataError

pytestmark = [pytest.mark.spark, pytest.mark.tf]


def test_columns_of_every_type_pass_through(spark_local: SparkSession) -> None:
    when = datetime.datetime(2024, 2, 29, 12, 30, 1, 500)
    rows = [
        (
            number,
            None if number % 2 else "text",
            when + datetime.timedelta(days=number),
            datetime.date(2024, 1, 1),
            decimal.Decimal("1.25"),
            {"key": number},
            [[1.0], [2.0, float(number)]],
            (number, "inner"),
            bytearray(b"raw"),
            Vectors.dense([0.5, float(number)]) if number % 2 else Vectors.sparse(2, {1: 1.0}),
            [float(number), 0.0, 1.0, 2.0],
        )
        for number in range(7)
    ]
    schema = (
        "id long, text string, at timestamp, day date, price decimal(10,2), pairs map<string,int>, "
        "nested array<array<double>>, pair struct<a:int,b:string>, raw binary"
    )
    plain = spark_local.createDataFrame([row[:-2] for row in rows], schema)
    vectors = spark_local.createDataFrame([(row[0], row[-2], row[-1]) for row in rows], ["id", "vector", "features"])
    data = plain.join(vectors, "id").repartition(3)
    model = classifier()
    scored = sdl.predict(model, data, features="features", output="p")
    assert scored.columns == [*data.columns, "p"]
    assert scored.schema.fields[:-1] == data.schema.fields
    expected = {row.id: row for row in data.collect()}
    for row in scored.collect():
        values = row.asDict()
        prediction = values.pop("p")
        assert values == expected[row.id].asDict()
        features = np.array([row.features], "float32")
        np.testing.assert_allclose(prediction, model.predict(features, verbose=0)[0], rtol=1e-4)


def test_vectors_are_features_and_several_outputs_several_columns(spark_local: SparkSession) -> None:
    data = spark_local.createDataFrame([(Vectors.dense([1.0, 2.0]),), (Vectors.sparse(2, {0: 3.0}),)], ["v"])
    inputs = keras.Input((2,))
    double = keras.layers.Rescaling(2.0, name="double")(inputs)
    total = keras.layers.Dense(1, kernel_initializer="ones", name="total")(inputs)
    rows = sdl.predict(keras.Model(inputs, [double, total]), data, features="v", output="out").collect()
    assert [list(row.out_double) for row in rows] == [[2.0, 4.0], [6.0, 0.0]]
    assert [list(row.out_total) for row in rows] == [[3.0], [3.0]]


def test_tables_in_memory_are_refused() -> None:
    table, model = pd.DataFrame({"features": [1.0], "label": [1]}), classifier()
    for verb in (sdl.predict, sdl.evaluate, sdl.fit):
        with pytest.raises(ArgumentError, match=r"received pandas\..*DataFrame: make a DataFrame of it by"):
            verb(model, table)
    with pytest.raises(ArgumentError, match=r"received pandas\..*DataFrame: make a DataFrame of it by"):
        sdl.measure(table, sdl.metrics.Accuracy())


def test_mistakes(spark_local: SparkSession) -> None:
    data = spark_local.createDataFrame([(1, [1.0, 2.0, 3.0, 4.0])], "id int, features array<double>")
    with pytest.raises(ArgumentError, match="'id' exists already"):
        sdl.predict(classifier(), data, output="id")
    with pytest.raises(DataError, match="did you mean 'features'"):
        sdl.predict(classifier(), data, features="feature")
