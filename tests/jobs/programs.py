"""Runs a job as a user does: as a program of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_job(name: str, *arguments: object, folder: Path, submit: bool = False) -> str:
    """What `jobs/NAME` printed; fails with its errors if it did not end well."""
    import pyspark

    spark_submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    launcher = (
        [spark_submit, "--master", "local[2]", "--conf", "spark.ui.enabled=false"] if submit else [sys.executable]
    )
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [str(word) for word in (*launcher, ROOT / "jobs" / name, *arguments)],
        env={**os.environ, "PYTHONPATH": path, "PYSPARK_PYTHON": sys.executable, "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
    )
    if done.returncode:
        raise AssertionError(f"{name} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}")
    return done.stdout
