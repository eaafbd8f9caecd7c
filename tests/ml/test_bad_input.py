"""Bad input as users make it: one sentence each, before a training starts wherever that is possible."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import functions as F

from sparkdl import ml
from sparkdl.errors import ArgumentError, DataError, ModelError
from tests.ml.networks import classify, regress, two_outputs


@pytest.fixture(scope="module")
def rows(spark_local: Any) -> Any:
    return spark_local.range(30).selectExpr("id", "id / 30 AS x", "1 - id / 30 AS y", "int(id % 2) AS label").cache()


@pytest.fixture(scope="module")
def classifier() -> Any:
    return ml.DLClassifier(model=classify, featuresCols=["x", "y"])


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("label - 1", "label column 'label' holds class numbers from -1 to 0, but the model's output has 2 classes"),
        ("label + 1", r"class numbers from 1 to 2, .* 2 classes, numbered 0 to 1: they look 1-based: subtract 1"),
        ("id % 5", r"class numbers from 0 to 4, .* at least 5 units"),
        ("label + 0.5", "holds 30 values that are null or no whole numbers, expected class numbers from 0 to 1"),
        ("if(id = 3, null, label)", "holds 1 values that are null or no whole numbers"),
        ("string(id % 3)", "has 3 different labels or more, but the model's output has 2 classes"),
        ("'one'", r"has 1 different strings in the training rows \('one'\), but the model has 2 classes"),
        ("array(label)", r"has the type array<int>, expected class numbers from 0, or strings: use StringIndexer"),
    ],
)
def test_labels_that_do_not_fit(rows: Any, classifier: Any, label: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        classifier.fit(rows.withColumn("label", F.expr(label)))


def test_labels_that_metadata_tell(rows: Any, classifier: Any) -> None:
    noted = {"ml_attr": {"type": "nominal", "vals": ["a", "b", "c"]}}
    with pytest.raises(DataError, match="has 3 different labels or more, but the model's output has 2 classes"):
        classifier.fit(rows.withMetadata("label", noted))


@pytest.mark.parametrize(
    ("params", "error", "said"),
    [
        ({"labelCol": "lable"}, DataError, r"has no column 'lable' \(labelCol\): did you mean 'label'"),
        ({"featuresCols": ["x", "z"]}, DataError, "has no column 'z'"),
        ({"featuresCols": ["x", "word"]}, DataError, "has the type string, expected numbers"),
        ({"featuresCols": ["x"]}, DataError, "holds 1 number per row; expected the shape"),
        ({"featuresCol": "x"}, ArgumentError, "has featuresCol='x' and featuresCols=.*: set one of them"),
        ({"model": None}, ArgumentError, "has no model: give model= a Keras model, or a function"),
        (
            {"model": two_outputs, "modelParams": {}},
            ModelError,
            r"needs a model with one output of a number per class, .* gives",
        ),
        ({"model": lambda units: 3}, ModelError, "returned a int, expected a keras.Model"),
        ({"model": "nowhere:build"}, ArgumentError, "the function 'nowhere:build' cannot be imported"),
        ({"modelParams": {"width": 3}}, ModelError, r"failed: .*unexpected keyword argument 'width'; correct modelPar"),
        (
            {"modelParams": {"units": 0}},
            ModelError,
            r"^model=classify\(.*'units': 0}\) failed: .*; correct modelParams.$",
        ),
        ({"model": regress()}, ArgumentError, r"modelParams=.* was given with a Keras model, expected none"),
        ({"thresholds": [0.1, 0.2, 0.7]}, ArgumentError, "has 3 thresholds, but its model has 2 classes"),
        ({"modelParams": {"activation": "linear"}, "loss": "binary_crossentropy"}, ModelError, "takes probabilities"),
        ({"loss": keras.losses.BinaryCrossentropy(from_logits=True)}, ModelError, "from_logits=True, but its last lay"),
        ({"loss": "crossentropie"}, ArgumentError, "loss='crossentropie' is no loss that Keras knows"),
        ({"optimizer": "adams"}, ArgumentError, "optimizer='adams' is no optimizer that Keras knows"),
        (
            {"metrics": ["accuracy", "acuracy"]},
            ArgumentError,
            "metrics='acuracy' is no metric that Keras knows: correct",
        ),
    ],
)
def test_params_that_do_not_fit(rows: Any, params: dict[str, Any], error: type, said: str) -> None:
    rows = rows.withColumn("word", F.lit("a"))
    given = {"model": classify, "modelParams": {"units": 3}, "featuresCols": ["x", "y"], **params}
    with pytest.raises(error, match=said):
        ml.DLClassifier(**given).fit(rows)


def hit(truth: Any, guess: Any) -> Any:
    return keras.ops.mean(keras.ops.abs(keras.ops.cast(truth, "float32") - guess))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            {"monitor": "acuracy"},
            "will be no name in the history of .*: did you mean 'accuracy'. It has 'loss', 'accurac",
        ),
        ({"monitor": "val_acc", "validationSplit": 0.5}, "did you mean 'val_accuracy'"),
        ({"monitor": "val_loss"}, "needs validation rows, and it has none: .*, or monitor='loss'"),
        ({"monitor": "hit"}, "Keras does not know which: set monitorMode='max' or 'min'"),
    ],
)
def test_what_early_stopping_cannot_watch(rows: Any, classifier: Any, params: dict[str, Any], said: str) -> None:
    stopping = classifier.copy().setParams(earlyStopping=1, metrics=["accuracy", hit], **params)
    with pytest.raises(ArgumentError, match=said):
        stopping.fit(rows)


def test_a_loss_is_needed_where_nobody_can_know_it(rows: Any) -> None:
    with pytest.raises(ModelError, match="is not compiled and no loss was given: set loss= of the stage"):
        ml.DLEstimator(model=classify, featuresCols=["x", "y"]).fit(rows)


def test_a_regression_needs_numbers(rows: Any) -> None:
    words = rows.withColumn("label", F.lit("a"))
    with pytest.raises(DataError, match="has the type string, expected a number: cast it"):
        ml.DLRegressor(model=regress, featuresCols=["x", "y"]).fit(words)
    with pytest.raises(
        DataError, match="the loss 'mse' needs numbers, but the label column 'label' holds strings: cast"
    ):
        ml.DLEstimator(model=regress, featuresCols=["x", "y"]).fit(words)
    with pytest.raises(ModelError, match="needs a model with one output of one number"):
        ml.DLRegressor(model=classify, modelParams={"classes": 3}, featuresCols=["x", "y"]).fit(rows)


def test_other_features_than_in_training(rows: Any) -> None:
    stage = ml.DLRegressionModel.from_keras(regress(), predictionCol="estimate")
    wide = VectorAssembler(inputCols=["x", "y", "label"], outputCol="features").transform(rows)
    with pytest.raises(DataError, match="holds vectors of 3 numbers, but the model takes 2"):
        stage.transform(wide)
    with pytest.raises(DataError, match="holds 3 numbers per row; expected the shape"):
        stage.copy().setFeaturesCols(["x", "y", "label"]).transform(rows)
    silent = wide.withMetadata("features", {})
    with pytest.raises(Exception, match="features column 'features'.* row 0 .*"):
        stage.transform(silent).collect()
