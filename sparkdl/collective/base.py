"""The collective of one worker: every sum is the value itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparkdl.collective.runs import joined
from sparkdl.types import ExchangePrecision, FlatVector


class Solo:
    """The Collective of a run with a single worker.

    Example:
        >>> import numpy as np
        >>> Solo().all_sum(np.array([1.0, 2.0]))
        array([1., 2.])
    """

    rank = 0
    size = 1
    groups: tuple[tuple[int, ...], ...] = ()
    networked = False
    precision: ExchangePrecision = "float32"

    def reduce_scatter(
        self, values: FlatVector, bounds: Sequence[int], scalars: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `sparkdl.types.Collective`."""
        return joined(values)[bounds[0] : bounds[1]], scalars

    def all_gather(self, values: np.ndarray, bounds: Sequence[int]) -> None:
        """See `sparkdl.types.Collective`."""

    def all_sum(self, values: np.ndarray) -> np.ndarray:
        """See `sparkdl.types.Collective`."""
        return np.array(values)

    def all_gather_bytes(self, payload: bytes) -> list[bytes]:
        """See `sparkdl.types.Collective`."""
        return [payload]

    def broadcast(self, payload: bytes, root: int = 0) -> bytes:
        """See `sparkdl.types.Collective`."""
        return payload

    def barrier(self) -> None:
        """See `sparkdl.types.Collective`."""

    def close(self) -> None:
        """See `sparkdl.types.Collective`."""
