"""Several arrays that count as one flat vector, so that what belongs together need not lie in one place."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np

from sparkdl.memory import aligned_rows
from sparkdl.types import FlatVector


class Runs:
    """Flat arrays of one dtype, one behind the other, without a copy.

    Args:
        views: the arrays.
        dtype: theirs, if there may be none.

    Example:
        >>> import numpy as np
        >>> runs = Runs([np.arange(2), np.arange(6, 9)])
        >>> len(runs), [(offset, view.tolist()) for offset, view in runs.between(1, 4)]
        (5, [(0, [1]), (1, [6, 7])])
    """

    def __init__(self, views: Sequence[np.ndarray], dtype: np.dtype | None = None) -> None:
        self.views = [view for view in views if len(view)]
        self.dtype = dtype or views[0].dtype
        self._starts = [0, *itertools.accumulate(map(len, self.views))]

    @classmethod
    def of(cls, values: FlatVector, spans: Sequence[tuple[int, int]]) -> Runs:
        """What lies between some places of a vector.

        Example:
            >>> import numpy as np
            >>> len(Runs.of(np.arange(10), [(0, 2), (6, 9)]))
            5
        """
        if isinstance(values, Runs):
            return cls([view for span in spans for _, view in values.between(*span)], values.dtype)
        whole = joined(values)
        return cls([whole[low:high] for low, high in spans], whole.dtype)

    def __len__(self) -> int:
        return self._starts[-1]

    def between(self, low: int, high: int) -> Iterator[tuple[int, np.ndarray]]:
        """What lies between two positions: views, each with its distance from `low`."""
        for place in range(bisect.bisect_right(self._starts, low) - 1, len(self.views)):
            start = self._starts[place]
            if start >= high:
                return
            piece = self.views[place][max(low - start, 0) : high - start]
            if len(piece):
                yield max(start - low, 0), piece

    def sum(self) -> float:
        """The sum of all numbers."""
        return sum((float(view.sum()) for view in self.views), 0.0)


def joined(values: FlatVector) -> np.ndarray:
    """A vector in one piece: itself, or a copy of its runs in memory that TensorFlow reads in place.

    Example:
        >>> import numpy as np
        >>> joined(Runs([np.zeros(1), np.ones(2)])).tolist()
        [0.0, 1.0, 1.0]
    """
    if isinstance(values, Runs):
        whole = aligned_rows(len(values), (), values.dtype)
        for start, view in values.between(0, len(values)):
            whole[start : start + len(view)] = view
        return whole
    return cast(np.ndarray, values)
