"""Models of several formats over tables and images, as a user starts the job."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from tests.importers.tensorflow.places import COPIES
from tests.jobs.programs import run_job

LSTM = COPIES / "blog_lstm_static"
pytestmark = [pytest.mark.spark, pytest.mark.tf]


def scored(folder: Path) -> pd.DataFrame:
    return pq.read_table(folder).to_pandas()


def test_a_keras_model_over_csv(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="inner"), keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(50, 2)).astype("float32")
    pd.DataFrame({"id": range(50), "a": x[:, 0], "b": x[:, 1]}).to_csv(tmp_path / "rows.csv", index=False)
    given = ("--model", tmp_path / "model.keras", "--data", tmp_path / "rows.csv", "--features", "a", "b")
    printed = run_job("score.py", *given, "--to", tmp_path / "out", folder=tmp_path, submit=True, python=sys.executable)
    assert "50 rows in" in printed and "rows/s): prediction in" in printed
    found = scored(tmp_path / "out").sort_values("id")
    assert list(found) == ["id", "a", "b", "prediction"]
    np.testing.assert_allclose(np.stack(found.prediction), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


def run_here(spark: SparkSession, *arguments: object) -> int:
    """The job without a process of its own."""
    job = importlib.import_module("score")
    return job.score(spark, job.parse_arguments([str(word) for word in arguments]))


def test_a_tensorflow_graph_over_parquet(spark_local: SparkSession, tmp_path: Path) -> None:
    import sparkdl as sdl

    x = np.random.default_rng(0).normal(size=(30, 20 * 8)).astype("float32")
    pd.DataFrame({"id": range(30), "x": list(x), "other": "text"}).to_parquet(tmp_path / "rows.parquet")
    given: tuple[Any, ...] = (
        "--model",
        LSTM / "graph.pb",
        "--inputs",
        "Placeholder",
        "--outputs",
        "prediction/Softmax",
    )
    options = ("--features", "x", "--keep", "id", "--to", tmp_path / "out", "--batch-size", 16)
    assert run_here(spark_local, *given, "--data", tmp_path / "rows.parquet", *options) == 30
    found = scored(tmp_path / "out").sort_values("id")
    assert list(found) == ["id", "prediction"]
    model = sdl.load_tensorflow(LSTM / "graph.pb", ["Placeholder"], ["prediction/Softmax"])
    np.testing.assert_allclose(
        np.stack(found.prediction), model.predict(x.reshape(30, 20, 8), verbose=0), rtol=1e-3, atol=1e-5
    )


def test_a_caffe_net_over_images(spark_local: SparkSession, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    net = """
        layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
        layer { name: "mean" type: "Pooling" bottom: "data" top: "mean"
                pooling_param { pool: AVE global_pooling: true } }
    """
    (tmp_path / "net.prototxt").write_text(net)
    (tmp_path / "photos").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "photos" / f"{number}.png"), np.full((6, 5, 3), (10 * number, 0, 100), "uint8"))
    (tmp_path / "photos" / "3.png").write_bytes(b"not an image")
    given = ("--model", tmp_path / "net.prototxt", "--images", "--data", tmp_path / "photos", "--to", tmp_path / "out")
    assert run_here(spark_local, *given, "--scale", 0.5, "--invalid", "skip") == 3
    found = scored(tmp_path / "out").sort_values("path")
    assert "image" not in found
    np.testing.assert_allclose(
        [_leaves(row) for row in found.prediction], [[5.0 * number, 0.0, 50.0] for number in range(3)], atol=1e-4
    )


def _leaves(value: Any) -> list[float]:
    """The numbers of nested lists."""
    return [value] if np.ndim(value) == 0 else [leaf for inner in value for leaf in _leaves(inner)]
