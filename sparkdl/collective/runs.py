"""Several runs of a flat vector that count as one, so that what belongs to a worker need not lie in one place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np


class Runs:
    """Views of a vector, one behind the other, without a copy.

    Args:
        values: a flat vector.
        spans: where each run begins and ends in it.

    Example:
        >>> import numpy as np
        >>> runs = Runs(np.arange(10), [(0, 2), (6, 9)])
        >>> len(runs), [(offset, view.tolist()) for offset, view in runs.between(1, 4)]
        (5, [(0, [1]), (1, [6, 7])])
    """

    def __init__(self, values: np.ndarray, spans: Sequence[tuple[int, int]]) -> None:
        self.dtype = values.dtype
        self._views = [values[low:high] for low, high in spans if low < high]
        self._starts = [0, *itertools.accumulate(map(len, self._views))]

    def __len__(self) -> int:
        return self._starts[-1]

    def between(self, low: int, high: int) -> Iterator[tuple[int, np.ndarray]]:
        """What lies between two positions: views, each with its distance from `low`."""
        for start, view in zip(self._starts, self._views, strict=False):
            piece = view[max(low - start, 0) : max(high - start, 0)]
            if len(piece):
                yield max(start - low, 0), piece
