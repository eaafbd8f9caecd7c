"""Every kind of fault once, in real runs; `benchmarks/faults.py` does it again and again, at other moments."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import fault_subject
from fault_kinds import FAULTS
from fault_runs import Outcome, Reference, can_mount, disturbed_run, killed_driver_run, reference_run
from process_tree import callers, can_cut, executors

from sparkdl.spark.cluster import wait_for_slots
from tests.servers.preloaded import preloaded_python

pytestmark = [
    pytest.mark.spark,
    pytest.mark.tf,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes as Linux shows them"),
]
TURNS = 5
OTHERWISE = {"kill driver", "kill worker twice", "stop executor"}  # a test below; the benchmark
IN_SESSION = [name for name, fault in FAULTS.items() if "local-cluster" in fault.masters and name not in OTHERWISE]


@pytest.fixture(scope="module")
def reference(spark_cluster: SparkSession) -> Reference:
    spark_cluster.sparkContext.addPyFile(fault_subject.__file__)
    return reference_run(spark_cluster)


def until_struck(run: Callable[[int], Outcome], seed: int) -> Outcome:
    """A run that ended before its moment is repeated, with another moment; after some turns it has missed it."""
    for turn in range(TURNS):
        outcome = run(seed + turn)
        if outcome.problem != "missed":
            break
    return outcome


@pytest.mark.parametrize("name", IN_SESSION)
def test_a_run_survives(spark_cluster: SparkSession, reference: Reference, tmp_path: Path, name: str) -> None:
    if FAULTS[name].needs_disk and not can_mount():
        pytest.skip("a small disk can be mounted by root only")
    if name.startswith("cut") and not can_cut():
        pytest.skip("connections of other processes cannot be reached here (pidfd_getfd)")
    folders = (tmp_path / str(number) for number in itertools.count())

    def run(seed: int) -> Outcome:
        folder = next(folders)
        folder.mkdir()
        wait_for_slots(spark_cluster.sparkContext, 2)
        return disturbed_run(spark_cluster, name, seed, folder, reference)

    outcome = until_struck(run, 10 * IN_SESSION.index(name))
    assert outcome.problem == "", outcome
    if FAULTS[name].lost and FAULTS[name].strike is not None:
        assert outcome.detect is not None and outcome.detect < 15, outcome
        assert "was lost" in outcome.reason and "starting again on 2 worker(s)" in outcome.reason, outcome


def test_a_program_that_is_killed_leaves_nothing_and_is_taken_up_by_another_one(
    reference: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", preloaded_python())
    outcome = killed_driver_run("local-cluster[2,1,1024]", 3, tmp_path, reference)
    assert outcome.problem == "", outcome


def test_only_processes_below_this_one_are_found(spark_cluster: SparkSession) -> None:
    assert len(executors()) >= 2
    assert executors(root=1) == [] or set(executors()) <= set(executors(root=1))
    assert callers(port=1) == []
