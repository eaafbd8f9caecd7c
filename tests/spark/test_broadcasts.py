"""Files of broadcast variables: there as long as Spark may need them, and no longer."""

from __future__ import annotations

import gc
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.spark.broadcasts import _files, broadcast, sweep

pytestmark = [pytest.mark.spark, pytest.mark.tf]


def files_of(spark: SparkSession) -> set[Path]:
    """What PySpark has in its folder on the driver."""
    return set(Path(spark.sparkContext._temp_dir).iterdir())


def collect(spark: SparkSession) -> None:
    """Lets Python, Java and sparkdl look for what nothing refers to any more."""
    gc.collect()
    spark.sparkContext._jvm.java.lang.System.gc()
    sweep()


def test_evaluate_takes_its_model_back(spark_local: SparkSession) -> None:
    data, model = frame(spark_local, *blobs(20)), classifier()
    before = files_of(spark_local)
    sdl.evaluate(model, data)
    assert files_of(spark_local) <= before


def test_a_file_goes_when_nothing_refers_to_its_variable(spark_local: SparkSession) -> None:
    held, dropped = (broadcast(spark_local.sparkContext, text) for text in ("held", "dropped"))
    file, other = Path(held._path), Path(dropped._path)
    assert other.exists()
    del dropped
    deadline = time.monotonic() + 30
    while other.exists() and time.monotonic() < deadline:
        collect(spark_local)
        time.sleep(0.1)
    assert file.exists() and not other.exists()
    assert held.value == "held"
    held.destroy()
    sweep()


def test_a_prediction_that_only_java_refers_to_can_be_evaluated_late(spark_local: SparkSession) -> None:
    data = frame(spark_local, *blobs(20))
    later = sdl.predict(classifier(), data).select("prediction")
    collect(spark_local)
    rows = later.collect()
    collect(spark_local)
    assert len(rows) == 20 and later.collect() == rows


def test_two_threads_may_sweep_at_the_same_time(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=30)

    class Collected:
        """A reference that neither thread goes past before the other has come to it."""

        def get(self) -> None:
            both.wait()

    file = tmp_path / "variable"
    file.touch()
    _files[file] = Collected()
    with ThreadPoolExecutor(2) as threads:
        for swept in [threads.submit(sweep) for _ in range(2)]:
            swept.result(timeout=30)
    assert not file.exists() and file not in _files
