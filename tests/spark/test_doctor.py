"""The doctor finds what is wrong, and says what to change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sparkdl.spark import inspection
from sparkdl.spark.doctor import CHECKS, Examination, Report, examine, render

ROOT = Path(__file__).parents[2]


def _healthy(**changes: str) -> Report:
    return {
        "host": "node1",
        "Python": "3.11.7",
        "executable": "python",
        **dict.fromkeys(inspection.PACKAGES, "1.0"),
        "sparkdl": "0.1.0",
        "sparkdl from": "here",
        "sparkdl digest": "abc",
        "CPU": "x86_64 avx2",
        "memory": str(8 * 2**30),
        "memory of a process": "0",
        **changes,
    }


def _findings(driver: Report, workers: list[Report], slots: int | None = None) -> list[str]:
    count = len(workers) if slots is None else slots
    examination = Examination("spark://host:7077", driver, count, workers)
    return [f"{finding.level}: {finding.text}" for check in CHECKS for finding in check(examination)]


def test_a_healthy_cluster_has_no_findings() -> None:
    assert _findings(_healthy(), [_healthy(), _healthy(host="node2")]) == []


@pytest.mark.parametrize(
    ("worker", "level", "text"),
    [
        ({"tensorflow": inspection.MISSING}, "error", "1 of 2 workers have no tensorflow: give all nodes"),
        ({"keras": "3.14"}, "error", "1 of 2 workers have keras 3.14, the driver has 1.0"),
        ({"numpy": "2.1"}, "warning", "1 of 2 workers have numpy 2.1, the driver has 1.0"),
        ({"Python": "3.10.2"}, "error", "1 of 2 workers have Python 3.10.2"),
        ({"sparkdl": inspection.FOREIGN, "sparkdl from": "/opt/x"}, "error", "foreign package named sparkdl .* /opt/x"),
        ({"sparkdl digest": "xyz"}, "error", "same version of sparkdl with other code"),
        ({"CPU": "x86_64"}, "warning", "no AVX2 on node1"),
        ({"memory": str(2**30)}, "error", "node1 has 0.5 GB for each of its 2 workers"),
        ({"memory": str(2 * 2**30)}, "warning", "node1 has 1.0 GB for each of its 2 workers"),
        (
            {"memory of a process": str(2**30)},
            "error",
            r"on node1 .* may map 1024 MB.* spark\.executor\.pyspark\.memory",
        ),
    ],
)
def test_a_worker_that_differs_is_found(worker: Report, level: str, text: str) -> None:
    same_host = {name: value for name, value in worker.items() if name.startswith("memory")}
    found = _findings(_healthy(), [_healthy(**worker), _healthy(**same_host)])
    assert [line for line in found if re.search(f"^{level}: .*{text}", line)], found


def test_a_patch_version_of_python_may_differ() -> None:
    assert _findings(_healthy(), [_healthy(Python="3.11.2"), _healthy()]) == []


def test_slots_are_counted() -> None:
    assert "no free task slot" in _findings(_healthy(), [], slots=0)[0]
    assert "one worker" in _findings(_healthy(), [_healthy()])[0]


def test_the_driver_needs_its_packages() -> None:
    assert any("the driver has no keras" in text for text in _findings(_healthy(keras=inspection.MISSING), []))


def test_all_packages_of_our_name_on_a_path_are_found(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "sparkdl").mkdir(parents=True)
        (tmp_path / folder / "sparkdl" / "__init__.py").touch()
    path = [str(tmp_path / "a"), str(tmp_path / "none"), str(tmp_path / "b"), str(tmp_path / "a")]
    assert inspection.shadowed(path) == [str(tmp_path / "a" / "sparkdl"), str(tmp_path / "b" / "sparkdl")]


def test_workers_that_differ_only_in_their_host_share_a_column() -> None:
    workers = [_healthy(host=f"node{number}") for number in range(5)] + [_healthy(keras="9.9")]
    text = render(Examination("m", _healthy(), 6, workers))
    assert re.split(" {2,}", text.splitlines()[0].strip()) == ["driver", "5 worker(s)", "1 worker(s)"]
    assert "node0, node1, node2 and 2 more" in text
    assert "9.9" in text


def test_a_real_cluster_is_healthy(spark_cluster: Any) -> None:
    result = examine(spark_cluster.sparkContext)
    assert result.healthy, render(result)
    assert (result.slots, len(result.workers)) == (2, 2)
    assert result.sockets == "each worker reaches the driver and every other worker"
    assert "Nothing stands in the way." in render(result)


def _doctor(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sparkdl", "doctor", "--conf", "spark.ui.enabled=false", *options]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=200)


@pytest.mark.spark
def test_a_foreign_package_on_executors_is_named(tmp_path: Path) -> None:
    (tmp_path / "x" / "sparkdl").mkdir(parents=True)
    (tmp_path / "x" / "sparkdl" / "__init__.py").write_text("__version__ = '2.2.0'\n")
    run = _doctor(tmp_path, "--master", "local[1]", "--conf", f"spark.executorEnv.PYTHONPATH={tmp_path}/x")
    assert run.returncode == 1, run.stderr[-2000:]
    assert f"a foreign package named sparkdl is in the way, in {tmp_path}/x/sparkdl" in run.stdout
    assert "there is one task slot" in run.stdout
    assert run.stdout.endswith("fit will not run before the errors are mended.\n")


@pytest.mark.spark
def test_a_process_without_room_for_tensorflow_is_an_error(tmp_path: Path) -> None:
    run = _doctor(tmp_path, "--master", "local[1]", "--conf", "spark.executor.pyspark.memory=1g")
    assert run.returncode == 1, run.stderr[-2000:]
    assert "its process may map 1024 MB" in run.stdout and "leave spark.executor.pyspark.memory" in run.stdout


def test_without_a_command_help_is_printed() -> None:
    command = [sys.executable, "-m", "sparkdl"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "doctor" in run.stdout


def test_a_malformed_setting_is_refused(tmp_path: Path) -> None:
    run = _doctor(tmp_path, "--conf", "nonsense")
    assert run.returncode == 1
    assert run.stderr == "--conf needs NAME=VALUE, received 'nonsense'.\n"
