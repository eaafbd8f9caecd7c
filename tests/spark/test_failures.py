from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.errors import DataError
from sparkdl.spark.failures import cancellation, gist, hint

SPARK_SAYS = """An error occurred while calling o1.collectToPython.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 failed
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "worker.py", line 3, in read_command
ModuleNotFoundError: No module named 'sparkdl'
\tat org.apache.spark.api.python.BasePythonRunner
"""


def test_the_gist_is_the_python_exception_and_says_what_to_do() -> None:
    assert gist(SPARK_SAYS) == "ModuleNotFoundError: No module named 'sparkdl'"
    assert "--py-files" in hint(SPARK_SAYS)
    assert gist("Executor lost\nmore") == "Executor lost"
    assert hint("Executor lost") == ""


@pytest.mark.parametrize(
    ("says", "advice"),
    [
        (
            "EOFException occurred while reading the port number from sparkdl.spark.daemon's stdout",
            "leave that setting out",
        ),
        ("ModuleNotFoundError: No module named 'pyarrow'", "--archives"),
        ("ModuleNotFoundError: No module named 'mine'", "--py-files"),
        ('IOException: Cannot run program "/opt/none/python": error=2', "spark.pyspark.python"),
        ("SparkException: Python worker exited unexpectedly (crashed)", "spark.executor.memoryOverhead"),
    ],
)
def test_what_can_be_done_is_said(says: str, advice: str) -> None:
    assert advice in hint(says)


def test_the_gist_of_a_lost_executor_is_how_it_was_lost() -> None:
    text = (
        "An error occurred while calling o1.collectToPython.\n: org.apache.spark.SparkException: Job aborted\n"
        "ExecutorLostFailure (executor 0 exited caused by one of the running tasks) Reason: exited with code 137"
    )
    assert gist(text).startswith("an executor was lost (executor 0 exited") and gist(text).endswith("code 137")


PY4J = "An error occurred while calling o1.collectToPython.\n: org.apache.spark.SparkException: "
STACK = "\n\tat org.apache.spark.scheduler.DAGScheduler.handleJobCancellation(DAGScheduler.scala:4404)"


@pytest.mark.parametrize(
    "says",
    [
        "[SPARK_JOB_CANCELLED] Job 9 cancelled as part of cancellation of all jobs SQLSTATE: XXKDA",
        "Job 9 cancelled because killed via the Web UI",
        "Job 10 cancelled because SparkContext was shut down",
    ],
)
def test_what_spark_says_of_a_cancelled_job(says: str) -> None:
    words = says.removeprefix("[SPARK_JOB_CANCELLED] ").removesuffix(" SQLSTATE: XXKDA")
    assert cancellation(PY4J + says + STACK) == words
    assert gist(PY4J + says + STACK) == f"SparkException: {says}"


def test_stages_that_spark_cancels_by_itself_are_no_cancelled_job() -> None:
    failed = PY4J + "Job aborted due to stage failure: Could not recover from a failed barrier ResultStage." + STACK
    beside = "\n\tSuppressed: org.apache.spark.SparkException: [SPARK_JOB_CANCELLED] Job 9 cancelled"
    assert cancellation(failed) == cancellation(failed + beside) == cancellation("") == ""


@pytest.mark.tf
def test_a_bad_row_in_evaluate_is_one_sentence(spark_local: SparkSession) -> None:
    data = frame(spark_local, *blobs(12))
    bad = data.selectExpr("transform(features, v -> if(id = 7, float('nan'), v)) as features", "label")
    with pytest.raises(DataError, match="NaN") as caught:
        sdl.evaluate(classifier(), bad)
    assert len(str(caught.value)) < 400
