"""Training in bfloat16 through Spark: what is learnt, what comes back, what is told, and what a resumed run takes."""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.engine.precision import cpu_has_bfloat16
from sparkdl.errors import ArgumentError, UnsupportedError

pytestmark = [pytest.mark.spark, pytest.mark.tf]


def digits_model() -> keras.Model:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    body = [layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), layers.Dense(32, "relu")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *body, layers.Dense(10, "softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_digits_are_learnt_as_well_in_any_precision(
    spark_local: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    x, y = load_digits(return_X_y=True)
    data = frame(spark_local, (x / 16).astype("float32"), y, partitions=2).cache()
    arguments = {"batch_size": 64, "shapes": {"features": (8, 8, 1)}, "verbose": 0}
    runs, scores = {}, {}
    for precision, epochs in (("float32", 10), ("bf16", 10), ("auto", 1)):
        model = digits_model()
        config = model.get_config()
        with caplog.at_level(logging.INFO, "sparkdl"):
            runs[precision] = sdl.fit(model, data, epochs=epochs, precision=precision, **arguments)
        scores[precision] = runs[precision].history["accuracy"][-1]
        assert model.get_config() == config
        assert {str(weight.dtype) for weight in model.trainable_weights} == {"float32"}
    losses = {precision: run.history["loss"] for precision, run in runs.items()}
    assert scores["bf16"] == pytest.approx(scores["float32"], abs=0.01)
    assert min(scores["bf16"], scores["float32"]) > 0.97
    np.testing.assert_allclose(losses["bf16"], losses["float32"], rtol=0.15)
    assert losses["bf16"] != losses["float32"]
    assert "precision" not in runs["float32"].choices and "precision" not in runs["bf16"].choices
    choice = runs["auto"].choices["precision"]
    assert caplog.messages.count(choice["reason"]) == 1
    if cpu_has_bfloat16():
        assert set(choice["seconds"]) == {"float32", "bf16"}
        assert choice["losses"]["bf16"] == pytest.approx(choice["losses"]["float32"], rel=0.02)
    assert losses["auto"] == losses[choice["chosen"]][:1], "trying both changes no number of the training"


def test_a_resumed_run_computes_as_the_one_before(spark_local: SparkSession, tmp_path: Path) -> None:
    data = frame(spark_local, *blobs(48))
    arguments = {"batch_size": 8, "verbose": 0}
    whole, resumed = classifier(), classifier()
    sdl.fit(whole, data, epochs=3, precision="bf16", **arguments)
    keep = sdl.Checkpoint(str(tmp_path), every=4, keep=None)
    sdl.fit(classifier(), data, epochs=1, precision="bf16", callbacks=[keep], **arguments)
    shutil.copy(sorted(tmp_path.glob("*.safetensors"))[0], tmp_path / "middle.safetensors")
    start = str(tmp_path / "middle.safetensors")
    history = sdl.fit(resumed, data, epochs=3, precision="auto", resume=start, **arguments)
    assert history.choices["precision"]["chosen"] == "bf16"
    assert "seconds" not in history.choices["precision"]
    for mine, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, expected)


def test_what_cannot_be_is_said_before_anything_starts(spark_local: SparkSession) -> None:
    data = frame(spark_local, *blobs(16))
    with pytest.raises(ArgumentError, match="precision must be one of 'float32', 'bf16', 'auto', received 'fp16'"):
        sdl.fit(classifier(), data, precision="fp16")
    alone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    alone.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(UnsupportedError, match="cannot be trained with precision='bf16': none of its layers"):
        sdl.fit(alone, data, precision="bf16")
