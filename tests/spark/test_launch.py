"""Where the attempt after a lost one begins, and on how many workers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sparkdl.errors import ClusterError, DataError
from sparkdl.history import History
from sparkdl.spark import cluster, launch
from sparkdl.spark.assignment import Assignment
from sparkdl.spark.attempt import Monitor, Outlets
from sparkdl.spark.build import computes_in_float32
from sparkdl.train.checkpoint import encode_state
from sparkdl.types import SampleSpec, TrainingPlan, TrainingState


def outlets() -> Any:
    return Outlets(SimpleNamespace(close=lambda: None), History(), SimpleNamespace())  # type: ignore[arg-type]


@pytest.fixture
def assignment() -> Any:
    plan = TrainingPlan("first", workers=2, cores_per_worker=1, batch_size=8, epochs=4)
    return Assignment(plan, SampleSpec((), ()), b"", iter, ("", 0), b"")  # type: ignore[arg-type]


def test_workers_that_come_back_are_used_again(monkeypatch: pytest.MonkeyPatch, assignment: Assignment) -> None:
    slots = iter([1, 2])
    monkeypatch.setattr(launch, "available_workers", lambda context, wanted, cores: min(wanted, next(slots)))
    run = launch.Attempts(None, None, 3, outlets())  # type: ignore[arg-type]
    lost = Monitor(TrainingState({}, {}), run.outlets, 2)
    second, lost = launch.next_attempt(run, assignment, lost, wanted=2)
    third, _ = launch.next_attempt(run, second, lost, wanted=2)
    assert [made.plan.workers for made in (second, third)] == [1, 2]
    assert len({made.plan.generation for made in (assignment, second, third)}) == 3


def test_an_attempt_begins_with_the_newest_state_and_what_is_known_of_labels(
    monkeypatch: pytest.MonkeyPatch, assignment: Assignment
) -> None:
    monkeypatch.setattr(launch, "available_workers", lambda context, wanted, cores: wanted)
    run = launch.Attempts(None, None, 3, outlets())  # type: ignore[arg-type]
    run.outlets.history.append(0, {"loss": 1.0}, 0.1)
    run.outlets.history.append(1, {"loss": 0.5}, 0.1)
    start = TrainingState({"model/weights": np.zeros(2), "sums/loss": np.ones(1)}, {"epoch": 0, "step": 3})
    newest = encode_state(TrainingState({"model/weights": np.ones(2)}, {"epoch": 1, "step": 0}))
    lost = Monitor(start, run.outlets, 2, newest, labels={"label": ["ash", "elm"]})
    _, monitor = launch.next_attempt(run, assignment, lost, wanted=2)
    assert set(monitor.start.arrays) == {"model/weights"}, "sums of half an epoch are not for the next one"
    np.testing.assert_array_equal(monitor.start.arrays["model/weights"], np.ones(2))
    assert run.outlets.history.epoch == [0]
    assert monitor.known_labels == {"label": ["ash", "elm"]}
    assert launch.where(monitor) == "from the end of epoch 1"


def test_what_an_attempt_has_chosen_is_chosen_for_those_that_follow(
    monkeypatch: pytest.MonkeyPatch, assignment: Assignment
) -> None:
    monkeypatch.setattr(launch, "available_workers", lambda context, wanted, cores: wanted)
    run = launch.Attempts(None, None, 3, outlets())  # type: ignore[arg-type]
    assignment = replace(assignment, plan=replace(assignment.plan, precision="auto"))
    lost = Monitor(TrainingState({}, {}), run.outlets, 2)
    assert launch.next_attempt(run, assignment, lost, wanted=2)[0].plan.precision == "auto"
    lost.receive(0, "chosen", {"precision": {"chosen": "bf16", "reason": "bfloat16 is taken."}}, b"")
    assert launch.next_attempt(run, assignment, lost, wanted=2)[0].plan.precision == "bf16"


def test_what_xla_did_not_compile_at_first_it_does_not_compile_afterwards(
    monkeypatch: pytest.MonkeyPatch, assignment: Assignment
) -> None:
    monkeypatch.setattr(launch, "available_workers", lambda context, wanted, cores: wanted)
    run = launch.Attempts(None, None, 3, outlets())  # type: ignore[arg-type]
    tries = replace(assignment, plan=replace(assignment.plan, precision="auto", tries_precision=True))
    lost = Monitor(TrainingState({}, {}), run.outlets, 2)
    lost.receive(0, "chosen", {"precision": {"chosen": "float32", "reason": "float32 is taken."}}, b"")
    again = launch.next_attempt(run, tries, lost, wanted=2)[0].plan
    assert again.precision == "float32" and not computes_in_float32(again)
    assert computes_in_float32(assignment.plan)


def test_executors_that_are_gone_when_spark_is_to_start_are_no_fault_of_the_program() -> None:
    says = (
        "An error occurred while calling o1.collectToPython.\n: org.apache.spark.SparkException: [SPARK-24819]: "
        "Barrier execution mode does not allow run a barrier stage that requires more slots than the total number"
    )
    monitor = Monitor(TrainingState({}, {}), outlets(), 2)
    assert launch.never_began(says, monitor) is None
    assert launch.lost_because(says, monitor) == "Spark had not the task slots for all workers when they were to start"
    assert "KeyError" in str(launch.never_began("Job aborted\nKeyError: 'a'", monitor))


def test_executors_that_are_starting_again_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, context = [0.0], SimpleNamespace(master="spark://host:7077", getConf=lambda: {"spark.task.cpus": "1"})
    monkeypatch.setattr(cluster.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(cluster.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + 1.0))
    monkeypatch.setattr(cluster, "task_slots", lambda context: 1 if clock[0] < 25 else 2)
    assert cluster.available_workers(context, 2, 1) == 2  # type: ignore[arg-type]
    clock[0] = 0.0
    monkeypatch.setattr(cluster, "task_slots", lambda context: 1)
    assert cluster.available_workers(context, 2, 1) == 1  # type: ignore[arg-type]
    assert 30 <= clock[0] < 40


def test_an_error_where_rows_are_made_is_told_as_it_was() -> None:
    says = "Job aborted\nsparkdl.errors.DataError: file:/a.png is no image: remove it.\n\tat java.lang.Thread.run"
    error = launch.never_began(says, Monitor(TrainingState({}, {}), outlets(), 2))
    assert isinstance(error, DataError) and str(error) == "file:/a.png is no image: remove it."


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), ClusterError("no executor is left")])
def test_the_newest_state_is_not_lost_with_whatever_ends_the_attempts(
    monkeypatch: pytest.MonkeyPatch, assignment: Assignment, interruption: BaseException
) -> None:
    newest = encode_state(TrainingState({"weights": np.ones(2)}, {"epoch": 1, "step": 0}))

    def attempt(context: Any, prepared: Any, assignment: Assignment, monitor: Monitor) -> str:
        monitor.newest = newest
        if isinstance(interruption, KeyboardInterrupt):
            raise interruption
        return "ExecutorLostFailure (executor 1 exited)"

    def available_workers(*_: Any) -> int:
        raise interruption

    monkeypatch.setattr(launch, "run_attempt", attempt)
    monkeypatch.setattr(launch, "available_workers", available_workers)
    monkeypatch.setattr(launch, "cancelled_from_outside", lambda *_: "")
    run = launch.Attempts(None, None, 3, outlets())  # type: ignore[arg-type]
    outcome = launch.launch(run, None, assignment, TrainingState({}, {}))  # type: ignore[arg-type]
    assert outcome.error is interruption
    assert outcome.state is not None and outcome.state.arrays["weights"].tolist() == [1.0, 1.0]


def test_an_attempt_that_never_begins_costs_no_state_of_one_before(
    monkeypatch: pytest.MonkeyPatch, assignment: Assignment
) -> None:
    newest = encode_state(TrainingState({"weights": np.ones(2)}, {"epoch": 1, "step": 0}))
    says = iter(["ExecutorLostFailure (executor 1 exited)", "Job aborted\nKeyError: 'a'"])

    def attempt(context: Any, prepared: Any, assignment: Assignment, monitor: Monitor) -> str:
        monitor.newest = newest
        return next(says)

    monkeypatch.setattr(launch, "run_attempt", attempt)
    monkeypatch.setattr(launch, "available_workers", lambda context, wanted, cores: wanted)
    monkeypatch.setattr(launch, "cancelled_from_outside", lambda *_: "")
    run = launch.Attempts(None, lambda workers: None, 3, outlets())  # type: ignore[arg-type, return-value]
    outcome = launch.launch(run, None, assignment, TrainingState({}, {}))  # type: ignore[arg-type]
    assert "KeyError: 'a'" in str(outcome.error)
    assert outcome.state is not None
