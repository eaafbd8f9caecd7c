"""Models of other frameworks that lie in HDFS: read through the session, with nothing to be said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

import sparkdl as sdl
from sparkdl.errors import MissingFileError
from sparkdl.spark.storage import write_file
from tests.importers.caffe.places import COPIES as CAFFE
from tests.importers.tensorflow.places import COPIES as TENSORFLOW

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
