"""Portions of any size in, portions of any other out: the same rows in the same order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sparkdl.data.rows import RowQueue


@given(st.lists(st.integers(0, 7), max_size=9), st.integers(1, 6))
def test_rows_leave_as_they_came(sizes: list[int], count: int) -> None:
    queue, left, start = RowQueue(), [], 0
    for size in sizes:
        numbers = np.arange(start, start + size)
        queue.put((numbers, np.stack([numbers, -numbers], axis=1)))
        start += size
        while len(queue) >= count:
            left.append(queue.take(count))
    if len(queue):
        left.append(queue.take(len(queue)))
    assert [len(numbers) for numbers, _ in left[:-1]] == [count] * len(left[:-1])
    assert [number for numbers, _ in left for number in numbers.tolist()] == list(range(start))
    assert all((pairs[:, 1] == -numbers).all() for numbers, pairs in left)


def test_what_lies_in_one_portion_is_not_copied() -> None:
    queue, numbers = RowQueue(), np.arange(10)
    queue.put((numbers,))
    assert np.shares_memory(queue.take(4)[0], numbers)
    assert np.shares_memory(queue.take(6)[0], numbers)
