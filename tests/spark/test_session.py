"""Sessions: what they set, and what they leave alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sparkdl.spark import session

ROOT = Path(__file__).parents[2]

PROGRAM = """
import os, sys
from sparkdl.spark.session import local_session
names = ("PYSPARK_PYTHON", "SPARK_LOCAL_IP", "JAVA_HOME")
before = [os.environ.get(name) for name in names]
with local_session(*sys.argv[1:2], conf={"spark.a": "mine"}) as spark:
    conf = spark.sparkContext.getConf()
    for name in ("spark.master", "spark.a", "spark.b", "spark.python.worker.reuse", "spark.driver.host",
                 "spark.ui.showConsoleProgress", "spark.app.name"):
        print(f"{name}={conf.get(name)}")
    print("environment", before == [os.environ.get(name) for name in names])
"""


def _run(tmp_path: Path, command: list[str], **environ: str) -> dict[str, str]:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    quiet = {**os.environ, "PYTHONPATH": str(ROOT), "SPARK_CONF_DIR": str(tmp_path), **environ}
    run = subprocess.run([*command, str(script)], env=quiet, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "environment True" in run.stdout
    return dict(line.split("=", 1) for line in run.stdout.splitlines() if line.startswith("spark."))


def test_the_running_session_is_returned_as_it_is(spark_local: Any) -> None:
    assert session.local_session("local[1]", {"spark.sql.shuffle.partitions": "7"}) is spark_local
    assert spark_local.conf.get("spark.sql.shuffle.partitions") != "7"


def test_a_new_session_has_our_settings(spark_local: Any) -> None:
    conf = spark_local.sparkContext.getConf()
    assert conf.get("spark.master") == "local[2]"
    assert conf.get("spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures") == "3"
    assert conf.get("spark.driver.host") == "127.0.0.1"
    assert conf.get("spark.sql.execution.arrow.maxBytesPerBatch") == "16777216"


def test_workers_of_a_local_session_run_this_python_and_this_package(spark_local: Any) -> None:
    def inside(_: int) -> tuple[str, str]:
        import sparkdl

        return sys.executable, sparkdl.__file__

    executable, package = spark_local.sparkContext.parallelize([0], 1).map(inside).first()
    assert executable == sys.executable
    assert Path(package).parent == ROOT / "sparkdl"


@pytest.mark.spark
def test_what_files_say_goes_before_what_we_say(tmp_path: Path) -> None:
    (tmp_path / "spark-defaults.conf").write_text(
        "# comment\nspark.master  local[1]\nspark.a=file\nspark.b\tfile\nspark.python.worker.reuse false\n"
    )
    conf = _run(tmp_path, [sys.executable])
    assert conf["spark.master"] == "local[1]"
    assert conf["spark.a"] == "mine"
    assert conf["spark.b"] == "file"
    assert conf["spark.python.worker.reuse"] == "false"
    assert conf["spark.ui.showConsoleProgress"] == "false"


@pytest.mark.spark
def test_under_spark_submit_its_options_stay(tmp_path: Path) -> None:
    import pyspark

    submit = str(Path(pyspark.__file__).parent / "bin" / "spark-submit")
    options = ["--master", "local[1]", "--name", "job", "--conf", "spark.b=option"]
    conf = _run(tmp_path, [submit, *options], PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    assert (conf["spark.master"], conf["spark.app.name"]) == ("local[1]", "job")
    assert (conf["spark.a"], conf["spark.b"]) == ("mine", "option")


def test_settings_of_notebooks_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--master yarn --conf spark.b='x y' --name n pyspark-shell")
    expected = {"spark.master": "yarn", "spark.b": "x y", "spark.app.name": "n"}
    assert session._said_to_launcher() == expected


def test_executors_get_absolute_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([".", "", "/elsewhere"]))
    assert session._python_path().split(os.pathsep) == list(dict.fromkeys([str(ROOT), os.getcwd(), "/elsewhere"]))
