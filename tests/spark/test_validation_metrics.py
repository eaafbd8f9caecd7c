"""`fit(validation_metrics=)`: the same numbers as `measure` on what `predict` gives, in logs, callbacks and files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.errors import ArgumentError, DataError

pytestmark = [pytest.mark.spark, pytest.mark.tf]
METRICS = [
    sdl.metrics.AUROC(),
    sdl.metrics.AveragePrecision(),
    sdl.metrics.F1(average="weighted"),
    sdl.metrics.LogLoss(),
    sdl.metrics.ExpectedCalibrationError(name="calibration"),
]


@pytest.mark.parametrize("workers", [1, 2])
def test_logs_hold_what_measure_says_of_predictions(spark_local: Any, workers: int, tmp_path: Path) -> None:
    x, y = blobs(90)
    held = frame(spark_local, x[:40] + np.float32(1.5), y[:40])
    model = classifier()
    history = sdl.fit(
        model,
        frame(spark_local, x, y),
        batch_size=30,
        epochs=2,
        validation_data=held,
        validation_metrics=METRICS,
        workers=workers,
        log_dir=str(tmp_path),
        verbose=0,
    ).history
    found = sdl.measure(sdl.predict(model, held), METRICS)
    for metric in METRICS:
        assert history[f"val_{metric.name}"][-1] == pytest.approx(found[metric.name], rel=1e-5), metric.name
        assert len(history[f"val_{metric.name}"]) == 2
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} < set(history)
    assert b"epoch_auroc" in next((tmp_path / "validation").iterdir()).read_bytes()


def test_callbacks_and_checkpoints_know_the_values(spark_local: Any, tmp_path: Path) -> None:
    x, y = blobs(60)
    data = frame(spark_local, x, y)
    arguments = {"batch_size": 30, "validation_split": 0.4, "validation_metrics": METRICS[:1], "verbose": 0}
    stop = keras.callbacks.EarlyStopping(monitor="val_auroc", mode="max", patience=1)
    model = classifier(keras.optimizers.SGD(0.0))  # nothing gets better
    history = sdl.fit(model, data, epochs=5, callbacks=[stop, sdl.Checkpoint(str(tmp_path))], **arguments)
    values = history.history["val_auroc"]
    assert history.epoch == [0, 1] and values[0] == values[1] == stop.best
    again = sdl.fit(classifier(keras.optimizers.SGD(0.0)), data, epochs=3, resume=str(tmp_path), **arguments)
    assert again.history["val_auroc"][:2] == values


def two_outputs() -> Any:
    inputs = keras.Input((4,), name="x")
    outputs = [keras.layers.Dense(3, "softmax", name="kind")(inputs), keras.layers.Dense(1, name="size")(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"])
    return model


def test_several_outputs_are_measured_by_name(spark_local: Any) -> None:
    x, y = blobs(30)
    data = frame(spark_local, x, y).selectExpr(
        "features", "label as kind", "float(id) as size", "label", "id % 2 = 0 as held"
    )
    model = two_outputs()
    history = sdl.fit(
        model,
        data,
        label=["kind", "size"],
        batch_size=32,
        validation_indicator="held",
        validation_metrics={"size": sdl.metrics.MAE(), "kind": [sdl.metrics.AUROC(), sdl.metrics.TopK(2)]},
        verbose=0,
    ).history
    scored = sdl.predict(model, data.where("held"), output=["a", "b"])
    size = sdl.measure(scored, sdl.metrics.MAE(), label="size", prediction="b")["mae"]
    kind = sdl.measure(scored, [sdl.metrics.AUROC(), sdl.metrics.TopK(2)], prediction="a")
    assert history["val_size_mae"][0] == pytest.approx(size, rel=1e-5)
    assert history["val_kind_auroc"][0] == pytest.approx(kind["auroc"], rel=1e-5)
    assert history["val_kind_top_2_accuracy"][0] == pytest.approx(kind["top_2_accuracy"], rel=1e-5)


@pytest.mark.parametrize(
    ("metrics", "arguments", "error", "sentence"),
    [
        (METRICS, {"validation_split": 0.0}, ArgumentError, "there are no validation rows: give validation_data="),
        ([sdl.metrics.NDCG()], {}, ArgumentError, "ndcg_at_10 needs to know whose row it is, and fit has no column"),
        ([sdl.metrics.ConfusionMatrix()], {}, ArgumentError, "confusion_matrix is a matrix, and logs hold numbers"),
        ([sdl.metrics.Accuracy()], {}, ArgumentError, "compiled with a metric named 'accuracy', .* another name="),
        (["auroc"], {}, ArgumentError, "validation_metrics must hold objects of sdl.metrics"),
        ({"head": METRICS}, {}, ArgumentError, "names the output 'head', but the model has 'dense"),
        ([sdl.metrics.MSE()], {}, DataError, "a regression needs a prediction for each value"),
    ],
)
def test_what_cannot_be_measured_fails_before_the_job(
    spark_local: Any, metrics: Any, arguments: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        data = frame(spark_local, *blobs(9))
        sdl.fit(classifier(), data, validation_metrics=metrics, **({"validation_split": 0.5} | arguments))


def test_outputs_are_asked_for_what_they_give(spark_local: Any) -> None:
    model = classifier()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    data = frame(spark_local, *blobs(9))
    with pytest.raises(ArgumentError, match=r"gives logits by its loss: give LogLoss\(from_logits=True\)"):
        sdl.fit(model, data, validation_metrics=[sdl.metrics.LogLoss()], validation_split=0.5)
    with pytest.raises(
        ArgumentError, match="the model has the outputs 'kind', 'size': give validation_metrics= as a dict"
    ):
        data = frame(spark_local, *blobs(9)).selectExpr("features", "label as kind", "float(id) as size")
        sdl.fit(two_outputs(), data, label=["kind", "size"], validation_metrics=METRICS, validation_split=0.5)
