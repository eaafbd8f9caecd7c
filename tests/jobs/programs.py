"""Runs jobs: as users do, as a program of its own; and in this process, which has Spark and TensorFlow already."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import runpy
import subprocess
import sys
from pathlib import Path
from unittest import mock

from pyspark import SparkContext
from pyspark.sql import SparkSession

from tests.servers.preloaded import preloaded_python

ROOT = Path(__file__).parents[2]
JOBS = ROOT / "jobs"


def run_job(name: str, *arguments: object, folder: Path, submit: bool = False, python: str = preloaded_python()) -> str:
    """What `jobs/NAME` printed as a program; fails with its errors if it did not end well.

    Args:
        submit: whether spark-submit starts it.
        python: that of the program and of its workers.
    """
    import pyspark

    spark_submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    launcher = [spark_submit, "--master", "local[2]", "--conf", "spark.ui.enabled=false"] if submit else [python]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [str(word) for word in (*launcher, JOBS / name, *arguments)],
        env={**os.environ, "PYTHONPATH": path, "PYSPARK_PYTHON": python, "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
    )
    if done.returncode:
        raise AssertionError(f"{name} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}")
    return done.stdout


def run_here(name: str, *arguments: object, folder: Path) -> str:
    """What `jobs/NAME` printed as `__main__` of this process, on the session that runs and goes on to run."""
    script = JOBS / name
    logger = logging.getLogger("sparkdl")
    level, argv = logger.level, [str(word) for word in (script, *arguments)]
    active = SparkContext._active_spark_context
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(io.StringIO()) as printed,
        mock.patch.object(sys, "argv", argv),
        mock.patch.object(sys, "path", [str(script.parent), *sys.path]),
        mock.patch.object(SparkContext, "stop", lambda context: None),
        mock.patch.object(SparkSession, "stop", lambda session: None),
    ):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:
            assert not end.code, end
        finally:
            logger.setLevel(level)
            if active is not None:
                active.setLogLevel("WARN")
    return printed.getvalue()
