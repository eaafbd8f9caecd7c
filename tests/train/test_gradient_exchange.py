"""What the contract of the collective (case "buckets") does not show: failures, threads, and a single bucket."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from sparkdl.collective.base import Solo
from sparkdl.errors import CollectiveError
from sparkdl.train.gradient_exchange import GradientExchange

BUCKETS = ((0, 2, 4), (4, 5, 6), (6, 8, 10))


class Failing(Solo):
    """Fails at the third sum and at every one behind it, as a collective does that has lost a worker."""

    def __init__(self) -> None:
        self.sums = 0

    def reduce_scatter(self, *arguments: Any) -> Any:
        self.sums += 1
        if self.sums >= 3:
            raise CollectiveError(f"rank 1 left at sum {self.sums}")
        return super().reduce_scatter(*arguments)


def test_the_first_failure_is_raised_where_the_sums_are_waited_for() -> None:
    exchange, gradient = GradientExchange(Failing(), BUCKETS), np.ones(10, np.float32)
    for _ in range(2):
        exchange.arrived(gradient, 2)
        exchange.arrived(gradient, 1)
        with pytest.raises(CollectiveError, match="rank 1 left at sum (3|4)"):
            exchange.reduce(gradient, np.zeros(1))
    exchange.close()


def test_buckets_leave_from_the_last_to_the_first_and_the_first_leaves_at_the_end() -> None:
    sizes: list[int] = []

    class Noting(Solo):
        def reduce_scatter(self, values: np.ndarray, *rest: Any) -> Any:
            sizes.append(int(values[0]))
            return super().reduce_scatter(values, *rest)

    exchange, gradient = GradientExchange(Noting(), BUCKETS), np.arange(10, dtype=np.float32)
    for number in (0, 1):
        exchange.arrived(gradient, number)
    assert sizes == []
    exchange.arrived(gradient, 2)
    mine, scalars = exchange.reduce(gradient, np.array([7.0]))
    assert sizes == [6, 4, 0]
    assert mine.tolist() == [0.0, 1.0, 4.0, 6.0, 7.0] and scalars.tolist() == [7.0]
    before = {thread.name for thread in threading.enumerate() if "sparkdl-exchange" in thread.name}
    exchange.close()
    for thread in threading.enumerate():
        if thread.name in before:
            thread.join(10)
            assert not thread.is_alive()


def test_a_single_bucket_needs_neither_thread_nor_copy() -> None:
    before = set(threading.enumerate())
    exchange, gradient = GradientExchange(Solo(), ((0, 10),)), np.arange(10, dtype=np.float32)
    exchange.arrived(gradient, 0)
    mine, _ = exchange.reduce(gradient, np.zeros(1))
    assert np.shares_memory(mine, gradient)
    assert set(threading.enumerate()) <= before
