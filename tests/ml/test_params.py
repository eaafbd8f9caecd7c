"""Params of each class of stages, as Spark ML has them; no session is needed."""

from __future__ import annotations

import inspect
import json
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.ml.tuning import ParamGridBuilder

from sparkdl import ml
from sparkdl.errors import ArgumentError
from tests.ml.networks import classify

ESTIMATORS = [ml.DLEstimator, ml.DLClassifier, ml.DLRegressor]
MODELS = [ml.DLModel, ml.DLClassificationModel, ml.DLRegressionModel]
# Of a fitted model only these can be set: the others say how it was trained.
SCORING = {"featuresCol", "featuresCols", "predictionCol", "shapes", "dtypes", "handleInvalid", "scoringBatchSize"}
VALUES: dict[str, Any] = {
    "epochs": 3,
    "modelParams": {"units": 4},
    "loss": "mse",
    "metrics": ["mae"],
    "learningRate": 0.5,
    "featuresCols": ["a", "b"],
    "thresholds": [0.2, 0.8],
    "shapes": {"a": [2, 2]},
    "dtypes": {"a": "uint8"},
    "handleInvalid": "skip",
    "runtime": "tensorflow",
    "precision": "bf16",
    "trainingPrecision": "auto",
    "exchangePrecision": "fp16",
    "validationSplit": 0.5,
    "abstainBelow": 0.5,
    "model": classify,
    "optimizer": "sgd",
    "labelCols": ["c", "d"],
    "monitorMode": "max",
}


def value_for(name: str) -> Any:
    return VALUES.get(name, name if name.endswith(("Col", "Path")) or name == "monitor" else 2)


@pytest.mark.parametrize("cls", [*ESTIMATORS, *MODELS, ml.ImageTransformer])
def test_params_are_documented_and_can_be_set_and_read(cls: Any) -> None:
    stage = cls()
    assert stage.uid.startswith(cls.__name__ + "_") and stage.uid != cls().uid
    assert [item.name for item in stage.params] == list(inspect.signature(cls).parameters)
    explained = stage.explainParams().splitlines()
    assert len(explained) == len(stage.params)
    for param in stage.params:
        title = param.name[0].upper() + param.name[1:]
        assert len(param.doc) > 10 and param.parent == stage.uid
        setter = getattr(stage, f"set{title}", None)
        if param.name == "transformation":  # its value is the config: see test_images.py
            assert setter is not None
        elif cls in ESTIMATORS or param.name in SCORING:
            assert setter(value_for(param.name)) is stage
            assert getattr(stage, f"get{title}")() == value_for(param.name)
            again = cls(**{param.name: value_for(param.name)})
            assert again.getOrDefault(param.name) == value_for(param.name) and again.isSet(param.name)
        assert callable(getattr(stage, f"get{title}"))


@pytest.mark.parametrize("cls", [*ESTIMATORS, *MODELS])
def test_defaults_are_those_of_every_process_and_json_has_them(cls: Any) -> None:
    defaults = {param.name: value for param, value in cls()._defaultParamMap.items()}
    assert json.loads(json.dumps(defaults)) == defaults
    assert defaults == {param.name: value for param, value in cls()._defaultParamMap.items()}
    assert defaults["seed"] == 0 and defaults["epochs"] == 1 and defaults["featuresCol"] == "features"
    assert not cls().isSet("epochs") and cls(epochs=None).getEpochs() == 1


