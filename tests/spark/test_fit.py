"""The three verbs on real Spark: worker processes, a DataFrame in, a trained model out."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.engine.replica import KerasReplica
from sparkdl.errors import (
    ArgumentError,
    ClusterError,
    DataError,
    ModelError,
    NonFiniteLossError,
    UnsupportedError,
    WorkerError,
)

pytestmark = [pytest.mark.spark, pytest.mark.tf]


def test_fit_equals_keras_on_full_batches(spark_local: SparkSession) -> None:
    x, y = blobs(50)
    model, reference = classifier(), classifier()
    history = sdl.fit(model, frame(spark_local, x, y), batch_size=50, epochs=5, verbose=0)
    losses = []
    for _ in range(5):
        reference.reset_metrics()
        losses.append(reference.train_on_batch(x, y, return_dict=True)["loss"])
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-4)
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert [timing["rows"] for timing in history.timings] == [125.0, 125.0]


def test_a_second_fit_goes_on_with_the_optimizer_where_the_first_ended(spark_local: SparkSession) -> None:
    x, y = blobs(40)
    data = frame(spark_local, x, y)
    once, twice = classifier(), classifier()
    sdl.fit(once, data, batch_size=40, epochs=4, verbose=0)
    for _ in range(2):
        sdl.fit(twice, data, batch_size=40, epochs=2, verbose=0)
    assert int(twice.optimizer.iterations) == 4
    for ours, theirs in zip(twice.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_validation_data_is_scored_every_epoch_as_evaluate_scores_it(spark_local: SparkSession) -> None:
    x, y = blobs(60)
    held = frame(spark_local, *blobs(23, seed=9), partitions=1)
    model = classifier()
    history = sdl.fit(model, frame(spark_local, x, y), batch_size=16, epochs=2, validation_data=held, verbose=0)
    scores = sdl.evaluate(model, held)
    assert scores["accuracy"] == pytest.approx(history.history["val_accuracy"][-1])
    assert scores["loss"] == pytest.approx(history.history["val_loss"][-1], rel=1e-5)
    expected = model.evaluate(*blobs(23, seed=9), verbose=0, return_dict=True)
    assert scores["loss"] == pytest.approx(expected["loss"], rel=1e-5)


def test_rdd_of_samples(spark_local: SparkSession) -> None:
    x, y = blobs(30)
    rdd = spark_local.sparkContext.parallelize(list(zip(x, y, strict=True)), 3)
    samples = rdd.map(lambda row: sdl.Sample.from_ndarray(row[0], row[1]))
    model, reference = classifier("sgd"), classifier("sgd")
    sdl.fit(model, samples, batch_size=30, epochs=1, verbose=0)
    reference.train_on_batch(x, y)
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert sdl.evaluate(model, samples)["accuracy"] == pytest.approx(model.evaluate(x, y, verbose=0)[1])
    predictions = sdl.predict(model, samples).collect()
    np.testing.assert_allclose(predictions, model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("partitions", "batch_size"), [(1, 1024), (5, 7), (40, 3)])
def test_predict_keeps_every_column_and_aligns_every_row(
    spark_local: SparkSession, partitions: int, batch_size: int
) -> None:
    x, y = blobs(60)
    model = classifier()
    data = frame(spark_local, x, y, partitions).orderBy("label", "id")
    rows = sdl.predict(model, data, batch_size=batch_size).collect()
    assert [row.id for row in rows] == [row.id for row in data.select("id").collect()]
    expected = model.predict(x, verbose=0)
    for row in rows:
        np.testing.assert_allclose(row.features, x[row.id], rtol=1e-6)
        np.testing.assert_allclose(row.prediction, expected[row.id], rtol=1e-4, atol=1e-6)


class StopsAt(keras.callbacks.Callback):
    """Says stop in one hook, and has no others."""

    def __init__(self, hook: str) -> None:
        super().__init__()
        setattr(self, hook, self.stop)

    def stop(self, *_: object) -> None:
        self.model.stop_training = True


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin"])
def test_who_says_stop_before_the_first_batch_has_one_trained_on_as_in_keras(
    spark_local: SparkSession, hook: str
) -> None:
    x, y = blobs(40)
    ours, theirs = classifier(), classifier()
    data = frame(spark_local, x, y, 1)
    history = sdl.fit(
        ours, data, batch_size=8, epochs=3, shuffle=False, workers=1, callbacks=[StopsAt(hook)], verbose=0
    )
    expected = theirs.fit(x, y, batch_size=8, epochs=3, shuffle=False, callbacks=[StopsAt(hook)], verbose=0)
    assert history.epoch == expected.epoch == [0]
    assert int(ours.optimizer.iterations) == int(theirs.optimizer.iterations) == 1
    for mine, keras_s in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, keras_s, rtol=1e-5, atol=1e-7)


def test_early_stopping_restores_the_best_weights_and_keeps_its_state(spark_local: SparkSession) -> None:
    x, y = blobs(40)
    model = classifier(keras.optimizers.SGD(0.0))
    stopping = keras.callbacks.EarlyStopping("loss", min_delta=1e-4, patience=2, restore_best_weights=True)
    before = model.get_weights()
    history = sdl.fit(model, frame(spark_local, x, y), batch_size=40, epochs=9, callbacks=[stopping], verbose=0)
    assert history.epoch == [0, 1, 2]
    assert stopping.stopped_epoch == 2
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_string_labels_are_numbered_and_the_numbers_kept(spark_local: SparkSession) -> None:
    x, y = blobs(30)
    names = np.array(["cat", "ant", "bee"])
    rows = [(features.tolist(), str(names[label])) for features, label in zip(x, y, strict=True)]
    data = spark_local.createDataFrame(rows, "features array<float>, label string")
    model = classifier()
    sdl.fit(model, data, batch_size=10, epochs=1, verbose=0)
    assert model.label_values == {"label": ["ant", "bee", "cat"]}
    scores = sdl.evaluate(model, data)
    codes = np.array([2, 0, 1])[y]
    assert scores["accuracy"] == pytest.approx(model.evaluate(x, codes, verbose=0)[1])


def test_strings_are_no_values_and_no_third_class(spark_local: SparkSession) -> None:
    data = frame(spark_local, *blobs(30)).selectExpr("features", "string(label * 10) AS price")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "mse")
    for verb in (sdl.fit, sdl.evaluate):
        with pytest.raises(DataError, match=r"the loss 'mse' needs numbers, .*F.col\('price'\).cast\('float'\)"):
            verb(model, data, label="price", batch_size=10)
    model.compile("sgd", "binary_crossentropy")
    with pytest.raises(
        DataError, match="'price' holds class numbers from 0 to 2, but the model's output has 2 classes"
    ):
        sdl.fit(model, data, label="price", batch_size=10, verbose=0)


class Explodes(keras.layers.Layer):
    """Raises on the executors only."""

    def call(self, inputs):  # type: ignore[no-untyped-def]
        from pyspark import TaskContext

        if TaskContext.get() is not None:
            raise KeyError("the layer broke")
        return inputs


MISTAKES = {
    "one-based labels": (lambda d: d.selectExpr("features", "label + 1 as label"), {}, DataError, "1-based"),
    "label out of range": (lambda d: d.selectExpr("features", "label * 5 as label"), {}, DataError, "0 to 10"),
    "null feature": (
        lambda d: d.selectExpr("if(id = 7, null, features) as features", "label"),
        {},
        DataError,
        "null",
    ),
    "NaN feature": (
        lambda d: d.selectExpr("transform(features, v -> if(id = 7, float('nan'), v)) as features", "label"),
        {},
        DataError,
        "NaN",
    ),
    "ragged": (lambda d: d.selectExpr("slice(features, 1, if(id = 7, 3, 4)) as features", "label"), {}, DataError, "3"),
    "misspelt column": (lambda d: d, {"features": "feature"}, DataError, "features"),
    "no rows": (lambda d: d.where("id < 0"), {}, DataError, "no rows"),
    "too many workers": (lambda d: d, {"workers": 64}, ClusterError, "workers=2"),
    "batch of zero": (lambda d: d, {"batch_size": 0}, ArgumentError, "batch_size"),
    "unknown argument": (lambda d: d, {"batchsize": 3}, ArgumentError, "batch_size"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_get_one_clear_sentence(spark_local: SparkSession, name: str) -> None:
    change, options, kind, words = MISTAKES[name]
    data = change(frame(spark_local, *blobs(30)))
    with pytest.raises(kind, match=words) as caught:
        sdl.fit(classifier(), data, **({"batch_size": 10, "verbose": 0} | options))
    assert len(str(caught.value)) < 500


def test_an_uncompiled_model_is_refused(spark_local: SparkSession) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(ModelError, match="compile"):
        sdl.fit(model, frame(spark_local, *blobs(9)), verbose=0)


def test_what_compile_asks_for_and_workers_cannot_do_is_refused_by_name(spark_local: SparkSession) -> None:
    model = classifier(steps_per_execution=4)
    with pytest.raises(UnsupportedError, match="steps_per_execution"):
        sdl.fit(model, frame(spark_local, *blobs(9)), verbose=0)


def test_wrong_width_for_the_model_is_refused(spark_local: SparkSession) -> None:
    x, y = blobs(9)
    with pytest.raises(DataError, match=r"3"):
        sdl.fit(classifier(), frame(spark_local, x[:, :3], y), batch_size=9, verbose=0)


def test_weights_that_all_are_zero_are_refused(spark_local: SparkSession) -> None:
    data = frame(spark_local, *blobs(20)).withColumn("w", F.lit(0))
    with pytest.raises(DataError, match="the weights of all 20 rows to train on are 0, expected some above 0"):
        sdl.fit(classifier(), data, weight="w", batch_size=10, verbose=0)


def test_nan_loss_names_its_place_and_keeps_the_last_good_weights(spark_local: SparkSession) -> None:
    x, y = blobs(40)
    model = classifier(keras.optimizers.SGD(1e38))
    with pytest.raises(NonFiniteLossError, match=r"epoch \d+, step \d+"):
        sdl.fit(model, frame(spark_local, x, y), batch_size=10, epochs=3, verbose=0)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_a_failing_worker_is_the_exception_on_the_driver(spark_local: SparkSession) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), Explodes(), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(WorkerError, match=r"worker \d+ on host .*the layer broke") as caught:
        sdl.fit(model, frame(spark_local, *blobs(20)), batch_size=10, verbose=0)
    assert "in call" in str(caught.value)


class Look(keras.callbacks.Callback):
    """Looks, in the worker, whether gradients of a model of this length are left where TensorFlow has them."""

    def __init__(self, length: int, in_runs: bool) -> None:
        super().__init__()
        self.length, self.in_runs = length, in_runs

    def on_train_end(self, logs: Any = None) -> None:
        replicas = [thing for thing in gc.get_objects() if isinstance(thing, KerasReplica)]
        found = [replica._stream._in_runs for replica in replicas if replica.layout.length == self.length]
        if found != [self.in_runs]:
            raise AssertionError(f"in runs: {found}, expected {self.in_runs}")


@pytest.mark.parametrize(("workers", "width"), [(2, 333), (1, 334)])
def test_gradients_are_put_together_only_where_no_memory_is_shared(
    spark_local: SparkSession, workers: int, width: int
) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(width), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    length = sum(-(-weight.size // 16) * 16 for weight in model.get_weights())
    look = Look(length, in_runs=workers == 2)
    sdl.fit(model, frame(spark_local, *blobs(20)), batch_size=10, workers=workers, callbacks=[look], verbose=0)


def test_same_seed_same_bytes_on_separate_executors(spark_cluster: SparkSession) -> None:
    x, y = blobs(90)
    data = frame(spark_cluster, x, y, partitions=5)
    weights = []
    for _ in range(2):
        model = classifier()
        sdl.fit(model, data, batch_size=16, epochs=2, verbose=0)
        weights.append(b"".join(array.tobytes() for array in model.get_weights()))
    assert weights[0] == weights[1]
