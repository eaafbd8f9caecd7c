"""Kinds of models and arguments through the three verbs, against Keras in one process."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.engine.output_names import output_names
from sparkdl.errors import ArgumentError, DataError

pytestmark = [pytest.mark.spark, pytest.mark.tf]


def same_weights(model: keras.Model, reference: keras.Model, tolerance: float = 1e-4) -> None:
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def two_headed(named: bool = True) -> keras.Model:
    """Its layers are called as the outputs are, or as Keras counts them."""
    keras.utils.set_random_seed(3)
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    joined = keras.layers.Dense(6, "tanh")(keras.layers.Concatenate()([left, right]))
    outputs = {
        "size": keras.layers.Dense(1, name="size" if named else None)(joined),
        "kind": keras.layers.Dense(3, "softmax", name="kind" if named else None)(joined),
    }
    model = keras.Model({"left": left, "right": right}, outputs)
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    metrics = {"kind": ["accuracy"], "size": ["mae"]}
    model.compile(keras.optimizers.SGD(0.1), losses, loss_weights={"kind": 1.0, "size": 0.3}, metrics=metrics)
    return model


@pytest.mark.parametrize("named", [True, False])
def test_two_inputs_two_outputs_and_weights_by_name(spark_local: SparkSession, named: bool) -> None:
    x, y = blobs(48)
    size = (x.sum(axis=1) + 1).astype("float32")
    weights = np.linspace(0.1, 2, 48).astype("float32")
    rows = [
        (*map(float, row), int(kind), float(tall), float(weight))
        for row, kind, tall, weight in zip(x, y, size, weights, strict=True)
    ]
    data = spark_local.createDataFrame(rows, "a float, b float, c float, d float, kind int, size float, w float")
    columns = {
        "features": {"left": ["a", "b"], "right": ["c", "d"]},
        "label": {"kind": "kind", "size": "size"},
        "weight": "w",
    }
    model, reference = two_headed(named), two_headed(named)
    history = sdl.fit(model, data, batch_size=48, epochs=2, verbose=0, **columns)
    inputs, labels = {"left": x[:, :2], "right": x[:, 2:]}, {"kind": y, "size": size}
    for _ in range(2):
        reference.reset_metrics()
        logs = reference.train_on_batch(inputs, labels, sample_weight=weights, return_dict=True)
    same_weights(model, reference)
    assert set(history.history) == set(logs)
    for name, value in logs.items():
        assert history.history[name][-1] == pytest.approx(float(value), rel=1e-4), name
    expected = reference.evaluate(inputs, labels, sample_weight=weights, batch_size=48, verbose=0, return_dict=True)
    scores = sdl.evaluate(model, data, **columns)
    assert {name: pytest.approx(value, rel=1e-3) for name, value in expected.items()} == scores
    scored = sdl.predict(model, data, features=columns["features"])
    assert scored.columns[len(data.columns) :] == [f"prediction_{name}" for name in output_names(model)]


def test_outputs_without_a_loss_need_no_label(spark_local: SparkSession) -> None:
    x, _ = blobs(48)
    size = (x.sum(axis=1) + 1).astype("float32")
    rows = [([float(value) for value in row], float(tall)) for row, tall in zip(x, size, strict=True)]
    data = spark_local.createDataFrame(rows, "x array<float>, size float")

    def coded() -> keras.Model:
        keras.utils.set_random_seed(3)
        inputs = keras.Input((4,))
        code = keras.layers.Dense(6, "tanh")(inputs)
        model = keras.Model(inputs, {"code": code, "size": keras.layers.Dense(1)(code)})
        model.compile(keras.optimizers.SGD(0.1), {"size": "mse"})
        return model

    model, reference = coded(), coded()
    history = sdl.fit(model, data, features="x", label={"size": "size"}, batch_size=48, epochs=2, verbose=0)
    for _ in range(2):
        reference.reset_metrics()
        logs = reference.train_on_batch(x, {"size": size}, return_dict=True)
    same_weights(model, reference)
    assert history.history["loss"][-1] == pytest.approx(float(logs["loss"]), rel=1e-4)
    expected = reference.evaluate(x, {"size": size}, batch_size=48, verbose=0)
    scores = sdl.evaluate(model, data, features="x", label={"size": "size"})
    assert scores == {"loss": pytest.approx(expected, rel=1e-3)}
    with pytest.raises(ArgumentError, match="'size' is missing: give a column for it"):
        sdl.fit(model, data, features="x", label={"code": "x"}, verbose=0)


def test_batch_normalization_evaluates_the_same_after_saving(spark_local: SparkSession, tmp_path: Path) -> None:
    x, y = blobs(60)
    data = frame(spark_local, x, y)
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = sdl.fit(model, data, batch_size=20, epochs=3, validation_data=data, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    scores = loaded.evaluate(x, y, batch_size=60, verbose=0, return_dict=True)
    assert history.history["val_loss"][-1] == pytest.approx(scores["loss"], rel=1e-5)
    assert sdl.evaluate(loaded, data) == {name: pytest.approx(value, rel=1e-5) for name, value in scores.items()}


def test_frozen_layers_stay_and_class_weights_count(spark_local: SparkSession) -> None:
    x, y = blobs(45)
    model, reference = classifier("sgd"), classifier("sgd")
    for each in (model, reference):
        each.layers[0].trainable = False
        each.compile("sgd", "sparse_categorical_crossentropy")
    frozen = model.layers[0].get_weights()
    weight = {0: 1.0, 1: 4.0, 2: 0.5}
    sdl.fit(model, frame(spark_local, x, y), batch_size=45, epochs=1, class_weight=weight, verbose=0)
    reference.train_on_batch(x, y, class_weight=weight)
    same_weights(model, reference)
    for ours, before in zip(model.layers[0].get_weights(), frozen, strict=True):
        assert ours.tobytes() == before.tobytes()


def test_parts_of_a_gradient_are_added_before_they_are_squared(spark_local: SparkSession) -> None:
    ids, y = np.array([[1, 1, 2], [2, 2, 2], [3, 1, 1], [0, 3, 3]]), np.array([1.0, -1.0, 2.0, 0.5], "float32")
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Embedding(5, 4), keras.layers.Flatten(), keras.layers.Dense(1)]
    models = [keras.Sequential([keras.Input((3,), dtype="int32"), *layers])]
    models += [keras.models.clone_model(models[0]) for _ in range(2)]
    for model in models:
        model.set_weights(models[0].get_weights())
        model.compile(keras.optimizers.Adam(0.1), "mse")
    ours, dense, sparse = models
    rows = [(row.tolist(), float(label)) for row, label in zip(ids, y, strict=True)]
    data = spark_local.createDataFrame(rows, "features array<int>, label float").repartition(2)
    history = sdl.fit(ours, data, batch_size=4, epochs=3, steps_per_epoch=7, verbose=0)
    assert [timing["steps"] for timing in history.timings] == [3.0, 3.0]  # an epoch ends with the rows
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = dense.compute_loss(y=y[:, None], y_pred=dense(ids))
        gradients = tape.gradient(loss, [weight.value for weight in dense.trainable_variables])
        dense.optimizer.apply([tf.convert_to_tensor(part) for part in gradients], dense.trainable_variables)
    same_weights(ours, dense, 1e-5)
    sparse.fit(ids, y, batch_size=4, epochs=3, verbose=0)
    # What docs/arguments.md says of Keras.
    assert np.abs(sparse.layers[0].get_weights()[0] - dense.layers[0].get_weights()[0]).max() > 0.1


def test_validation_split_and_indicator_hold_rows_out(spark_local: SparkSession) -> None:
    data = frame(spark_local, *blobs(200))
    history = sdl.fit(classifier(), data, batch_size=50, epochs=1, validation_split=0.25, verbose=0)
    trained = sum(timing["rows"] for timing in history.timings)
    assert 120 < trained < 180
    assert "val_loss" in history.history
    held = frame(spark_local, *blobs(20, seed=9))
    options = {"batch_size": 50, "validation_split": 0.25, "verbose": 0}
    history = sdl.fit(classifier(), data, validation_data=held, **options)
    assert sum(timing["rows"] for timing in history.timings) == 200  # as in Keras, which splits nothing off then
    marked = data.withColumn("held", data.id % 4 == 0)
    with pytest.raises(ArgumentError, match="validation_split=0.25 and validation_indicator='held'.*give one of them"):
        sdl.fit(classifier(), marked, validation_indicator="held", **options)
    history = sdl.fit(classifier(), marked, batch_size=50, epochs=1, validation_indicator="held", verbose=0)
    assert sum(timing["rows"] for timing in history.timings) == 150


def test_no_rows_to_validate_on_are_refused(spark_local: SparkSession) -> None:
    data, options = frame(spark_local, *blobs(40)), {"batch_size": 20, "verbose": 0}
    with pytest.raises(
        DataError, match=r"^fit was given validation_data= \(or its indicator\) and 40 rows .* but no rows to"
    ):
        sdl.fit(classifier(), data, validation_data=data.where("id < 0"), **options)
    with pytest.raises(DataError, match="but no rows to validate on, so that there is no val_loss: correct it"):
        sdl.fit(classifier(), data.withColumn("held", data.id < 0), validation_indicator="held", **options)
    with pytest.raises(DataError, match="^fit was given validation_split=1e-06 and 40 rows to train on, but no rows"):
        sdl.fit(classifier(), data, validation_split=1e-6, **options)


def test_a_metric_with_a_value_per_class_is_logged_as_a_list(
    spark_local: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = blobs(30)
    rows = [(features.tolist(), np.eye(3)[label].tolist()) for features, label in zip(x, y, strict=True)]
    data = spark_local.createDataFrame(rows, "features array<float>, label array<float>")
    model = classifier()
    model.compile("sgd", "categorical_crossentropy", metrics=[keras.metrics.F1Score(average=None, name="f1")])
    history = sdl.fit(model, data, batch_size=30, epochs=1, verbose=2)
    assert len(history.history["f1"][0]) == 3
    assert "f1=[" in capsys.readouterr().out
    assert np.shape(sdl.evaluate(model, data)["f1"]) == (3,)


def test_more_workers_than_rows(spark_local: SparkSession) -> None:
    x, y = blobs(1)
    model, reference = classifier("sgd"), classifier("sgd")
    sdl.fit(model, frame(spark_local, x, y), batch_size=8, epochs=2, verbose=0)
    for _ in range(2):
        reference.train_on_batch(x, y)
    same_weights(model, reference)


def test_files_of_callbacks_and_event_files_come_back(spark_local: SparkSession, tmp_path: Path) -> None:
    from sparkdl.summary import read_scalars

    data = frame(spark_local, *blobs(40))
    callbacks = [
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        keras.callbacks.ModelCheckpoint(str(tmp_path / "at-{epoch}.keras")),
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)),
    ]
    model = classifier()
    history = sdl.fit(
        model,
        data,
        batch_size=10,
        epochs=2,
        callbacks=callbacks,
        verbose=0,
        log_dir=str(tmp_path / "tb"),
        histograms=True,
    )
    assert (tmp_path / "log.csv").read_text().count("\n") == 3
    saved = keras.models.load_model(tmp_path / "at-2.keras")
    same_weights(saved, model, 1e-7)
    assert int(saved.optimizer.iterations) == 8
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.05])
    points = read_scalars(tmp_path / "tb" / "train", "epoch_loss")
    assert [value for _, value in points] == pytest.approx(history.history["loss"])
