"""Rows that arrive in portions of any size and leave in portions of any other."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np


class RowQueue:
    """Rows of one or more arrays, first in, first out.

    Example:
        >>> queue = RowQueue()
        >>> queue.put([np.arange(3)])
        >>> queue.put([np.arange(3, 6)])
        >>> queue.take(4)[0].tolist(), len(queue)
        ([0, 1, 2, 3], 2)
    """

    def __init__(self) -> None:
        self._portions: deque[tuple[np.ndarray, ...]] = deque()
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def put(self, arrays: Sequence[np.ndarray]) -> None:
        """Adds rows: arrays with one leading length. They are not copied."""
        if len(arrays[0]):
            self._portions.append(tuple(arrays))
            self._rows += len(arrays[0])

    def take(self, count: int) -> tuple[np.ndarray, ...]:
        """The first `count` rows (at least 1, at most `len(self)`): a view where they came in one portion."""
        self._rows -= count
        taken: list[tuple[np.ndarray, ...]] = []
        while count:
            portion = self._portions.popleft()
            rows = len(portion[0])
            if rows > count:
                self._portions.appendleft(tuple(array[count:] for array in portion))
                portion = tuple(array[:count] for array in portion)
            taken.append(portion)
            count -= min(rows, count)
        return taken[0] if len(taken) == 1 else tuple(np.concatenate(parts) for parts in zip(*taken, strict=True))
