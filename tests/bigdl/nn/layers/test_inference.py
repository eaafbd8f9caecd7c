"""Predictions and measures of layers over Spark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.nn import criterion
from sparkdl.bigdl.nn.layer import CAddTable, Dropout, Identity, Linear, LogSoftMax, Reshape, Sequential
from sparkdl.bigdl.optim import optimizer
from sparkdl.bigdl.transform.vision.image import ImageFrameToSample, LocalImageFrame, MatToTensor, Pipeline
from sparkdl.bigdl.util.common import Sample
from sparkdl.errors import ArgumentError

GOLDEN = Path(__file__).parents[3] / "golden/bigdl"
ITEMS = json.loads((GOLDEN / "validation.json").read_text())["items"]
ARRAYS = np.load(GOLDEN / "validation.npz")


def samples(spark: Any, features: np.ndarray, labels: np.ndarray, partitions: int = 1) -> Any:
    made = [Sample.from_ndarray(*pair) for pair in zip(features, labels, strict=True)]
    return spark.sparkContext.parallelize(made, partitions)


@pytest.mark.parametrize("case", ["cls", "hr"])
def test_measures_are_bigdls(case: str, spark_local: Any) -> None:
    items = [item for item in ITEMS if item["id"] == case]
    names = {**vars(criterion), **vars(optimizer)}
    methods = [eval(item["method"], dict(names)) for item in items]
    data = samples(spark_local, ARRAYS[f"{case}/output"], ARRAYS[f"{case}/target"])
    results = Identity().evaluate(data, items[0]["batch"], methods)
    for item, result in zip(items, results, strict=True):
        assert result.result == pytest.approx(item["result"], rel=1e-6)
        assert (result.total_num, result.method) == (item["total"], item["name"])
    if case == "cls":
        assert str(results[0]) == "Evaluated result: 0.5454545617103577, total_num: 11, method: Top1Accuracy"


def test_predictions_of_arrays_and_of_rdds(spark_local: Any) -> None:
    model = Sequential().add(Linear(3, 4)).add(Dropout(0.5)).add(LogSoftMax())
    rows = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    expected = model.evaluate().forward(rows)
    model.training()
    np.testing.assert_allclose(model.predict(rows), expected, rtol=1e-5, atol=1e-6)
    data = samples(spark_local, rows, np.ones(7), 2)
    np.testing.assert_allclose(model.predict(data, 4).collect(), expected, rtol=1e-5, atol=1e-6)
    classes = (expected.argmax(1) + 1).tolist()
    assert model.predict_class(rows).tolist() == classes == model.predict_class(data).collect()
    np.testing.assert_allclose(CAddTable().predict_local([rows, rows]), 2 * rows, rtol=1e-6)
    with pytest.raises(ArgumentError, match="received 2 arguments"):
        model.evaluate(data, 4)


def test_predictions_of_images(spark_local: Any) -> None:
    images = [np.full((4, 4, 3), value, np.float32) for value in (1.0, 2.0)]
    frame = LocalImageFrame(images).transform(Pipeline([MatToTensor(), ImageFrameToSample()]))
    model = Sequential().add(Reshape([48])).add(Linear(48, 2, init_weight=np.ones((2, 48)), init_bias=np.zeros(2)))
    found = model.predict_image(frame, predict_key="said").get_predict("said")
    assert [said.tolist() for _, said in found] == [[48.0, 48.0], [96.0, 96.0]]
