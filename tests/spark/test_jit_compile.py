"""Training steps compiled by XLA in Spark's workers: where the model asks for it, and where it is worth it."""

from __future__ import annotations

import gc
import logging
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.collective.base import Solo
from sparkdl.data.arrow import BlockReader
from sparkdl.data.epoch import epoch_plan
from sparkdl.engine.capture import capture_model
from sparkdl.engine.jit_compile import FEWEST_PARAMETERS
from sparkdl.engine.probe import probe_extra_losses
from sparkdl.engine.serialization import pack_model
from sparkdl.engine.updater import KerasUpdater
from sparkdl.spark.assignment import Assignment
from sparkdl.spark.build import build_replica
from sparkdl.types import SampleSpec, TensorSpec, TrainingPlan

pytestmark = [pytest.mark.spark, pytest.mark.tf]
ROWS = 50


def recurrent() -> keras.Model:
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential([keras.Input((4, 1)), layers.GRU(6), layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    return model


def test_a_model_that_asks_for_it_learns_what_keras_learns(spark_local: SparkSession) -> None:
    x, y = blobs(ROWS)
    model, reference = classifier(jit_compile=True), classifier()
    history = sdl.fit(model, frame(spark_local, x, y), batch_size=ROWS, epochs=5, verbose=0)
    assert model.jit_compile and history.choices["jit_compile"]["chosen"]
    for _ in range(5):
        reference.train_on_batch(x, y)
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_long_run_of_a_small_recurrent_network_is_compiled(
    spark_local: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    data = frame(spark_local, *blobs(ROWS)).cache()
    shared: dict[str, Any] = {"batch_size": 4, "shapes": {"features": (4, 1)}, "verbose": 0}
    runs = {}
    for epochs in (39, 38):  # of 13 steps, the last of two rows: 507 and 494
        with caplog.at_level(logging.INFO, "sparkdl"):
            runs[epochs] = sdl.fit(recurrent(), data, epochs=epochs, **shared)
    reason = runs[39].choices["jit_compile"]["reason"]
    assert "507 steps of a small recurrent network" in reason and caplog.messages.count(reason) == 1
    assert "jit_compile" not in runs[38].choices and "update" not in runs[39].choices
    np.testing.assert_allclose(runs[39].history["loss"][:10], runs[38].history["loss"][:10], rtol=1e-3)
    assert runs[39].history["loss"][-1] < 0.5 * runs[39].history["loss"][0]
    data.unpersist()


@pytest.mark.parametrize("tries", [False, True])
def test_a_run_that_tried_precisions_is_not_compiled_when_it_starts_again(tries: bool) -> None:
    model, told = recurrent(), []
    spec = SampleSpec((TensorSpec("features", (4, 1), "float32"),), (TensorSpec("label", (), "int64"),))
    packed = pickle.dumps((pack_model(model), probe_extra_losses(model, spec)))
    plan = TrainingPlan("again", workers=1, cores_per_worker=1, batch_size=4, epochs=39, tries_precision=tries)
    assignment = Assignment(plan, spec, packed, BlockReader(spec), None, b"")
    channel: Any = SimpleNamespace(send=lambda kind, header: told.append((kind, header)))
    build_replica(assignment, capture_model(model), Solo(), epoch_plan([ROWS], 4), channel)
    assert [kind for kind, header in told if "jit_compile" in header] == ([] if tries else ["chosen"])


class Look(keras.callbacks.Callback):
    """Looks, in the worker, whether XLA has compiled the update; ends a long run after ten epochs."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        updaters = [thing for thing in gc.get_objects() if isinstance(thing, KerasUpdater)]
        large = [updater for updater in updaters if updater._layout.length >= FEWEST_PARAMETERS]
        compiled = [step.by_xla for updater in large for step in updater._run_step._by_rows.values()]
        if not compiled or not all(compiled):
            raise AssertionError(f"compiled by XLA: {compiled}")
        self.model.stop_training = epoch == 9


def test_a_long_run_of_a_large_model_learns_what_keras_learns(spark_local: SparkSession) -> None:
    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Dense(width, "tanh") for width in (2000, 1000)]
        model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3, "softmax")])
        model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")
        return model

    steps = 150
    x, y = blobs(ROWS)
    model, reference = build(), build()
    history = sdl.fit(model, frame(spark_local, x, y), batch_size=ROWS, epochs=steps, callbacks=[Look()], verbose=0)
    for _ in range(10):
        reference.train_on_batch(x, y)
    assert int(model.optimizer.iterations) == 10
    assert history.choices["update"]["chosen"] and "150 steps of 2," in history.choices["update"]["reason"]
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
