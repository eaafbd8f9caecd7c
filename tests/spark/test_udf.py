"""A model as a function of SQL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.ml.linalg import Vectors, VectorUDT
from pyspark.sql import SparkSession
from pyspark.sql import types as T

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.errors import ArgumentError
from sparkdl.spark import udf

pytestmark = [pytest.mark.spark, pytest.mark.tf]


@pytest.mark.parametrize("arrow", [True, False])
def test_sql_calls_the_model(spark_local: SparkSession, monkeypatch: pytest.MonkeyPatch, arrow: bool) -> None:
    if not arrow:
        monkeypatch.setattr(udf, "has_arrow_functions", lambda: False)
    x, y = blobs(40)
    model = classifier()
    expected = model.predict(x, verbose=0)
    data = frame(spark_local, x, y)
    data.createOrReplaceTempView("points")
    sdl.register_udf(spark_local, "score", model, batch_size=16)
    rows = spark_local.sql("SELECT id, score(features) AS p FROM points WHERE id % 2 = 0").collect()
    assert len(rows) == 20
    for row in rows:
        np.testing.assert_allclose(row.p, expected[row.id], rtol=1e-4, atol=1e-6)
    middle = float(np.sort(expected[:, 0])[19:21].mean())
    likely = expected[:, 0][expected[:, 0] > middle]
    query = "SELECT avg(score(features)[0]) AS mean, count(*) AS n FROM points WHERE score(features)[0]"
    row = spark_local.sql(f"{query} > {middle}").first()
    assert row is not None and row.n == len(likely) and row.mean == pytest.approx(likely.mean(), rel=1e-4)
    arguments = ", ".join(f"CAST(features[{index}] AS DOUBLE)" for index in range(4))
    rows = spark_local.sql(f"SELECT id, score({arguments}) AS p FROM points").collect()
    for row in rows:
        np.testing.assert_allclose(row.p, expected[row.id], rtol=1e-4, atol=1e-6)


def test_nulls_vectors_and_several_inputs(spark_local: SparkSession) -> None:
    one, other = keras.Input((2,), name="one"), keras.Input((), name="other")
    total = keras.ops.sum(one, axis=1) + other
    sdl.register_udf(spark_local, "total", keras.Model([one, other], total))
    rows = [
        (Vectors.dense([1.0, 2.0]), [1.0, 2.0], 3),
        (Vectors.sparse(2, {1: 5.0}), [0.0, 5.0], 1),
        (None, None, 1),
        (Vectors.dense([1.0, 1.0]), [1.0, None], None),
    ]
    schema = T.StructType(
        [
            T.StructField("v", VectorUDT()),
            T.StructField("a", T.ArrayType(T.DoubleType())),
            T.StructField("n", T.IntegerType()),
        ]
    )
    data = spark_local.createDataFrame(rows, schema).coalesce(1)
    found = data.selectExpr("total(v, n) AS one", "total(a, n) AS other").collect()
    assert [row.one for row in found] == [6.0, 6.0, None, None]
    assert [row.other for row in found] == [6.0, 6.0, None, None]
    sdl.register_udf(spark_local, "strict", keras.Model([one, other], total), handle_invalid="error")
    with pytest.raises(Exception, match="argument 1 of strict.. has a null"):
        data.selectExpr("strict(a, n)").collect()
    with pytest.raises(Exception, match="was given 1 argument, but its model takes 2"):
        data.selectExpr("strict(a)").collect()
    with pytest.raises(Exception, match="has the type string"):
        data.selectExpr("strict(a, 'x')").collect()


@pytest.mark.parametrize("arrow", [True, False])
def test_literals_of_sql(spark_local: SparkSession, monkeypatch: pytest.MonkeyPatch, arrow: bool) -> None:
    if not arrow:
        monkeypatch.setattr(udf, "has_arrow_functions", lambda: False)
    pair, one = keras.Input((2,), name="pair"), keras.Input((), name="one", dtype="int32")
    sdl.register_udf(spark_local, "total", keras.Model(pair, keras.ops.sum(pair, axis=1)))
    sdl.register_udf(spark_local, "both", keras.Model([pair, one], pair[:, 0] + keras.ops.cast(one, "float32")))
    for call, expected in [
        ("total(array(0.5, 0.25))", 0.75),
        ("total(0.5, 0.25)", 0.75),
        ("total(1.0D, NULL)", None),
        ("total(NULL, NULL)", None),
        ("total(NULL)", None),
        ("total(array(NULL, NULL))", None),
        ("both(array(0.5, 0.25), 2)", 2.5),
        ("both(NULL, 2)", None),
        ("both(array(0.5, 0.25), NULL)", None),
    ]:
        row = spark_local.sql(f"SELECT {call} AS p").first()
        assert row is not None and row.p == expected, call


def test_another_number_of_numbers_is_said(spark_local: SparkSession) -> None:
    pair = keras.Input((2,))
    sdl.register_udf(spark_local, "total", keras.Model(pair, keras.ops.sum(pair, axis=1)))
    for call, given in (
        ("total(1.0D)", "1 number"),
        ("total(1.0D, 2, 3)", "3 numbers"),
        ("total(NULL, 2, 3)", "3 num"),
    ):
        with pytest.raises(Exception, match=rf"total\(\) was given {given}.*, but its model takes 2 \(shape \(2,\)\)"):
            spark_local.sql(f"SELECT {call}").collect()


@pytest.mark.parametrize("name", ["", "1x", "a.b", "my score", "a'b", None, 3])
def test_names_that_no_query_can_call_are_refused(spark_local: SparkSession, name: Any) -> None:
    with pytest.raises(ArgumentError, match=f"^name must be one that SQL can call, .* received {name!r}\\.$"):
        sdl.register_udf(spark_local, name, classifier())


def test_names_of_spark_s_own_functions_are_refused(spark_local: SparkSession) -> None:
    for name in ("upper", "Sum"):
        with pytest.raises(ArgumentError, match=f"^name='{name}' is that of a function of Spark's own"):
            sdl.register_udf(spark_local, name, classifier())
    for _ in range(2):  # one's own function may be replaced
        sdl.register_udf(spark_local, "mine", classifier())


def test_mistakes_are_found_at_registration(spark_local: SparkSession) -> None:
    inputs = keras.Input((None,), name="x")
    model = keras.Model(
        inputs, [keras.layers.Rescaling(2.0, name="a")(inputs), keras.layers.Rescaling(3.0, name="b")(inputs)]
    )
    with pytest.raises(ArgumentError, match="has 2 outputs"):
        sdl.register_udf(spark_local, "f", model)
    with pytest.raises(ArgumentError, match="give shapes="):
        sdl.register_udf(spark_local, "f", model, layers="a")
    with pytest.raises(ArgumentError, match="IS NOT NULL"):
        sdl.register_udf(spark_local, "f", model, layers="a", shapes={"x": (2,)}, handle_invalid="skip")
    sdl.register_udf(spark_local, "f", model, layers="a", shapes={"x": (2,)})
    assert spark_local.sql("SELECT f(1, 2) AS p").first().p == [2.0, 4.0]
