"""What is said of a row does not depend on partitions, batches and neighbours, and invalid rows fare as asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.errors import ArgumentError, DataError, ModelError
from sparkdl.spark import scoring
from sparkdl.spark.scoring import score
from sparkdl.types import SampleSpec, TensorSpec

pytestmark = [pytest.mark.spark, pytest.mark.tf]

SPEC = SampleSpec((TensorSpec("features", (4,), "float32"),))


class Counting(keras.layers.Layer):
    """How many rows a call of the model has."""

    def call(self, inputs: Any) -> Any:
        return keras.ops.zeros_like(inputs[:, :1]) + keras.ops.cast(keras.ops.shape(inputs)[0], "float32")


def test_batches_have_their_size_whatever_the_partitions_and_record_batches_are(spark_local: SparkSession) -> None:
    inputs = keras.Input((1,))
    model = keras.Model(inputs, Counting()(inputs))
    spark_local.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    try:
        data = spark_local.range(0, 50, numPartitions=2).union(spark_local.range(50, 53, numPartitions=1))
        rows = sdl.predict(model, data, features="id", output="rows", batch_size=10, runtime="tensorflow").collect()
    finally:
        spark_local.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert [row.id for row in rows] == list(range(53))
    assert [row.rows[0] for row in rows] == [10.0] * 20 + [5.0] * 5 + [10.0] * 20 + [5.0] * 5 + [3.0] * 3


def invalid_frame(spark: SparkSession) -> DataFrame:
    """Every second row is of no use."""
    good = [1.0, 2.0, 3.0, 4.0]
    bad: list[Any] = [None, [1.0, None, 3.0, 4.0], [float("nan")] * 4, [1.0], []]
    rows = [(2 * index + odd, (good, one)[odd]) for index, one in enumerate(bad) for odd in (0, 1)]
    return spark.createDataFrame(rows, "id int, features array<double>").coalesce(1)


@pytest.mark.parametrize("arrow", [True, False], ids=["functions", "before 4.1"])
def test_invalid_rows_are_errors_or_left_out_or_get_nulls(
    spark_local: SparkSession, monkeypatch: pytest.MonkeyPatch, arrow: bool
) -> None:
    monkeypatch.setattr(scoring, "has_arrow_functions", lambda: arrow and hasattr(F, "arrow_udf"))
    data, model = invalid_frame(spark_local), classifier()
    with pytest.raises(Exception, match="null in row 1 of its partition"):
        sdl.predict(model, data).collect()
    kept = sdl.predict(model, data, handle_invalid="keep", batch_size=2)
    assert kept.schema["prediction"].nullable
    rows = kept.collect()
    assert [row.id for row in rows] == list(range(10))
    assert [row.prediction is None for row in rows] == [False, True] * 5
    skipped = sdl.predict(model, data, handle_invalid="skip", batch_size=2).collect()
    assert [(row.id, row.prediction) for row in skipped] == [(row.id, row.prediction) for row in rows[::2]]
    nothing = data.where("id % 2 = 1")
    assert sdl.predict(model, nothing, handle_invalid="skip").count() == 0
    assert [row.prediction for row in sdl.predict(model, nothing, handle_invalid="keep").collect()] == [None] * 5


def test_no_row_no_partition_and_many_partitions(spark_local: SparkSession) -> None:
    model, data = classifier(), frame(spark_local, *blobs(30))
    whole = {row.id: row.prediction for row in sdl.predict(model, data.coalesce(1)).collect()}
    spread = sdl.predict(model, data.repartition(12)).collect()
    assert {row.id for row in spread} == set(whole)
    for row in spread:
        np.testing.assert_allclose(row.prediction, whole[row.id], atol=1e-6)
    empty = sdl.predict(model, data.where("id < 0"))
    assert empty.collect() == [] and empty.columns == [*data.columns, "prediction"]


class Best:
    """The number and the value of the largest output."""

    def __call__(self, outputs: list[np.ndarray]) -> list[np.ndarray]:
        return [outputs[0].argmax(axis=1).astype("float64"), outputs[0].max(axis=1)]


def test_columns_derived_from_outputs_have_their_own_types(spark_local: SparkSession) -> None:
    x, y = blobs(20)
    columns = [T.StructField("best", T.DoubleType(), metadata={"of": 3}), T.StructField("value", T.FloatType())]
    model = classifier()
    scored = score(model, frame(spark_local, x, y), features="features", columns=columns, derive=Best(), spec=SPEC)
    assert scored.schema.fields[-2:] == columns
    expected = model.predict(x, verbose=0)
    for row in scored.collect():
        assert row.best == expected[row.id].argmax()
        assert row.value == pytest.approx(expected[row.id].max(), rel=1e-5)


def test_with_a_spec_no_job_starts_and_other_features_are_refused(spark_local: SparkSession) -> None:
    inputs = keras.Input((None,))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(keras.layers.Reshape((-1, 1))(inputs)))
    columns = [T.StructField("mean", T.ArrayType(T.FloatType(), False))]
    data = spark_local.range(4).select("id", *[F.col("id").cast("double").alias(name) for name in "abcd"])
    bomb = data.select(F.array(*"abc", F.expr("raise_error('a row was looked at')").cast("double")).alias("features"))
    score(model, bomb, features="features", columns=columns, derive=list, spec=SPEC)
    with pytest.raises(DataError, match=r"holds 3 numbers per row; expected the shape \(4,\)"):
        score(model, data, features=["a", "b", "c"], columns=columns, derive=list, spec=SPEC)
    vectors = VectorAssembler(inputCols=["a", "b", "c"], outputCol="features").transform(data)
    with pytest.raises(DataError, match="vectors of 3 numbers, but the model takes 4"):
        score(model, vectors, features="features", columns=columns, derive=list, spec=SPEC)
    whole = SampleSpec((TensorSpec("features", (4,), "int64"),))
    numbers = keras.Input((None,), dtype="int64")
    counting = keras.Model(numbers, keras.ops.mean(keras.ops.cast(numbers, "float32"), axis=1, keepdims=True))
    with pytest.raises(DataError, match="has the type double, but the model takes whole numbers there .*: cast it"):
        score(counting, data, features=[*"abcd"], columns=columns, derive=list, spec=whole)
    for spec in (SPEC, whole):  # a model that takes fractions takes them too if it has seen none
        rows = score(model, data, features=[*"abcd"], columns=columns, derive=list, spec=spec).collect()
        assert [row.mean for row in rows] == [[0.0], [1.0], [2.0], [3.0]]


def test_only_columns_that_are_asked_for_are_read_and_each_row_is_scored_once(
    spark_local: SparkSession, tmp_path: Path
) -> None:
    if not scoring.has_arrow_functions():
        pytest.skip("Spark 3.5 and 4.0 have no functions over Arrow columns")
    frame(spark_local, *blobs(10)).withColumn("wide", F.repeat(F.lit("x"), 100)).write.parquet(str(tmp_path / "data"))
    scored = sdl.predict(classifier(), spark_local.read.parquet(str(tmp_path / "data")))
    query = scored.where("prediction[0] > 0.1 AND id > 2").select("id", "prediction")
    plan = query._jdf.queryExecution().executedPlan().toString()
    assert "wide" not in plan and plan.count("ArrowEvalPython") == 1
    assert scored.select("id", "wide").count() == 10


class Subclassed(keras.Model):
    """Says nothing of inputs and outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = keras.layers.Dense(5, "tanh"), keras.layers.Dense(3, "softmax")

    def call(self, x: Any) -> Any:
        return self.head(self.hidden(x))


