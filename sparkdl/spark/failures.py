"""What Spark says of a failed job, in a sentence: the JVM's words around a Python traceback are long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from sparkdl import errors

_RAISED = re.compile(r"^(?:[A-Za-z_]\w*\.)*(\w*(?:Error|Exception|Interrupt)): (.+)$", re.MULTILINE)
# Py4J begins with a line of its own, and the JVM's exception stands in the next one, behind a colon.
_HEAD = re.compile(r"^: (?:[A-Za-z_]\w*\.)*(\w*(?:Error|Exception): .+)$", re.MULTILINE)
# Only in the first lines: stack traces name, as suppressed, jobs that Spark cancelled by itself because others failed.
_CANCELLED = re.compile(
    r"\bJob \d+ cancelled\b.*|Operation has been canceled|Cannot call methods on a stopped SparkContext", re.IGNORECASE
)
_HEAD_LINES = 2
_OWN = re.compile(r"sparkdl\.errors\.(\w+): (.+)")
_LOST_LINE = re.compile(r"^.*ExecutorLostFailure (.+)$", re.MULTILINE)
_EXECUTOR_LOST = re.compile(
    r"ExecutorLostFailure|Executor heartbeat timed out|executor \S+ (?:lost|exited)|FetchFailed|SPARK-24819"
)
_WORKER_LOST = re.compile(r"Python worker exited unexpectedly|sparkdl\.errors\.(?:PeerTimeout|Collective)Error")
_NO_SLOTS = re.compile(r"SPARK-24819")
# What another attempt may not meet again: a full disk, memory that others hold, a network that fails, and the end of
# the rows in their middle, when the JVM that sends them is killed.
_PASSING = frozenset(
    {"OSError", "MemoryError", "TimeoutError", "ConnectionError", "ConnectionResetError", "ConnectionRefusedError"}
    | {"BrokenPipeError", "EOFError", "ResourceExhaustedError", "UnavailableError", "StorageError"}
)
LONGEST = 500
PROCESS_ENDED = "Python worker exited unexpectedly"
# The first that is found in what Spark says, and what to do then.
_ADVICE = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (
            r"port number from sparkdl\.spark\.daemon",
            "with spark.python.daemon.module=sparkdl.spark.daemon the package must be installed on the executors, as "
            "--py-files arrive later: install it there, or leave that setting out",
        ),
        (
            "No module named 'sparkdl'",
            "sparkdl is not installed on the executors: install it there, or ship it with --py-files sparkdl.zip",
        ),
        (
            r"No module named '(?:tensorflow|keras|numpy|pandas|pyarrow|h5py|openvino|cv2)",
            "the executors need the same packages as the driver: ship an environment with --archives and set "
            "spark.pyspark.python to its Python",
        ),
        (
            "No module named",
            "install that module on the executors, or ship it with --py-files or SparkContext.addPyFile",
        ),
        ("Cannot run program", "set spark.pyspark.python to a Python that is on all executors"),
        (
            PROCESS_ENDED,
            "what is killed again and again has most often met the memory limit of its container: set "
            "spark.executor.memoryOverhead, or take fewer workers per executor",
        ),
    )
)


def gist(text: str) -> str:
    """The Python exception in what Spark says of a failed job, else how an executor was lost, else the JVM's exception.

    Example:
        >>> gist("Job aborted\\n  File 'x.py', line 3\\nKeyError: 'a'\\n\\tat java.lang.Thread.run")
        "KeyError: 'a'"
        >>> gist("An error occurred while calling o1.collect.\\n: java.lang.OutOfMemoryError: Java heap space")
        'OutOfMemoryError: Java heap space'
    """
    raised = [f"{name}: {message}" for name, message in _RAISED.findall(text) if name != "PythonException"]
    lost = [f"an executor was lost {how}" for how in _LOST_LINE.findall(text)]
    if _NO_SLOTS.search(text):
        lost.append("Spark had not the task slots for all workers when they were to start")
    lines = [line for line in text.splitlines() if line.strip()]
    return (raised[-1:] + lost[-1:] + _HEAD.findall(text)[:1] + lines[:1] + ["no reason given"])[0][:LONGEST]


def cancellation(text: str) -> str:
    """How a job was cancelled, in Spark's words; empty where it failed for another reason.

    Example:
        >>> cancellation("[SPARK_JOB_CANCELLED] Job 9 cancelled as part of cancellation of all jobs SQLSTATE: XXKDA")
        'Job 9 cancelled as part of cancellation of all jobs'
        >>> cancellation("Job aborted due to stage failure: Could not recover from a failed barrier ResultStage")
        ''
    """
    lines = [line for line in text.splitlines() if line.strip()]
    found = _CANCELLED.search("\n".join(lines[:_HEAD_LINES]))
    return found[0].partition(" SQLSTATE")[0].strip()[:LONGEST] if found else ""


def java_reason(error: Py4JJavaError) -> str:
    """The JVM's exception in a line: its class without the package, and the first line of its message."""
    raised = error.java_exception
    name, message = raised.getClass().getSimpleName(), str(raised.getMessage() or "").strip()
    return (f"{name}: {message.splitlines()[0]}" if message else name)[:LONGEST]


def hint(text: str) -> str:
    """What to do about it, where that is known.

    Example:
        >>> hint('java.io.IOException: Cannot run program "/opt/python": error=2, No such file or directory')
        '; set spark.pyspark.python to a Python that is on all executors'
    """
    return next((f"; {advice}" for pattern, advice in _ADVICE if pattern.search(text)), "")


def executor_was_lost(text: str) -> bool:
    """Whether Spark says that a job failed for want of an executor, and not for what its tasks did.

    Example:
        >>> executor_was_lost("Job aborted ... ExecutorLostFailure (executor 1 exited caused by one of the tasks)")
        True
        >>> executor_was_lost("[SPARK-24819]: Barrier execution mode does not allow run a barrier stage that requires")
        True
    """
    return _EXECUTOR_LOST.search(text) is not None


def worker_was_lost(text: str) -> bool:
    """Whether a job failed for want of a Python worker, or of an executor: it ended, hung, or was out of reach.

    Example:
        >>> worker_was_lost("org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)")
        True
    """
    return executor_was_lost(text) or _WORKER_LOST.search(text) is not None or may_pass(gist(text).split(":")[0])


def own_error(text: str) -> errors.SparkDLError | None:
    """The error of sparkdl that failed a task, as it was; None where it was none of sparkdl's.

    Example:
        >>> own_error("Job aborted\\nsparkdl.errors.DataError: column 'x' has a null\\n\\tat java.lang.Thread.run")
        DataError("column 'x' has a null")
        >>> own_error("Job aborted\\nKeyError: 'a'")
    """
    found = [(getattr(errors, kind, None), message.strip()) for kind, message in _OWN.findall(text)]
    own = [kind(message) for kind, message in found if isinstance(kind, type) and issubclass(kind, errors.SparkDLError)]
    return own[-1] if own else None


def may_pass(kind: str) -> bool:
    """Whether an exception of this class may be of the machine, and not of the program.

    Example:
        >>> may_pass("OSError"), may_pass("ValueError")
        (True, False)
    """
    return kind in _PASSING


@contextmanager
def own_errors() -> Iterator[None]:
    """Raises sparkdl's own error where it was one that failed a task of the job."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        own = own_error(str(error))
        if own is None:
            raise
        raise own from None
