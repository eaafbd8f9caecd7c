"""Models of other frameworks, and stages, that lie in HDFS: read through the session, with nothing to be said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession

import sparkdl as sdl
from sparkdl.errors import MissingFileError, StorageError
from sparkdl.ml import DLRegressionModel, DLRegressor
from sparkdl.spark.storage import write_file
from tests.importers.caffe.places import COPIES as CAFFE
from tests.importers.tensorflow.places import COPIES as TENSORFLOW
from tests.ml.networks import regress

LEGACY, LSTM = CAFFE / "legacy", TENSORFLOW / "blog_lstm_static"
pytestmark = [pytest.mark.spark, pytest.mark.tf]


def upload(folder: Path, url: str, spark: SparkSession) -> None:
    for file in folder.iterdir():
        write_file(f"{url}/{file.name}", file.read_bytes(), spark)


def test_models_on_hdfs(spark_local: SparkSession, hdfs: str) -> None:
    root = f"{hdfs}/models of others"
    upload(LEGACY, f"{root}/caffe", spark_local)
    upload(LSTM, f"{root}/lstm", spark_local)
    local = sdl.load_caffe(LEGACY / "v2_layer.prototxt", LEGACY / "w_v2.caffemodel")
    model = sdl.load_caffe(f"{root}/caffe/v2_layer.prototxt", f"{root}/caffe/w_v2.caffemodel")
    for mine, theirs in zip(model.get_weights(), local.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    graph, golden = f"{root}/lstm/graph_unfrozen.pbtxt.gz", np.load(LSTM / "golden.npz")
    ends = {"inputs": ["Placeholder"], "outputs": ["prediction/Softmax"]}
    for checkpoint in ("model.ckpt", "model_v1.ckpt"):
        model = sdl.load_tensorflow(graph, **ends, checkpoint=f"{root}/lstm/{checkpoint}")
        np.testing.assert_allclose(model(golden["in/Placeholder"]), golden["out/prediction/Softmax"], atol=1e-6)
    with pytest.raises(MissingFileError, match="models of others/nothing.pb"):
        sdl.load_tensorflow(f"{root}/nothing.pb")


def test_stages_on_hdfs(spark_local: SparkSession, hdfs: str) -> None:
    path = f"{hdfs}/stages of mine/pipeline"
    stage = DLRegressionModel.from_keras(regress(), featuresCols=["x", "y"], handleInvalid="skip")
    for _ in range(2):
        PipelineModel([stage]).write().overwrite().save(path)
    again = PipelineModel.load(path).stages[0]
    assert again.getHandleInvalid() == "skip" and again.uid == stage.uid
    for mine, theirs in zip(again.model.get_weights(), stage.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    DLRegressor(model=regress()).save(f"{hdfs}/stages of mine/estimator")
    assert DLRegressor.load(f"{hdfs}/stages of mine/estimator").getModel().output_shape == (None, 1)
    with pytest.raises(StorageError, match="stages of mine/estimator' exists already"):
        DLRegressor().save(f"{hdfs}/stages of mine/estimator")
    with pytest.raises(MissingFileError, match="stages of mine/nothing' holds no stage"):
        DLRegressor.load(f"{hdfs}/stages of mine/nothing")
