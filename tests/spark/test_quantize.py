"""Models of eight bits: accuracy, size, files, and the same numbers from Spark as from bare OpenVINO."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from sklearn.datasets import load_digits

import sparkdl as sdl
from sparkdl.errors import ArgumentError, DataError, MissingExtraError, ModelError, UnsupportedError
from sparkdl.spark.calibration import sample_rows
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.frames import DataArguments
from sparkdl.spark.quantized import QuantizedModel
from sparkdl.train.checkpoint import encode_state, seal
from sparkdl.types import TrainingState

openvino = pytest.importorskip("openvino")
pytest.importorskip("nncf")
pytestmark = [pytest.mark.spark, pytest.mark.tf]

ROWS, BATCH = 600, 100


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits, float32 (rows, 8, 8, 1) and int64 (rows,)."""
    found = load_digits()
    return (found.images[:ROWS, ..., None] / 16).astype("float32"), found.target[:ROWS]


@pytest.fixture(scope="module")
def model(digits: tuple[np.ndarray, np.ndarray]) -> keras.Model:
    """A trained convolution net."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, "relu"),
            layers.Dense(10, "softmax", name="digit"),
        ],
        name="net",
    )
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    net.fit(*digits, epochs=8, batch_size=32, verbose=0)
    return net


@pytest.fixture(scope="module")
def frame(spark_local: SparkSession, digits: tuple[np.ndarray, np.ndarray]) -> DataFrame:
    """The digits, in two partitions of whole calls."""
    rows = [
        (i, x.tolist(), int(y)) for i, (x, y) in enumerate(zip(digits[0].reshape(ROWS, -1), digits[1], strict=True))
    ]
    return (
        spark_local.createDataFrame(rows, "id int, features array<float>, label int")
        .repartitionByRange(2, "id")
        .sortWithinPartitions("id")
        .persist()
    )


@pytest.fixture(scope="module")
def quantized(model: keras.Model, frame: DataFrame) -> QuantizedModel:
    """The net in eight bits, calibrated on Spark's rows."""
    return sdl.quantize(model, frame, label="label", rows=200)


def test_eight_bits_cost_little_and_are_small(quantized: QuantizedModel) -> None:
    report = quantized.report
    assert report is not None
    assert report.before["accuracy"] > 0.95
    assert abs(report.before["accuracy"] - report.after["accuracy"]) < 0.01
    assert report.bytes_after < 0.6 * report.bytes_before
    assert len(quantized.network.weights) < 0.3 * report.bytes_before
    assert report.rows == 200
    assert report.difference < 0.1
    assert report.float_operations == ()
    for speed in (report.speed_before, report.speed_after):
        assert speed is not None
        assert 0 < speed.p50_ms <= speed.p99_ms
        assert speed.rows_per_second > 0
    assert "accuracy" in str(report)
    with pytest.raises(FrozenInstanceError):
        quantized.name = "other"  # type: ignore[misc]


def test_the_report_says_what_keras_says(model: keras.Model, frame: DataFrame, quantized: QuantizedModel) -> None:
    assert quantized.report is not None
    expected = sdl.evaluate(model, frame)
    assert quantized.report.before == pytest.approx(expected, abs=1e-4)
    assert sdl.evaluate(quantized, frame) == pytest.approx(quantized.report.after, abs=1e-6)


def bare(model: QuantizedModel, x: np.ndarray) -> np.ndarray:
    """What OpenVINO says of it, in calls of the same rows."""
    core = openvino.Core()
    weights = openvino.Tensor(np.frombuffer(model.network.weights, np.uint8))
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(model.network.xml, weights), "CPU", settings)
    return np.concatenate([compiled([x[start : start + BATCH]])[0] for start in range(0, len(x), BATCH)])


def test_predictions_are_those_of_bare_openvino(
    quantized: QuantizedModel, frame: DataFrame, digits: tuple[np.ndarray, np.ndarray], spark_local: SparkSession
) -> None:
    expected = bare(quantized, digits[0])
    rows = sdl.predict(quantized, frame, batch_size=BATCH).orderBy("id").collect()
    np.testing.assert_array_equal(np.array([row.prediction for row in rows], "float32"), expected)
    np.testing.assert_array_equal(quantized.predict(digits[0], BATCH), expected)
    sdl.register_udf(spark_local, "eight_bits", quantized, batch_size=BATCH)
    said = frame.selectExpr("id", "eight_bits(features) AS p").orderBy("id").limit(5).collect()
    np.testing.assert_allclose([row.p for row in said], expected[:5], atol=1e-6)


FRESH = """
import sys, numpy as np, sparkdl as sdl
model = sdl.load_quantized(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2])))
print(model.report.after["accuracy"], "nncf" in sys.modules, "keras" in sys.modules)
"""


