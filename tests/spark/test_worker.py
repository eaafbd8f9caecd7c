from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cloudpickle
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

from sparkdl.errors import CollectiveError
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.fit import make_assignment
from sparkdl.spark.frames import DataArguments, prepare
from sparkdl.spark.worker import gather_at_barrier
from sparkdl.types import TrainingPlan


def test_a_barrier_that_breaks_off_is_the_loss_of_a_peer_and_no_fault_of_the_program() -> None:
    """The JVM of a worker that is killed in its middle ends the stream."""

    def broken(text: str) -> list[str]:
        raise EOFError

    context = SimpleNamespace(allGather=broken)
    with pytest.raises(CollectiveError, match="broke off: EOFError"):
        gather_at_barrier(context, "mine")  # type: ignore[arg-type]


@pytest.mark.spark
@pytest.mark.tf
def test_rows_need_not_wait_for_tensorflow(spark_local: SparkSession) -> None:
    """A worker loads it in a thread; what Spark unpickles before that must not do so first."""
    model, arguments = classifier(), DataArguments("features", "label")
    prepared = prepare(frame(spark_local, *blobs(9)), arguments, shapes_of(model), workers=2)
    plan = TrainingPlan("first", workers=2, cores_per_worker=1, batch_size=8, epochs=1)
    task = cloudpickle.dumps(make_assignment(model, prepared, plan, b"", False, None))
    code = (
        "import pickle, sys, sparkdl.spark.worker; assignment = pickle.load(sys.stdin.buffer); print('tensorflow' in "
        "sys.modules); import sparkdl.spark.build; print(pickle.loads(assignment.model)[0].fingerprint)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=task, capture_output=True, check=True, timeout=120)
    assert done.stdout.split()[0] == b"False" and len(done.stdout.split()[1]) > 10
