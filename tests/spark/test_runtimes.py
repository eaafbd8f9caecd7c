"""Which runtime scores, what is said about it, and what its tasks import."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.errors import MissingExtraError, UnsupportedError
from sparkdl.spark import shipping
from sparkdl.spark.scoring import score
from sparkdl.types import SampleSpec, TensorSpec
from tests.servers.preloaded import PLAIN

pytest.importorskip("openvino")
pytestmark = [pytest.mark.spark, pytest.mark.tf]

SPEC = SampleSpec((TensorSpec("features", (4,), "float32"),))
LOADED = [T.StructField("loaded", T.BooleanType())]


def loaded(data: DataFrame, model: Any, **options: Any) -> set[bool]:
    """Whether the processes of the tasks have imported TensorFlow or Keras."""

    # Local, so that it travels by value: executors would import this file, and with it Keras.
    def derive(outputs: list[np.ndarray]) -> list[np.ndarray]:
        return [np.full(len(outputs[0]), "tensorflow" in sys.modules or "keras" in sys.modules)]

    scored = score(model, data, features="features", columns=LOADED, derive=derive, **options)
    return {row.loaded for row in scored.collect()}


def test_tasks_that_score_by_openvino_import_no_tensorflow(
    spark_cluster: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, model = frame(spark_cluster, *blobs(30)), classifier()
    # With another environment Spark starts other processes: those there may have trained, and begin with TensorFlow.
    monkeypatch.setitem(spark_cluster.sparkContext.environment, PLAIN, "1")
    assert loaded(data, model) == {False}
    assert loaded(data, model, runtime="tensorflow") == {True}


def test_the_module_of_the_task_imports_no_tensorflow() -> None:
    code = (
        "import sys, sparkdl.spark.scorer, sparkdl.engine.runtimes.openvino, sparkdl.engine.cache;"
        "print([name for name in ('tensorflow', 'keras', 'openvino') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_both_runtimes_say_the_same(spark_local: SparkSession) -> None:
    x, y = blobs(50)
    data, model = frame(spark_local, x, y), classifier()
    expected = model.predict(x, verbose=0)
    for options, tolerance in (
        ({"runtime": "openvino"}, 1e-5),
        ({"runtime": "tensorflow"}, 1e-5),
        ({"precision": "bf16"}, 0.03),
    ):
        rows = sdl.predict(model, data, **options).orderBy("id").collect()
        np.testing.assert_allclose([row.prediction for row in rows], expected, atol=tolerance)


class Noise(keras.layers.Layer):
    """Never gives the same twice."""

    def build(self, shape: Any) -> None:
        self.generator = keras.random.SeedGenerator(1)

    def call(self, inputs: Any) -> Any:
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.generator)


def test_what_openvino_does_not_compute_tensorflow_does_and_that_is_said_once(
    spark_local: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    data = frame(spark_local, *blobs(5))
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Noise()(inputs), name="noisy")
    shipping._say_once.cache_clear()
    with caplog.at_level(logging.INFO, "sparkdl"):
        assert sdl.predict(model, data).count() == 5
        sdl.predict(model, data)
    assert len([text for text in caplog.messages if "TensorFlow scores instead" in text and "'noisy'" in text]) == 1
    with pytest.raises(UnsupportedError, match="OpenVINO"):
        sdl.predict(model, data, runtime="openvino")
    with pytest.raises(UnsupportedError, match="precision='bf16' is only to be had from OpenVINO"):
        sdl.predict(model, data, precision="bf16")
    with pytest.raises(UnsupportedError, match="the model's own precision"):
        sdl.predict(model, data, runtime="tensorflow", precision="bf16")


def test_without_openvino_on_the_driver(
    spark_local: SparkSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    data, model = frame(spark_local, *blobs(5)), classifier()
    monkeypatch.setitem(sys.modules, "openvino", None)
    shipping._say_once.cache_clear()
    with pytest.raises(MissingExtraError, match=r"sparkdl\[openvino\]"):
        sdl.predict(model, data, runtime="openvino")
    with caplog.at_level(logging.INFO, "sparkdl"):
        assert sdl.predict(model, data).count() == 5
    assert any("not installed" in text for text in caplog.messages)


def test_an_executor_without_openvino_takes_the_keras_model(
    spark_cluster: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = blobs(8)
    data, model = frame(spark_cluster, x, y), classifier()
    shipped = shipping.ship_predictor(data, model, SPEC)
    monkeypatch.setitem(sys.modules, "openvino", None)
    (received,) = shipped.build().predict((x,))
    np.testing.assert_allclose(received, model.predict(x, verbose=0), atol=1e-5)
    alone = shipping.ShippedNetwork(shipped.key, shipped.parcel, 1, "float32")
    with pytest.raises(MissingExtraError):
        alone.build()
