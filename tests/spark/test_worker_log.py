"""What a worker warns of is read in the driver's log."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import keras
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, frame

import sparkdl as sdl
from sparkdl.errors import CollectiveError
from sparkdl.spark.worker_log import warnings_told

logger = logging.getLogger("sparkdl")


class Channel:
    """A connection to a driver that may be gone."""

    def __init__(self, gone: bool = False) -> None:
        self.gone, self.said = gone, list[str]()

    def send(self, kind: str, header: Any, payload: bytes = b"") -> None:
        if self.gone:
            raise CollectiveError("the driver is gone")
        self.said.append(f"{kind}: {header['text']}")


def test_warnings_go_to_the_driver_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    channel: Any = Channel()
    with warnings_told(channel):
        logger.info("nothing to speak of")
        logger.warning("layer %r is idle", "dense")
    logger.warning("afterwards")
    assert channel.said == ["say: layer 'dense' is idle"] and caplog.messages == ["afterwards"]


def test_a_driver_that_is_gone_fails_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    channel: Any = Channel(gone=True)
    with warnings_told(channel):
        logger.warning("unheard")
    assert "the driver is gone" in capsys.readouterr().err


@pytest.mark.spark
@pytest.mark.tf
def test_layers_that_learn_nothing_are_named_to_the_user(
    spark_local: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = keras.Input((4,))
    idle = keras.ops.stop_gradient(keras.layers.Dense(3, name="idle")(inputs))
    model = keras.Model(inputs, keras.layers.Add()([keras.layers.Dense(3)(inputs), idle]))
    model.compile("sgd", "mse")
    data = frame(spark_local, *blobs(20)).selectExpr("features", "slice(features, 1, 3) AS label")
    sdl.fit(model, data, batch_size=10, epochs=1, verbose=0)
    assert [text for text in caplog.messages if "idle" in text] == [
        "worker 0: no gradient reaches idle/kernel, idle/bias: they stay as they are."
    ]
