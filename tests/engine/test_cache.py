"""Values made once per process: by several threads at the same time, and let go in order of use."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdl.engine.cache import Recent


def test_threads_that_want_the_same_value_get_the_one_that_the_first_made() -> None:
    recent: Recent[object] = Recent(2)
    made = []

    def make() -> object:
        time.sleep(0.02)
        made.append(object())
        return made[-1]

    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(lambda _: recent.get("model", make), range(8), timeout=30))
    assert len(made) == 1 and all(value is made[0] for value in values)


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Lets Python go from thread to thread after every few operations."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_more_threads_than_values_are_kept_each_get_their_own(hasty_threads: None) -> None:
    recent: Recent[int] = Recent(1)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: recent.get(number, lambda: number), [*range(50)] * 20, timeout=30))
    assert found == [*range(50)] * 20


@given(st.lists(st.integers(0, 5)), st.integers(1, 4))
def test_those_used_last_are_kept(keys: list[int], size: int) -> None:
    made: list[int] = []
    dropped: list[int] = []
    recent: Recent[int] = Recent(size, lambda: dropped.append(len(made)))
    used: list[int] = []  # as a plain list: the key used last stands last
    for key in keys:
        before = len(made)
        assert recent.get(key, lambda key=key: made.append(key) or key) == key
        assert (len(made) > before) == (key not in used[-size:])
        used = [other for other in used[-size:] if other != key] + [key]
    assert len(dropped) == max(0, len(made) - size)


def test_what_cannot_be_made_is_tried_again() -> None:
    recent: Recent[float] = Recent(1)
    with pytest.raises(ZeroDivisionError):
        recent.get("quotient", lambda: 1 / 0)
    assert recent.get("quotient", lambda: 0.5) == 0.5


def test_a_value_may_need_another_one() -> None:
    recent: Recent[int] = Recent(2)
    assert recent.get("sum", lambda: recent.get("part", lambda: 1) + 1) == 2