def test_a_file_is_read_in_a_fresh_process(
    quantized: QuantizedModel, digits: tuple[np.ndarray, np.ndarray], frame: DataFrame, tmp_path: Path
) -> None:
    path, rows, found = (str(tmp_path / name) for name in ("net.int8", "rows.npy", "found.npy"))
    quantized.save(path)
    np.save(rows, digits[0])
    run = subprocess.run([sys.executable, "-c", FRESH, path, rows, found], capture_output=True, text=True, check=True)
    assert quantized.report is not None
    assert run.stdout.split() == [str(quantized.report.after["accuracy"]), "False", "False"]
    np.testing.assert_array_equal(np.load(found), quantized.predict(digits[0]))
    loaded = sdl.load_quantized(path)
    assert loaded.report == quantized.report
    assert sdl.evaluate(loaded, frame) == pytest.approx(quantized.report.after, abs=1e-6)
    content = bytearray(Path(path).read_bytes())
    content[len(content) // 2] ^= 1
    Path(path).write_bytes(content)
    with pytest.raises(DataError, match="holds a damaged model: .* copy or save it again"):
        sdl.load_quantized(path)


def test_other_files_are_no_quantised_models(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "net.keras")
    state = b"".join(seal(encode_state(TrainingState({"weights": np.arange(3.0)}, {"epoch": 2}))))
    for name, content in {"checkpoint": state, "short": b"PK", "empty": b""}.items():
        (tmp_path / name).write_bytes(content)
    for path in tmp_path.iterdir():
        with pytest.raises(DataError, match=f"{path.name}' is no quantised model: give .* by sdl.quantize") as refused:
            sdl.load_quantized(path)
        assert "sparkdl-state" not in str(refused.value)


def test_the_seed_chooses_the_rows(frame: DataFrame, model: keras.Model) -> None:
    arguments = DataArguments("features", "label")

    def chosen(seed: int, rows: int = 40) -> Any:
        return sample_rows(frame, arguments, shapes_of(model), rows, seed, {})[1]

    first, again, other = chosen(0), chosen(0), chosen(1)
    np.testing.assert_array_equal(first.features[0], again.features[0])
    assert first.features[0].shape == (40, 8, 8, 1)
    assert first.labels[0].shape == (40,)
    assert not np.array_equal(first.features[0], other.features[0])
    assert len(np.unique(chosen(2, 10_000).features[0], axis=0)) == ROWS


def test_arrays_and_a_bound(model: keras.Model, digits: tuple[np.ndarray, np.ndarray]) -> None:
    made = sdl.quantize(
        model, digits[0], label=digits[1], metrics=[sdl.metrics.Accuracy()], rows=100, max_accuracy_drop=0.05
    )
    assert made.report is not None
    assert set(made.report.before) == {"accuracy"}
    assert made.report.before["accuracy"] - made.report.after["accuracy"] <= 0.05


def test_metrics_of_a_model_that_is_not_compiled(model: keras.Model, frame: DataFrame) -> None:
    plain = keras.Model(model.inputs, model.outputs)
    with pytest.raises(ModelError, match="has no loss and no metrics"):
        sdl.quantize(plain, frame, label="label", rows=50)
    made = sdl.quantize(plain, frame, label="label", metrics=[sdl.metrics.Accuracy()], rows=50)
    assert made.report is not None
    assert made.report.after["accuracy"] > 0.9
    with pytest.raises(ModelError, match="has no loss and no metrics"):
        sdl.evaluate(made, frame)


def test_several_inputs_in_any_order(spark_local: SparkSession) -> None:
    left, right = keras.Input((3,), name="left"), keras.Input((4,), name="right")
    both = keras.layers.Concatenate()([keras.layers.Dense(16)(right), keras.layers.Dense(16, "relu")(left)])
    net = keras.Model([left, right], keras.layers.Dense(1)(both))
    rows = [(np.random.rand(3).tolist(), np.random.rand(4).tolist()) for _ in range(40)]
    data = spark_local.createDataFrame(rows, "a array<float>, b array<double>")
    made = sdl.quantize(net, data, features={"right": "b", "left": "a"}, rows=30)
    found = sdl.predict(made, data, features=["a", "b"]).collect()
    expected = net.predict([np.array([r.a for r in found]), np.array([r.b for r in found])], verbose=0)
    np.testing.assert_allclose([r.prediction for r in found], expected, atol=0.03 * np.abs(expected).max())


def test_what_cannot_be_is_refused_before_a_job_starts(
    model: keras.Model, frame: DataFrame, quantized: QuantizedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="no rows"):
        sdl.quantize(model, frame.where("id < 0"))
    with pytest.raises(DataError, match="no rows"):
        sdl.quantize(model, np.zeros((0, 8, 8, 1)))
    with pytest.raises(DataError, match="no column 'pixels'"):
        sdl.quantize(model, frame, features="pixels")
    with pytest.raises(ArgumentError, match="rows must be"):
        sdl.quantize(model, frame, rows=0)
    with pytest.raises(ArgumentError, match="needs labels"):
        sdl.quantize(model, frame, max_accuracy_drop=0.1)
    with pytest.raises(ArgumentError, match="quantised already"):
        sdl.quantize(quantized, frame)
    with pytest.raises(ModelError, match="expected a built keras"):
        sdl.quantize("net", frame)
    with pytest.raises(DataError, match="takes rows of image"):
        quantized.predict(np.zeros((2, 7)))
    with pytest.raises(UnsupportedError, match="runtime='tensorflow'"):
        sdl.predict(quantized, frame, runtime="tensorflow")
    with pytest.raises(ArgumentError, match=r"sdl\.cut"):
        sdl.predict(quantized, frame, layers="digit")
    with pytest.raises(ModelError, match="compile"):
        sdl.evaluate(replace(quantized, judge=None), frame)
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(MissingExtraError, match=r"sparkdl\[quantization\]"):
        sdl.quantize(model, frame)
