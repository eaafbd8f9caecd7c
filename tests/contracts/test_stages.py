"""What Spark ML expects of every stage, for each class of ours: one table, one sweep."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.evaluation import (
    BinaryClassificationEvaluator,
    MulticlassClassificationEvaluator,
    RegressionEvaluator,
)
from pyspark.ml.feature import IndexToString, StringIndexer, VectorAssembler
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder, TrainValidationSplit
from pyspark.sql import functions as F
from sklearn import metrics

from sparkdl import ml
from sparkdl.errors import ArgumentError, DataError
from sparkdl.spark import images
from tests.ml import networks

ROOT = Path(__file__).parents[2]
ROWS = 300


@dataclass(frozen=True)
class Stage:
    """One row of the table: an estimator with everything that it needs, and what its model adds."""

    cls: Any
    model_cls: Any
    params: dict[str, Any]
    columns: dict[str, str]


VECTOR = "vector"
STAGES = [
    Stage(
        ml.DLEstimator,
        ml.DLModel,
        {"model": networks.two_outputs, "featuresCols": ["x", "y"], "labelCols": ["x", "y"], "predictionCol": "any"},
        {"any_first": "array<float>", "any_second": "array<float>"},
    ),
    Stage(
        ml.DLClassifier,
        ml.DLClassificationModel,
        {"model": networks.classify, "modelParams": {"units": 16}, "optimizer": "adam", "learningRate": 0.05},
        {"rawPrediction": VECTOR, "probability": VECTOR, "prediction": "double"},
    ),
    Stage(
        ml.DLRegressor,
        ml.DLRegressionModel,
        {"model": networks.regress, "labelCol": "product", "predictionCol": "estimate"},
        {"estimate": "double"},
    ),
]
COMMON = {"epochs": 4, "batchSize": 32, "seed": 7}
TRANSFORM = images.Compose([images.Resize(2), images.Channels("gray"), images.Normalize()])
# Stages that are not fitted; their model is they themselves.
TRANSFORMERS = [
    Stage(
        ml.ImageTransformer,
        ml.ImageTransformer,
        {"inputCol": "features_of_pixels", "outputCol": "pixels", "transformation": TRANSFORM},
        {"pixels": "array<float>"},
    ),
]


@pytest.fixture(scope="module")
def rows(spark_local: Any) -> Any:
    frame = spark_local.range(ROWS).select("id", (F.rand(1) * 2 - 1).alias("x"), (F.rand(2) * 2 - 1).alias("y"))
    frame = frame.withColumn("product", F.col("x") * F.col("y"))
    frame = frame.withColumn("label", (F.col("product") > 0).cast("int"))
    frame = VectorAssembler(inputCols=["x", "y"], outputCol="features").transform(frame)
    pixels = F.struct(
        F.col("id").cast("string").alias("origin"),
        *[F.lit(number).alias(name) for name, number in {"height": 2, "width": 2, "nChannels": 1, "mode": 0}.items()],
        F.lpad(F.col("id").cast("string"), 4, "0").cast("binary").alias("data"),
    )
    frame = frame.withColumn("features_of_pixels", pixels)
    return spark_local.createDataFrame(frame.collect(), frame.schema).repartition(3).cache()


@pytest.fixture(scope="module")
def fitted(rows: Any) -> dict[Any, Any]:
    found = {stage.cls: stage.cls(**COMMON, **stage.params).fit(rows) for stage in STAGES}
    return found | {stage.cls: stage.cls(**stage.params) for stage in TRANSFORMERS}


each = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.cls.__name__)
every = pytest.mark.parametrize("stage", STAGES + TRANSFORMERS, ids=lambda stage: stage.cls.__name__)


@each
def test_the_model_has_the_uid_and_the_params_of_its_estimator(stage: Stage, fitted: Any) -> None:
    model = fitted[stage.cls]
    assert type(model) is stage.model_cls and model.uid.startswith(stage.cls.__name__)
    for name, value in {**COMMON, **stage.params}.items():
        if name != "model":
            assert model.getOrDefault(name) == value, name
    assert model.hasSummary and model.summary.attempts == 1 and len(model.summary.history["loss"]) == 4
    assert model.numFeatures == 2


@every
def test_columns_are_added_and_rows_stay(stage: Stage, fitted: Any, rows: Any) -> None:
    scored = fitted[stage.cls].transform(rows)
    types = {name: kind.replace("udt", VECTOR) for name, kind in scored.dtypes[len(rows.columns) :]}
    assert scored.columns[: len(rows.columns)] == rows.columns
    assert types == stage.columns
    assert [row.id for row in scored.select("id").collect()] == [row.id for row in rows.select("id").collect()]
    made = fitted[stage.cls].getParam("outputCol" if stage in TRANSFORMERS else "predictionCol")
    assert fitted[stage.cls].transform(rows, {made: "other"}).columns != scored.columns


@every
def test_a_plan_starts_no_job(stage: Stage, fitted: Any, rows: Any, spark_local: Any) -> None:
    context, group = spark_local.sparkContext, uuid.uuid4().hex
    context.setJobGroup(group, "a plan")
    try:
        fitted[stage.cls].transform(rows)
        assert context.statusTracker().getJobIdsForGroup(group) == []
    finally:
        context.setLocalProperty("spark.jobGroup.id", None)


@every
def test_no_row_and_one_row(stage: Stage, fitted: Any, rows: Any) -> None:
    model, one = fitted[stage.cls], rows.where("id = 5")
    assert model.transform(rows.where("id < 0")).collect() == []
    name = next(reversed(stage.columns))
    alone, among = (model.transform(frame).where("id = 5").first()[name] for frame in (one, rows))
    np.testing.assert_allclose(alone, among, rtol=1e-5)


def test_a_thousand_partitions(fitted: Any, spark_local: Any) -> None:
    model = fitted[ml.DLRegressor].copy().setFeaturesCols(["x", "y"])
    model.clear(model.featuresCol)
    frame = spark_local.range(0, 2000, 1, 1000).selectExpr("id", "id / 2000 AS x", "1 - id / 2000 AS y")
    scored = model.transform(frame).select("id", "estimate")
    assert scored.rdd.getNumPartitions() == 1000
    found = scored.collect()
    assert [row.id for row in found] == list(range(2000))
    x = np.arange(2000) / 2000
    expected = model.model.predict(np.stack([x, 1 - x], axis=1), verbose=0).reshape(-1)
    np.testing.assert_allclose([row.estimate for row in found], expected, rtol=1e-4)


@every
def test_columns_that_are_taken_or_missing_are_named(stage: Stage, fitted: Any, rows: Any) -> None:
    model, name = fitted[stage.cls], next(iter(stage.columns))
    with pytest.raises(
        ArgumentError, match=f"'{name}' exists already in the DataFrame: set the Param of {model.uid} that"
    ):
        model.transform(rows.withColumn(name, F.lit(1)))
    with pytest.raises(DataError, match="the DataFrame has no column '(x|features|features_of_pixels)'"):
        model.transform(rows.drop("features", "x", "features_of_pixels"))


def test_a_column_without_a_name_is_left_out(fitted: Any, rows: Any) -> None:
    model = fitted[ml.DLClassifier].copy()
    assert model.setRawPredictionCol("").setProbabilityCol("").transform(rows).columns == [*rows.columns, "prediction"]
    assert model.setPredictionCol("").transform(rows).columns == rows.columns


def test_evaluators_say_what_scikit_learn_says(fitted: Any, rows: Any) -> None:
    scored = fitted[ml.DLClassifier].transform(rows)
    scored = fitted[ml.DLRegressor].transform(scored).cache()
    table = scored.toPandas()
    label, probability = table["label"], np.stack([vector.toArray() for vector in table["probability"]])
    expected = {
        "areaUnderROC": metrics.roc_auc_score(label, probability[:, 1]),
        "accuracy": metrics.accuracy_score(label, table["prediction"]),
        "f1": metrics.f1_score(label, table["prediction"], average="weighted"),
        "logLoss": metrics.log_loss(label, probability),
        "rmse": metrics.root_mean_squared_error(table["product"], table["estimate"]),
        "r2": metrics.r2_score(table["product"], table["estimate"]),
    }
    evaluators = {
        "areaUnderROC": BinaryClassificationEvaluator(numBins=0),
        **{name: MulticlassClassificationEvaluator(metricName=name) for name in ("accuracy", "f1", "logLoss")},
        **{
            name: RegressionEvaluator(metricName=name, labelCol="product", predictionCol="estimate")
            for name in ("rmse", "r2")
        },
    }
    found = {name: evaluator.evaluate(scored) for name, evaluator in evaluators.items()}
    assert found == pytest.approx(expected, abs=1e-9)
    assert found["areaUnderROC"] > 0.8


LOADER = """
import json, sys
from pyspark.ml import PipelineModel
from pyspark.ml.tuning import CrossValidatorModel
from sparkdl.spark.session import local_session
from sparkdl import ml
spark = local_session("local[1]", {"spark.ui.enabled": "false"})
folder = sys.argv[1]
whole, best = PipelineModel.load(folder + "/pipeline"), CrossValidatorModel.load(folder + "/search")
alone = ml.DLClassificationModel.load(folder + "/alone")
assert "tensorflow" in sys.modules  # the model is read when it is needed, and by no pickle
rows = spark.read.parquet(folder + "/rows")
scored = best.transform(whole.transform(rows).drop("prediction", "rawPrediction", "probability")).orderBy("id")
found = [[row.estimate, *row.any_first, row.prediction, *row.probability, *row.pixels] for row in scored.collect()]
function = ml.DLClassifier.load(folder + "/estimator").getModel()
print(json.dumps([found, alone.summary.history, best.avgMetrics, function]))
"""


def test_stages_load_in_a_fresh_process(fitted: Any, rows: Any, tmp_path: Path) -> None:
    classifier = ml.DLClassifier(**COMMON, **STAGES[1].params, numWorkers=1)
    grid = ParamGridBuilder().addGrid(classifier.modelParams, [{"units": 2}, {"units": 16}]).build()
    search = CrossValidator(
        estimator=classifier,
        estimatorParamMaps=grid,
        evaluator=BinaryClassificationEvaluator(),
        numFolds=2,
        parallelism=2,
    )
    search.save(str(tmp_path / "search-estimator"))
    again = CrossValidator.load(str(tmp_path / "search-estimator"))
    assert [point for point in again.getEstimatorParamMaps()] == grid
    best = again.setParallelism(2).fit(rows)
    assert len(best.avgMetrics) == 2 and best.bestModel.getModelParams()["units"] in (2, 16)
    whole = PipelineModel([fitted[stage.cls] for stage in STAGES + TRANSFORMERS])
    whole.write().overwrite().save(str(tmp_path / "pipeline"))
    whole.write().overwrite().save(str(tmp_path / "pipeline"))
    best.save(str(tmp_path / "search"))
    fitted[ml.DLClassifier].save(str(tmp_path / "alone"))
    classifier.save(str(tmp_path / "estimator"))
    rows.write.parquet(str(tmp_path / "rows"))
    run = subprocess.run([sys.executable, "-c", LOADER, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    found, history, averages, function = json.loads(run.stdout.splitlines()[-1])
    scored = best.transform(whole.transform(rows).drop("prediction", "rawPrediction", "probability")).orderBy("id")
    expected = [
        [row.estimate, *row.any_first, row.prediction, *row.probability, *row.pixels] for row in scored.collect()
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert history == fitted[ml.DLClassifier].summary.history
    assert averages == best.avgMetrics and function == "tests.ml.networks:classify"


def test_a_pipeline_of_estimators_is_saved_and_fitted(rows: Any, tmp_path: Path) -> None:
    words = rows.withColumn("word", F.when(F.col("label") == 1, "same").otherwise("other")).drop("label", "features")
    stages = [
        StringIndexer(inputCol="word", outputCol="label", stringOrderType="alphabetAsc"),
        VectorAssembler(inputCols=["x", "y"], outputCol="features"),
        ml.DLClassifier(**COMMON, **STAGES[1].params, numWorkers=1, predictedLabelCol="said"),
        IndexToString(inputCol="prediction", outputCol="word again"),
    ]
    Pipeline(stages=stages).save(str(tmp_path / "pipeline"))
    model = Pipeline.load(str(tmp_path / "pipeline")).fit(words)
    model.save(str(tmp_path / "model"))
    scored = PipelineModel.load(str(tmp_path / "model")).transform(words).toPandas()
    assert (scored["said"] == scored["word again"]).all() and set(scored["said"]) <= {"same", "other"}
    assert (scored["said"] == scored["word"]).mean() > 0.6


def test_a_split_chooses_among_regressions(rows: Any, tmp_path: Path) -> None:
    regressor = ml.DLRegressor(**COMMON, **STAGES[2].params, numWorkers=1)
    grid = ParamGridBuilder().addGrid(regressor.learningRate, [1e-6, 0.05]).build()
    evaluator = RegressionEvaluator(labelCol="product", predictionCol="estimate")
    split = TrainValidationSplit(estimator=regressor, estimatorParamMaps=grid, evaluator=evaluator, seed=1)
    best = split.fit(rows)
    assert best.bestModel.getLearningRate() == 0.05
    best.save(str(tmp_path / "split"))
    assert type(best).load(str(tmp_path / "split")).bestModel.getLearningRate() == 0.05
