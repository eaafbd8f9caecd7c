"""`quantize()`: layers in eight bits, with data seen before and without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.datasets import load_digits

from sparkdl.bigdl.nn import layer as layers
from sparkdl.bigdl.nn.layers.quantized import QuantizedLayer
from sparkdl.bigdl.optim.optimizer import Top1Accuracy
from sparkdl.bigdl.util.common import Sample
from sparkdl.errors import UnsupportedError

pytest.importorskip("nncf")

ROWS = 100


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Digits, float32 (rows, 1, 8, 8)."""
    return (load_digits().images[:ROWS, None] / 16).astype("float32")


def net() -> Any:
    """A small LeNet."""
    model = layers.Sequential()
    for part in (
        layers.SpatialConvolution(1, 8, 3, 3),
        layers.ReLU(),
        layers.SpatialMaxPooling(2, 2, 2, 2),
        layers.Reshape([8 * 3 * 3]),
        layers.Linear(72, 512),
        layers.Tanh(),
        layers.Linear(512, 10),
        layers.LogSoftMax(),
    ):
        model.add(part)
    return model


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def test_with_data_all_products_are_of_eight_bits(rows: np.ndarray, spark_local: SparkSession) -> None:
    model = net()
    expected = model.forward(rows)
    small = model.quantize()
    assert isinstance(small, QuantizedLayer)
    assert error(small.forward(rows), expected) < 0.05
    assert not np.array_equal(small.forward(rows), expected)
    np.testing.assert_array_equal(small.predict_local(rows), small.forward(rows))
    report = small.report
    assert report.float_operations == () and report.rows == ROWS
    assert report.bytes_after < 0.7 * report.bytes_before
    classes = model.predict_class(rows)
    assert (small.predict_class(rows) == classes).mean() > 0.95
    samples = [Sample.from_ndarray(x, np.array(float(c))) for x, c in zip(rows, classes, strict=True)]
    data = spark_local.sparkContext.parallelize(samples, 2)
    predicted = small.predict(data, batch_size=2 * ROWS).collect()
    np.testing.assert_allclose(np.array(predicted), small.forward(rows), atol=1e-5)
    assert small.evaluate(data, ROWS, [Top1Accuracy()])[0].result > 0.95


def test_without_data_weights_are_of_eight_bits(rows: np.ndarray) -> None:
    model = net()
    small = model.quantize().evaluate()
    assert error(small.forward(rows), model.forward(rows)) < 0.05
    report = small.report
    assert report.rows == 0 and [name.split()[0] for name in report.float_operations] == ["Convolution"]
    assert report.bytes_after < 0.7 * report.bytes_before


def test_the_layer_itself_stays_and_the_copy_is_for_inference(rows: np.ndarray) -> None:
    layer = layers.Linear(64, 16)
    given = rows.reshape(ROWS, 64)
    expected = layer.forward(given)
    small = layer.quantize()
    layer.set_weights([weight * 0 for weight in layer.get_weights()])
    assert error(small.forward(given), expected) < 0.05
    assert layer.backward(given, np.ones((ROWS, 16), "float32")).shape == given.shape
    for call in (lambda: small.backward(given, expected), lambda: small.training(), lambda: small.saveModel("x")):
        with pytest.raises(UnsupportedError, match="is quantised"):
            call()
