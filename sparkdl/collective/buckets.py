"""Who owns what of a flat vector that travels in buckets, each of them cut into a part for every worker."""

from __future__ import annotations

from collections.abc import Sequence


def spans(buckets: Sequence[Sequence[int]], rank: int) -> list[tuple[int, int]]:
    """What a worker owns: where its part of each bucket begins and ends, without empty parts.

    Args:
        buckets: for each bucket, workers + 1 rising offsets.
        rank: of the worker.

    Example:
        >>> spans([(0, 2, 4), (4, 7, 10)], 1)
        [(2, 4), (7, 10)]
    """
    return [(bounds[rank], bounds[rank + 1]) for bounds in buckets if bounds[rank] < bounds[rank + 1]]
