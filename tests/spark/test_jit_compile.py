"""Training steps compiled by XLA in Spark's workers: where the model asks for it, and where it is worth it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl

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
    assert "jit_compile" not in runs[38].choices
    np.testing.assert_allclose(runs[39].history["loss"][:10], runs[38].history["loss"][:10], rtol=1e-3)
    assert runs[39].history["loss"][-1] < 0.5 * runs[39].history["loss"][0]
    data.unpersist()