@pytest.mark.parametrize("cls", [*ESTIMATORS, *MODELS])
def test_a_copy_has_the_same_uid_and_its_own_values(cls: Any) -> None:
    stage = cls(batchSize=7)
    copy = stage.copy({stage.epochs: 9})
    assert copy.uid == stage.uid and type(copy) is cls
    assert (copy.getEpochs(), copy.getBatchSize()) == (9, 7)
    assert stage.getEpochs() == 1
    copy._set(batchSize=8)
    assert stage.getBatchSize() == 7
    assert stage.extractParamMap({stage.epochs: 4})[stage.epochs] == 4


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"epochs": 0}, ArgumentError, "epochs must be a whole number of at least 1, received 0"),
        ({"epochs": 1.5}, TypeError, 'Invalid param value given for param "epochs". Could not convert 1.5 to int'),
        ({"epochs": True}, TypeError, "Could not convert True to int"),
        ({"epoch": 3}, TypeError, "DLClassifier has no Param 'epoch': did you mean 'epochs'?"),
        ({"learningRate": 0}, ArgumentError, "learningRate must be above 0, received 0"),
        ({"learningRate": float("nan")}, ArgumentError, "learningRate must be above 0, received nan"),
        ({"validationSplit": 1.0}, ArgumentError, "validationSplit must be at least 0 and below 1, received 1"),
        ({"abstainBelow": 1.1}, ArgumentError, "abstainBelow must be between 0 and 1, received 1.1"),
        ({"handleInvalid": "drop"}, ArgumentError, "handleInvalid must be one of 'error', 'skip', 'keep', received"),
        ({"thresholds": [0, 0]}, ArgumentError, "thresholds must be numbers of at least 0, one of them 0 at most"),
        ({"thresholds": [-1.0, 1.0]}, ArgumentError, "thresholds must be numbers of at least 0"),
        ({"featuresCols": ["a", "a"]}, ArgumentError, "featuresCols must be a list of different column names"),
        ({"featuresCols": "a"}, TypeError, "Could not convert a to list of strings"),
        ({"featuresCol": ["a"]}, TypeError, "Could not convert"),
        ({"modelParams": {"f": len}}, TypeError, "modelParams must hold numbers, strings, lists and dicts only"),
        ({"modelParams": [1]}, TypeError, "modelParams must be a dict by names"),
        ({"model": 3}, TypeError, "model must be a Keras model or a function, received a int"),
        ({"model": "build"}, ArgumentError, "model='build' names no function, expected 'module:function'"),
        ({"model": keras.layers.Dense}, TypeError, "model must be a Keras model or a function, received a"),
        ({"optimizer": 3j}, TypeError, "expected a name that Keras knows"),
        ({"shapes": {"a": ["b"]}}, ArgumentError, "shapes must give each column a list of whole numbers"),
        ({"dtypes": {"a": "float31"}}, ArgumentError, "dtypes must give each column a type of numpy"),
    ],
)
def test_wrong_values_are_refused_when_they_are_set(given: dict[str, Any], error: type, said: str) -> None:
    with pytest.raises(error) as raised:
        ml.DLClassifier(**given)
    assert said in str(raised.value)


def test_constructors_take_keywords_only() -> None:
    with pytest.raises(TypeError, match="forces keyword arguments"):
        ml.DLClassifier("features")
    with pytest.raises(TypeError, match="forces keyword arguments"):
        ml.DLClassifier().setParams("features")
    assert ml.DLClassifier().setParams(epochs=4, batchSize=None).getEpochs() == 4


def test_objects_of_keras_are_kept_as_configurations() -> None:
    stage = ml.DLEstimator(
        optimizer=keras.optimizers.Adam(0.5),
        loss=keras.losses.Huber(delta=3.0),
        metrics=[keras.metrics.MeanSquaredError()],
    )
    assert stage.getOptimizer()["config"]["learning_rate"] == 0.5
    assert stage.getLoss()["config"]["delta"] == 3.0
    assert json.dumps(stage.getMetrics())


def test_a_grid_varies_the_arguments_of_a_model() -> None:
    stage = ml.DLClassifier(model=classify)
    grid = ParamGridBuilder().addGrid(stage.modelParams, [{"units": np.int64(4)}, {"units": 8}])
    grid = grid.addGrid(stage.learningRate, [0.1, 0.2]).build()
    assert [stage.copy(point).getModelParams()["units"] for point in grid] == [4, 4, 8, 8]
    assert json.dumps([list(point.values()) for point in grid])


def test_names_that_the_package_has_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'DLCluster'; it has DLEstimator"):
        _ = ml.DLCluster


def test_columns_of_the_same_name_are_told_apart_from_those_of_the_data(spark_local: Any) -> None:
    stage = ml.DLClassificationModel.from_keras(classify(), featuresCols=["x", "y"])
    stage.model.compile("sgd", "binary_crossentropy")
    points = spark_local.createDataFrame([(1.0, 2.0, 3.0)], "x double, y double, Prediction double")
    with pytest.raises(ArgumentError, match="'probability' exists already among the outputs: set the Param of DLClass"):
        stage.copy({stage.predictionCol: "probability"}).transform(points)
    with pytest.raises(ArgumentError, match="in the DataFrame as 'Prediction', which differs in case alone: set the"):
        stage.transform(points)
