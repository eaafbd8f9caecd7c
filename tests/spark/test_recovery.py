"""Lost workers and cancelled runs: what the driver does about them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import keras
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.errors import WorkerError
from tests.servers.preloaded import preloaded_python

pytestmark = [pytest.mark.spark, pytest.mark.tf]


class KillsItsWorker(keras.callbacks.Callback):
    """Kills worker 0's process at the end of the second epoch, as often as `times` says."""

    def __init__(self, folder: str, times: int) -> None:
        super().__init__()
        self.folder = folder
        self.times = times

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        done = len(os.listdir(self.folder))
        if epoch == 1 and done < self.times:
            Path(self.folder, str(done)).touch()
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_costs_an_attempt_and_changes_no_byte(spark_cluster: SparkSession, tmp_path: Path) -> None:
    data = frame(spark_cluster, *blobs(80))
    undisturbed, survivor = classifier(), classifier()
    sdl.fit(undisturbed, data, batch_size=16, epochs=3, verbose=0)
    killer = KillsItsWorker(str(tmp_path), times=1)
    history = sdl.fit(survivor, data, batch_size=16, epochs=3, callbacks=[killer], verbose=0)
    assert history.attempts == 2
    assert history.epoch == [0, 1, 2]
    for ours, theirs in zip(survivor.get_weights(), undisturbed.get_weights(), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_a_worker_that_is_lost_again_and_again_ends_the_run(spark_cluster: SparkSession, tmp_path: Path) -> None:
    data = frame(spark_cluster, *blobs(20))
    killer = KillsItsWorker(str(tmp_path), times=9)
    with pytest.raises(
        WorkerError,
        match=r"lost 2 times, .* the process of worker 0 ended without a word; .*spark\.executor\.memoryOverhead",
    ):
        sdl.fit(classifier(), data, batch_size=8, epochs=3, callbacks=[killer], verbose=0, max_failures=1)


class Leaves(keras.callbacks.Callback):
    """Ends its worker as a program ends."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        raise self.error


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_a_callback_that_ends_its_process_is_named_at_once(spark_local: SparkSession, error: BaseException) -> None:
    data = frame(spark_local, *blobs(20))
    with pytest.raises(WorkerError, match=f"worker 0 on host .* failed .* epoch 1.*: {type(error).__name__}"):
        sdl.fit(classifier(), data, batch_size=8, epochs=3, callbacks=[Leaves(error)], verbose=0)


PROGRAM = """
    import sys, time
    import numpy as np
    sys.path.insert(0, {here!r})
    from models import blobs, classifier, frame
    import sparkdl as sdl
    from sparkdl.spark.session import local_session

    spark = local_session("local[2]", {{"spark.ui.enabled": "false"}})
    data = frame(spark, *blobs(40))
    model = classifier()
    before = model.get_weights()
    print("training", flush=True)
    try:
        sdl.fit(model, data, batch_size=10, epochs=10**6, verbose=2)
    except KeyboardInterrupt:
        learnt = not all(map(np.array_equal, model.get_weights(), before))
        print("interrupted, and learnt something:", learnt, flush=True)
    started = time.monotonic()
    while spark.sparkContext.statusTracker().getActiveStageIds() and time.monotonic() < started + 20:
        time.sleep(0.1)
    print("stages left:", len(spark.sparkContext.statusTracker().getActiveStageIds()), flush=True)
    spark.stop()
"""


def test_ctrl_c_ends_the_stage_and_frees_the_workers() -> None:
    program = textwrap.dedent(PROGRAM).format(here=str(Path(__file__).parent))
    environ = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [preloaded_python(), "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if line.startswith("Epoch 2/"):
            break
    interrupted = time.monotonic()
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    assert "interrupted, and learnt something: True" in rest, lines
    assert "stages left: 0" in rest
    assert time.monotonic() - interrupted < 60
