"""Trainings that somebody else ends: an operator who cancels the job, or who stops the session."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import pytest
from py4j.protocol import Py4JNetworkError
from pyspark import SparkContext
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.errors import ArgumentError, CancelledError
from sparkdl.history import History
from sparkdl.spark.attempt import Monitor, Outlets
from sparkdl.spark.cluster import is_stopped
from sparkdl.spark.launch import cancelled_from_outside
from sparkdl.spark.stopped import needs_session
from sparkdl.types import TrainingState
from tests.servers.preloaded import preloaded_python

pytestmark = [pytest.mark.spark, pytest.mark.tf]


class Tells(keras.callbacks.Callback):
    """Leaves a file when the training is on its way."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = str(path)

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        Path(self.path).touch()


@contextmanager
def when(happened: Callable[[], object], act: Callable[[], None]) -> Iterator[None]:
    """Does something on another thread as soon as something else has happened."""
    over = threading.Event()

    def watch() -> None:
        while not happened() and not over.wait(0.1):
            pass
        if not over.is_set():
            act()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _cancel_stage(context: SparkContext) -> None:
    context._jsc.sc().cancelStage(max(context.statusTracker().getActiveStageIds()), "killed via the Web UI")


def _cancel_tag(context: SparkContext) -> None:
    context.cancelJobsWithTag("nightly")


@pytest.mark.parametrize("cancel", [SparkContext.cancelAllJobs, _cancel_stage, _cancel_tag])
def test_a_cancelled_training_is_not_started_again(
    spark_local: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture, cancel: Callable[[SparkContext], None]
) -> None:
    context, data = spark_local.sparkContext, frame(spark_local, *blobs(40))
    callbacks = [Tells(tmp_path / "began"), sdl.Checkpoint(str(tmp_path / "run"), keep=1)]
    context.addJobTag("nightly")
    try:
        with when((tmp_path / "began").exists, lambda: cancel(context)), pytest.raises(CancelledError) as caught:
            sdl.fit(classifier(), data, batch_size=10, epochs=10**6, verbose=0, callbacks=callbacks)
    finally:
        context.clearJobTags()
    assert "was cancelled from outside (Job " in str(caught.value)
    assert f"give resume={str(tmp_path / 'run')!r} to go on" in str(caught.value)
    assert "attempt" not in caplog.text
    resumed = sdl.load_checkpoint(str(tmp_path / "run"))
    assert resumed.optimizer.iterations > 0


def test_one_that_is_cancelled_before_its_workers_speak_says_so(spark_local: SparkSession) -> None:
    context = spark_local.sparkContext
    data = frame(spark_local, *blobs(40)).selectExpr(
        "features", "label + cast(java_method('java.lang.Thread', 'sleep', 2000L) is null as int) * 0 as label"
    )
    tracker = context.statusTracker()
    with when(tracker.getActiveStageIds, context.cancelAllJobs), pytest.raises(CancelledError, match="from outside"):
        sdl.fit(classifier(), data, batch_size=10, epochs=1, verbose=0)


def test_what_this_driver_cancels_itself_is_lost_and_not_cancelled() -> None:
    outlets = Outlets(SimpleNamespace(), History(), SimpleNamespace())  # type: ignore[arg-type]
    monitor = Monitor(TrainingState({}, {}), outlets, 2)
    running = SimpleNamespace(_jsc=SimpleNamespace(sc=lambda: SimpleNamespace(isStopped=lambda: False)))
    says = "[SPARK_JOB_CANCELLED] Job 9 cancelled part of cancelled job group sparkdl-0"
    assert cancelled_from_outside(running, says, monitor)  # type: ignore[arg-type]
    monitor.ended = True
    assert not cancelled_from_outside(running, says, monitor)  # type: ignore[arg-type]
    assert cancelled_from_outside(SimpleNamespace(_jsc=None), says, monitor)  # type: ignore[arg-type]


@pytest.mark.parametrize("stopped", [True, False])
@pytest.mark.parametrize("error", [AttributeError("'NoneType' object has no attribute 'sc'"), ArgumentError("no")])
def test_a_stopped_session_is_named_whatever_failed(
    monkeypatch: pytest.MonkeyPatch, stopped: bool, error: Exception
) -> None:
    frame = SimpleNamespace(mapInArrow=None)
    monkeypatch.setattr("sparkdl.spark.stopped.context_of", lambda data: data)
    monkeypatch.setattr("sparkdl.spark.stopped.is_stopped", lambda context: stopped and context is frame)

    @needs_session
    def verb(model: str, data: Any) -> None:
        raise error

    raised = CancelledError if stopped and isinstance(error, AttributeError) else type(error)
    for call in (lambda: verb("model", frame), lambda: verb("model", data=frame)):
        with pytest.raises(raised) as caught:
            call()
        assert raised is not CancelledError or "verb needs to its end (or its JVM ended" in str(caught.value)
    with pytest.raises(type(error), match=str(error)):
        verb("model", [1.0, 2.0])  # arrays have no session


@pytest.mark.parametrize("error", [ConnectionRefusedError(111, "Connection refused"), Py4JNetworkError("no answer")])
def test_a_session_whose_jvm_has_ended_is_stopped(error: Exception) -> None:
    def refuse() -> None:
        raise error

    assert is_stopped(SimpleNamespace(_jsc=SimpleNamespace(sc=refuse)))  # type: ignore[arg-type]
    running = SimpleNamespace(_jsc=SimpleNamespace(sc=lambda: SimpleNamespace(isStopped=lambda: False)))
    assert not is_stopped(running)  # type: ignore[arg-type]


PROGRAM = """
    import sys, threading
    sys.path.insert(0, {here!r})
    from models import blobs, classifier, frame
    import keras
    import sparkdl as sdl
    from sparkdl.errors import CancelledError
    from sparkdl.spark.session import local_session

    spark = local_session("local[2]", {{"spark.ui.enabled": "false"}})
    data = frame(spark, *blobs(40))
    threading.Thread(target=lambda: sys.stdin.readline() and spark.stop()).start()
    print("training", flush=True)
    try:
        sdl.fit(classifier(), data, batch_size=10, epochs=10**6, verbose=2)
    except CancelledError as error:
        print("cancelled:", error, flush=True)
    verbs = {{
        "evaluate": lambda: sdl.evaluate(classifier(), data),
        "measure": lambda: sdl.measure(data, sdl.metrics.Accuracy(), prediction="label"),
        "predict": lambda: sdl.predict(classifier(), data),
        "quantize": lambda: sdl.quantize(classifier(), data),
    }}
    for name, verb in verbs.items():
        try:
            verb()
        except CancelledError as error:
            print(name, "cancelled:", error, flush=True)
"""


@pytest.mark.parametrize("begun", ["Epoch 2/", "training"])
def test_a_session_that_is_stopped_ends_its_training(begun: str) -> None:
    program = textwrap.dedent(PROGRAM).format(here=str(Path(__file__).parent))
    environ = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONUNBUFFERED": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([preloaded_python(), "-c", program], text=True, env=environ, **pipes)  # type: ignore[call-overload]
    for line in process.stdout:
        if line.startswith(begun):
            break
    if begun == "training":
        time.sleep(2.0)
    stopped = time.monotonic()
    rest = process.communicate("stop\n", timeout=90)[0]
    assert re.search(
        "cancelled: the Spark (job of this training was cancelled from|session of the data was stop)", rest
    )
    for verb in ("evaluate", "measure", "predict", "quantize"):
        assert f"{verb} cancelled: the Spark session of the data was stopped, which {verb} needs to its end" in rest
    assert time.monotonic() - stopped < 60
