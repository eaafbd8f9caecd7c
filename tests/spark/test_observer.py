"""When worker 0 has the complete state captured for the driver's memory, and what it tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sparkdl.errors import CollectiveError
from sparkdl.spark import observer
from sparkdl.train.checkpoint import decode_state
from sparkdl.types import TrainingState


class Line:
    """A channel that keeps what is sent."""

    def __init__(self) -> None:
        self.lost = False
        self.sent: list[tuple[str, dict[str, Any], bytes]] = []

    def send(self, kind: str, header: dict[str, Any], payload: bytes = b"") -> None:
        self.sent.append((kind, header, payload))


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1000.0]
    monkeypatch.setattr(observer.time, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def told(now: list[float]) -> Iterator[tuple[observer.ChannelObserver, Line]]:
    line = Line()
    made = observer.ChannelObserver(line, 0)  # type: ignore[arg-type]
    yield made, line
    made.close()


def state(step: int) -> TrainingState:
    return TrainingState({"weights": np.ones(3, np.float32)}, {"epoch": 1, "step": step})


def test_states_of_epochs_take_no_more_than_their_share(
    now: list[float], told: tuple[observer.ChannelObserver, Line]
) -> None:
    watcher, _ = told
    assert watcher.wants_state(in_epoch=False)
    watcher.state(state(0), due=False, seconds=2.0)
    now[0] += 39.0
    assert not watcher.wants_state(in_epoch=False)
    now[0] += 2.0
    assert watcher.wants_state(in_epoch=False)


def test_a_long_step_is_no_cost_of_a_capture(now: list[float], told: tuple[observer.ChannelObserver, Line]) -> None:
    watcher, _ = told
    assert watcher.wants_state(in_epoch=False)
    watcher.state(state(0), due=False, seconds=0.0)
    now[0] += 599.0
    assert not watcher.wants_state(in_epoch=True)
    now[0] += 2.0
    assert watcher.wants_state(in_epoch=True)
    now[0] += 300.0  # the step itself
    watcher.state(state(7), due=False, seconds=0.01)
    now[0] += 1.0
    assert watcher.wants_state(in_epoch=False)


def test_a_state_that_nobody_asked_for_here_says_what_one_costs_too(
    now: list[float], told: tuple[observer.ChannelObserver, Line]
) -> None:
    watcher, _ = told
    now[0] += 3600.0
    watcher.state(state(0), due=True, seconds=0.1)  # as a callback wants it
    now[0] += 3.0
    assert watcher.wants_state(in_epoch=False)


def test_rows_per_second_count_the_time_between_steps(
    now: list[float], told: tuple[observer.ChannelObserver, Line]
) -> None:
    watcher, line = told
    for step in (8, 9, 10):  # as in a run that goes on in the middle of an epoch
        watcher.step(0, step, 10, 50, 0.5)
        now[0] += 1.0
    assert [header["rows_per_second"] for _, header, _ in line.sent] == [0.0, 50.0, 50.0]


def test_a_state_is_sent_whole_before_the_end(told: tuple[observer.ChannelObserver, Line]) -> None:
    watcher, line = told
    watcher.state(state(4), due=True, seconds=0.0)
    watcher.close()
    kind, header, payload = line.sent[-1]
    assert (kind, header) == ("state", {"due": True, "epoch": 1, "step": 4})
    np.testing.assert_array_equal(decode_state(payload).arrays["weights"], np.ones(3))


def test_nobody_trains_for_a_driver_that_is_gone(told: tuple[observer.ChannelObserver, Line]) -> None:
    watcher, line = told
    line.lost = True
    with pytest.raises(CollectiveError, match="driver is gone"):
        watcher.step(0, 1, 10, 32, 0.5)
