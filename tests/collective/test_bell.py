from __future__ import annotations

import mmap
import platform
import threading
import time

import pytest

from sparkdl.collective.bell import Bell, available

pytestmark = pytest.mark.skipif(not available(), reason="needs Linux on x86-64")


@pytest.fixture
def bells():
    memory = mmap.mmap(-1, 4096)
    return [Bell(memory, 64, (128, 192, 256), rank) for rank in range(3)]


def test_who_waits_is_woken(bells):
    for bell in bells[:2]:
        bell.lie_down()
    state = bells[0].state
    woken = []
    sleepers = [threading.Thread(target=lambda bell=bell: woken.append(bell.wait(state, 30.0))) for bell in bells[:2]]
    for sleeper in sleepers:
        sleeper.start()
    time.sleep(0.05)
    assert not woken
    started = time.monotonic()
    bells[2].ring()
    for sleeper in sleepers:
        sleeper.join()
    assert time.monotonic() - started < 5


def test_a_ring_before_the_wait_is_not_lost(bells):
    bells[0].lie_down()
    state = bells[0].state
    bells[1].ring()
    started = time.monotonic()
    bells[0].wait(state, 30.0)
    assert time.monotonic() - started < 5


def test_a_wait_ends_by_itself(bells):
    started = time.monotonic()
    bells[0].wait(bells[0].state, 0.05)
    assert 0.04 < time.monotonic() - started < 5


def test_no_two_rings_look_the_same(bells):
    states = set()
    for bell in bells:
        bell.lie_down()
    for _ in range(5):
        for bell in bells:
            bell.ring()
            states.add(bell.state)
    assert len(states) == 15


def test_nobody_is_disturbed_while_all_are_awake(bells):
    bells[0].lie_down()
    bells[0].get_up()
    state = bells[0].state
    bells[1].ring()
    assert bells[0].state == state


def test_the_memory_can_be_closed_after_a_release():
    memory = mmap.mmap(-1, 4096)
    bell = Bell(memory, 0, (64,), 0)
    with pytest.raises(BufferError):
        memory.close()
    bell.release()
    memory.close()


def test_other_machines_have_none(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert not available()
