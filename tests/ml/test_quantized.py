"""Stages that score in eight bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.sql import SparkSession

from sparkdl.errors import MissingFileError
from sparkdl.ml import DLClassificationModel

pytest.importorskip("nncf")


@pytest.fixture(scope="module")
def stage() -> Any:
    """A classifier of three classes."""
    keras.utils.set_random_seed(3)
    layers = [keras.Input((4,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(3, "softmax")]
    return DLClassificationModel.from_keras(keras.Sequential(layers), labels=["a", "b", "c"], predictedLabelCol="said")


def test_a_stage_carries_its_model_in_eight_bits(stage: Any, spark_local: SparkSession, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    data = spark_local.createDataFrame([(i, row.tolist()) for i, row in enumerate(x)], "id int, features array<double>")
    small = stage.quantize(data, rows=50)
    assert stage.quantized is None and small.quantized.report.rows == 50
    rows = small.transform(data).orderBy("id").collect()
    found = np.array([row.probability.toArray() for row in rows])
    np.testing.assert_allclose(found, small.quantized.predict(x), atol=1e-6)
    expected = stage.model.predict(x, verbose=0)
    difference = np.abs(found - expected)  # values that the calibration has not seen are cut
    assert 0 < np.median(difference) < 0.005 and difference.max() < 0.2
    assert {row.said for row in rows} <= {"a", "b", "c"}
    np.testing.assert_allclose(small.predictProbability(x[0]).toArray(), found[0], atol=1e-6)

    Pipeline(stages=[small]).fit(data).save(str(tmp_path / "pipeline"))
    loaded = PipelineModel.load(str(tmp_path / "pipeline")).stages[0]
    again = loaded.transform(data).orderBy("id").collect()
    np.testing.assert_array_equal([row.probability.toArray() for row in again], found)
    assert loaded.quantized.report == small.quantized.report
    np.testing.assert_allclose(loaded.with_quantized(None)._outputs_of(x[0])[0], expected[:1], atol=1e-6)

    small.save(str(tmp_path / "stage"))
    (tmp_path / "stage" / "model.int8").unlink()
    with pytest.raises(MissingFileError, match=r"has no model\.int8"):
        DLClassificationModel.load(str(tmp_path / "stage"))
