"""What ends an attempt of which no worker says that it has failed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sparkdl.spark import vigil
from sparkdl.spark.vigil import Vigil


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which tests set."""
    now = [0.0]
    monkeypatch.setattr(vigil.time, "monotonic", lambda: now[0])
    return now


def watch(monkeypatch: pytest.MonkeyPatch, slots: int = 2, **monitor: Any) -> tuple[Vigil, SimpleNamespace, list[int]]:
    """A vigil over two workers with a deadline of 100 s, its monitor, and the list of silent workers."""
    monkeypatch.setattr(vigil, "task_slots", lambda context, profile: slots)
    monkeypatch.setattr(vigil, "is_stopped", lambda context: False)
    silent: list[int] = []
    hub = SimpleNamespace(silent=lambda seconds: silent)
    heard = SimpleNamespace(**({"heard": set(), "timings": {}, "met": {0: "", 1: ""}, "failures": []} | monitor))
    plan = SimpleNamespace(workers=2, deadline=100.0)
    return Vigil(None, hub, heard, plan), heard, silent  # type: ignore[arg-type]


def test_a_silent_worker_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    look, _, silent = watch(monkeypatch, heard={0, 1})
    assert look() == ""
    silent.append(1)
    assert look() == "worker 1 has shown no sign of life for 60 s"


def test_a_stopped_session_is_asked_for_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    look, *_ = watch(monkeypatch)
    monkeypatch.setattr(vigil, "is_stopped", lambda context: True)
    monkeypatch.delattr(vigil, "task_slots")
    assert look() == "its session was stopped"


def test_slots_that_do_not_come_back_are_waited_for_for_a_while(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    look, *_ = watch(monkeypatch, slots=1)
    assert look() == ""
    clock[0] = 31.0
    assert look() == "Spark has 1 task slot(s) left, and 2 workers were to start"


def test_a_worker_that_does_not_come_is_waited_for_as_long_as_workers_wait(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    look, monitor, _ = watch(monkeypatch)
    clock[0] = 500.0
    assert look() == "", "Spark may take its time to start the first one"
    monitor.heard.add(1)
    assert look() == ""
    clock[0] = 599.0
    assert look() == ""
    clock[0] = 601.0
    assert look() == "worker 0 did not come within 100 s of the first one"
    monitor.heard.add(0)
    assert look() == ""


def test_a_stage_that_does_not_end_after_its_workers_is_ended(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    look, monitor, _ = watch(monkeypatch, heard={0, 1}, timings={0: {}})
    clock[0] = 1000.0
    assert look() == ""
    monitor.timings[1] = {}
    assert look() == ""
    clock[0] = 1031.0
    assert look() == "Spark has not ended the stage 30 s after its last worker"


def test_who_reads_far_longer_than_the_others_is_named(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    look, monitor, _ = watch(monkeypatch, heard={0, 1}, met={})
    clock[0] = 900.0
    assert look() == "", "nobody has read his rows yet"
    monitor.met[0] = ""
    assert look() == ""
    clock[0] = 1001.0
    assert look().startswith(
        "worker 1 was still reading its rows 100 s after worker 0 had read its own: spread the rows"
    )
    monitor.met[1] = ""
    assert look() == ""


def test_who_is_stuck_with_signs_of_life_is_named_when_another_gave_up(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    look, monitor, _ = watch(monkeypatch, heard={0, 1})
    clock[0] = 1000.0
    assert look() == ""
    monitor.failures.append(SimpleNamespace(rank=1, message="rank 0 did not answer in time"))
    assert look() == ""
    clock[0] = 1031.0
    assert look() == "worker 0 is stuck: worker 1 gave up 30 s ago (rank 0 did not answer in time)"
