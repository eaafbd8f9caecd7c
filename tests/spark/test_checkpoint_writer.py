"""Checkpoints that come faster than they can be written."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from sparkdl.spark.checkpoint_writer import CheckpointWriter

pytestmark = pytest.mark.spark


def slow_folder(written: list[bytes], begun: threading.Event, go: threading.Event) -> Any:
    """A folder whose first file takes until `go`."""

    def write(payload: bytes, **info: Any) -> str:
        begun.set()
        assert go.wait(10)
        written.append(payload)
        return "name"

    return SimpleNamespace(write=write, wants_all=False, location="hdfs://name/run")


@pytest.mark.parametrize("finished", [False, True])
def test_the_end_of_a_training_leaves_nothing_out_and_warns_of_nothing(
    spark_local: SparkSession, caplog: pytest.LogCaptureFixture, finished: bool
) -> None:
    written: list[bytes] = []
    begun, go = threading.Event(), threading.Event()
    with CheckpointWriter(slow_folder(written, begun, go), {}) as writer:
        writer.submit(b"1")
        assert begun.wait(10)
        writer.submit(b"2")
        writer.submit(b"3", finished=finished)
        go.set()
    assert written == ([b"1", b"2", b"3"] if finished else [b"1", b"3"])
    assert ("checkpoints are left out" in caplog.text) is not finished


def test_a_store_that_hangs_does_not_hold_up_the_end(
    spark_local: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    begun, go = threading.Event(), threading.Event()
    writer = CheckpointWriter(slow_folder([], begun, go), {}, last=0.1)
    writer.submit(b"1")
    assert begun.wait(10)
    writer.close()
    assert "the last checkpoint is not written: hdfs://name/run did not take it in time" in caplog.text
    go.set()