@pytest.mark.parametrize("runtime", ["openvino", "tensorflow"])
def test_a_subclassed_model_scores_what_it_was_trained_for(spark_local: SparkSession, runtime: str) -> None:
    x, y = blobs(20)
    model, data = Subclassed(), frame(spark_local, x, y)
    with pytest.raises(ModelError, match="is not built"):
        sdl.predict(model, data)
    model.compile("sgd", "sparse_categorical_crossentropy")
    sdl.fit(model, data, batch_size=8, epochs=1, workers=1, verbose=0)
    expected = model.predict(x, verbose=0)
    for row in sdl.predict(model, data, runtime=runtime).collect():
        np.testing.assert_allclose(row.prediction, expected[row.id], rtol=1e-4, atol=1e-6)
    sdl.register_udf(spark_local, "score_subclassed", model)
    data.createOrReplaceTempView("for_subclassed")
    row = spark_local.sql("select score_subclassed(features) as p from for_subclassed where id = 3").first()
    np.testing.assert_allclose(row.p, expected[3], rtol=1e-4, atol=1e-6)


def test_inner_layers_are_outputs(spark_local: SparkSession) -> None:
    x, y = blobs(9)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(5, "tanh", name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, name="out")(hidden))
    data = frame(spark_local, x, y)
    one = sdl.predict(model, data, layers="hidden", output="embedding").orderBy("id").collect()
    expected = keras.Model(inputs, hidden).predict(x, verbose=0)
    np.testing.assert_allclose([row.embedding for row in one], expected, rtol=1e-4, atol=1e-6)
    assert sdl.predict(model, data, layers=["hidden", "out"]).columns[-2:] == ["prediction_hidden", "prediction_out"]
    with pytest.raises(ArgumentError, match="did you mean 'hidden'"):
        sdl.predict(model, data, layers="hiden")
    outer = keras.Sequential([keras.Input((4,)), model, keras.layers.Dense(2)])
    inside = sdl.predict(outer, data, layers=f"{model.name}/hidden", output="embedding").orderBy("id").collect()
    np.testing.assert_allclose([row.embedding for row in inside], expected, rtol=1e-4, atol=1e-6)


def test_arguments_are_checked_before_anything_starts(spark_local: SparkSession) -> None:
    data, model = frame(spark_local, *blobs(5)), classifier()
    for argument in ({"batch_size": 0}, {"runtime": "torch"}, {"precision": "int8"}, {"handle_invalid": "drop"}):
        with pytest.raises(ArgumentError, match=next(iter(argument))):
            sdl.predict(model, data, **argument)
    with pytest.raises(ArgumentError, match="exists already in the DataFrame"):
        sdl.predict(model, data, output="Features")
