"""After any end of a fit nothing of it is left: no thread, process, socket, memory or file, here or in the workers."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from pyspark.sql import DataFrame, SparkSession

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "spark"))
from models import blobs, classifier, frame
from traces import Traces

import sparkdl as sdl
from sparkdl.errors import WorkerError

pytestmark = [pytest.mark.spark, pytest.mark.tf]
SECONDS = 15.0


class AtSecondEpoch(keras.callbacks.Callback):
    """Calls a function at the end of the second epoch, in a run that has not called it yet."""

    def __init__(self, folder: Path, act: Callable[[], None]) -> None:
        super().__init__()
        self.done = str(folder / "done")
        self.act = act

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        if epoch == 1 and not os.path.exists(self.done):
            Path(self.done).touch()
            self.act()


def fit(data: DataFrame, folder: Path, *callbacks: Any, epochs: int = 3) -> sdl.History:
    """Trains, with a callback that writes files and event files."""
    log = keras.callbacks.CSVLogger(str(folder / "log.csv"))
    options = {"batch_size": 16, "epochs": epochs, "verbose": 0, "log_dir": str(folder / "events")}
    return sdl.fit(classifier(), data, callbacks=[log, *callbacks], **options)


def check_nothing_is_left(before: Traces) -> None:
    """Waits until everything is as before: Spark closes its own things with a delay.

    Files are those there at the first look; other tests may be making some of their own.
    """
    first, deadline = Traces.now(), time.monotonic() + SECONDS
    while True:
        found = [line for line in Traces.now().more_than(before) if not line.startswith("file ")]
        found += [f"file {path}" for path in first.files - before.files if os.path.exists(path)]
        if not found:
            return
        assert time.monotonic() < deadline, f"left behind: {'; '.join(found)}"
        time.sleep(0.2)


@pytest.fixture
def local(spark_local: SparkSession, tmp_path: Path) -> tuple[DataFrame, Traces]:
    """Rows, and what there is after a first fit, which starts what Spark and TensorFlow keep."""
    return started(frame(spark_local, *blobs(60)), tmp_path)


def started(data: DataFrame, folder: Path) -> tuple[DataFrame, Traces]:
    for _ in range(2):
        fit(data, folder, epochs=1)
    time.sleep(1.0)
    return data, Traces.now()


def score(data: DataFrame) -> None:
    """Evaluates, and predicts by TensorFlow: a process keeps the last networks of OpenVINO with their threads."""
    model = classifier()
    sdl.evaluate(model, data)
    sdl.predict(model, data, runtime="tensorflow").collect()


def test_nothing_is_left_after_success(spark_local: SparkSession, tmp_path: Path) -> None:
    data = frame(spark_local, *blobs(60))
    for _ in range(2):
        score(data)  # before the first look: TensorFlow starts threads for it once in a process and keeps them
    data, before = started(data, tmp_path)
    for _ in range(2):
        fit(data, tmp_path)
        score(data)
    workers = Traces.now().workers.keys()
    assert workers & before.workers.keys(), "Spark did not reuse its workers, so this test tells nothing of them"
    check_nothing_is_left(before)


def test_nothing_is_left_after_an_error_in_user_code(local: tuple[DataFrame, Traces], tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyError("of the user")

    data, before = local
    with pytest.raises(WorkerError, match="of the user"):
        fit(data, tmp_path, AtSecondEpoch(tmp_path, fail))
    check_nothing_is_left(before)


def test_nothing_is_left_after_an_interrupt(local: tuple[DataFrame, Traces], tmp_path: Path) -> None:
    data, before = local

    def interrupt() -> None:
        while not (tmp_path / "done").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        fit(data, tmp_path, AtSecondEpoch(tmp_path, lambda: None), epochs=10**6)
    thread.join()
    check_nothing_is_left(before)


def test_nothing_is_left_after_a_worker_was_killed(spark_cluster: SparkSession, tmp_path: Path) -> None:
    data, before = started(frame(spark_cluster, *blobs(60)), tmp_path)
    killer = AtSecondEpoch(tmp_path, lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert fit(data, tmp_path, killer).attempts == 2
    check_nothing_is_left(before)
