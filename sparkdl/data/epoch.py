"""The plan of an epoch: which rows of which worker belong to which global batch. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sparkdl.errors import ArgumentError

_CHUNK_ELEMENTS = 1 << 19  # steps x workers handled at once: a few megabytes of scratch memory


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """How `rows[rank]` rows of each worker make up global batches of `batch_size` rows.

    Row k of a worker with n rows has the time (k + 0.5) / n; all rows in the order of (time, rank)
    are cut into batches. So each worker's share of a batch is proportional to its rows, all workers
    finish in the same step, and every row is used exactly once.

    Example:
        >>> plan = epoch_plan([1000, 3000, 96], 256)
        >>> plan.steps, [plan.shares(rank)[0].item() for rank in range(3)]
        (16, [63, 187, 6])
    """

    rows: tuple[int, ...]
    batch_size: int

    @property
    def total(self) -> int:
        """Rows of all workers together."""
        return sum(self.rows)

    @property
    def steps(self) -> int:
        """Batches per epoch; the last one holds the rest."""
        return -(-self.total // self.batch_size)

    def batch_rows(self, step: int) -> int:
        """Rows of all workers together in batch `step`."""
        if not 0 <= step < self.steps:
            raise ArgumentError(f"step {step} is not in the epoch: it has {self.steps} steps, counted from 0.")
        return min(self.batch_size, self.total - step * self.batch_size)

    def offsets(self, rank: int) -> np.ndarray:
        """Rows of worker `rank` before each step: int64 (steps + 1,), from 0 to `rows[rank]`, read-only."""
        if not 0 <= rank < len(self.rows):
            raise ArgumentError(f"rank {rank} is not in the plan: it has {len(self.rows)} workers, counted from 0.")
        return _offsets(self.rows, self.batch_size, rank)

    def shares(self, rank: int) -> np.ndarray:
        """Rows of worker `rank` in each step: int64 (steps,); a share may be zero."""
        return np.diff(self.offsets(rank))


def epoch_plan(rows: Sequence[int], batch_size: int) -> EpochPlan:
    """Plans an epoch over workers that hold `rows[rank]` rows each.

    Args:
        rows: number of rows of each worker, in rank order; zeros are allowed.
        batch_size: rows of a global batch.

    Raises:
        ArgumentError: a negative number of rows, no worker, or a batch size below 1.
    """
    if batch_size < 1:
        raise ArgumentError(f"batch_size must be a positive integer, received {batch_size!r}.")
    if not len(rows) or min(rows) < 0:
        raise ArgumentError(f"rows must hold one non-negative number for each worker, received {list(rows)!r}.")
    return EpochPlan(tuple(int(count) for count in rows), int(batch_size))


@lru_cache(maxsize=4)
def _offsets(rows: tuple[int, ...], batch_size: int, rank: int) -> np.ndarray:
    total = sum(rows)
    steps = -(-total // batch_size)
    result = np.empty(steps + 1, np.int64)
    # Workers with equally many rows have their rows at the same times: one group each.
    values, group, sizes = np.unique(np.array(rows, np.int64), return_inverse=True, return_counts=True)
    lower_ranks = np.bincount(group[:rank], minlength=len(values))
    mine = group[rank]
    chunk = max(1, _CHUNK_ELEMENTS // len(values))
    for start in range(0, steps + 1, chunk):
        cuts = np.minimum(np.arange(start, min(start + chunk, steps + 1), dtype=np.int64) * batch_size, total)
        taken, rest, tied = _taken(values, sizes, cuts, total)
        result[start : start + chunk] = taken[:, mine] + (tied[:, mine] & (tied @ lower_ranks < rest))
    result.flags.writeable = False
    return result


def _taken(
    rows: np.ndarray, sizes: np.ndarray, cuts: np.ndarray, total: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first `cuts[i]` rows in the order of time, for groups of `sizes` workers of `rows` rows each.

    Returns:
        taken int64 (cuts, groups): rows that each worker of a group has before the time of the cut.
        rest int64 (cuts,): how many of the rows at exactly that time are still to be taken, in rank order.
        tied bool (cuts, groups): the groups that have a row at that time.
    """
    limits = (cuts / max(total, 1))[:, None]
    taken = np.clip(np.ceil(rows * limits - 0.5).astype(np.int64), 0, rows)
    # Rounding may put the guess off by one; afterwards `taken` is exactly the rows with time < limit.
    taken -= _last_time(taken, rows) >= limits
    taken += _next_time(taken, rows) < limits
    rest = cuts - taken @ sizes  # at most half the number of workers, either way
    while len(over := np.flatnonzero(rest < 0)):
        latest = _last_time(taken[over], rows)
        back = latest == latest.max(axis=1, keepdims=True)
        taken[over] -= back
        rest[over] += back @ sizes
    active = np.arange(len(cuts))
    tied = np.zeros(taken.shape, np.bool_)
    while len(active):
        soonest = _next_time(taken[active], rows)
        tied[active] = now = soonest == soonest.min(axis=1, keepdims=True)
        at_once = now @ sizes
        whole = (rest[active] >= at_once) & (rest[active] > 0)
        active = active[whole]
        taken[active] += now[whole]
        rest[active] -= at_once[whole]
    return taken, rest, tied


def _next_time(taken: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.where(taken < rows, (taken + 0.5) / np.maximum(rows, 1), np.inf)


def _last_time(taken: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.where(taken > 0, (taken - 0.5) / np.maximum(rows, 1), -np.inf)


def permutation(seed: int, epoch: int, rank: int, rows: int) -> np.ndarray:
    """The order in which worker `rank` uses its rows in `epoch`: int64 (rows,).

    Example:
        >>> permutation(seed=0, epoch=3, rank=1, rows=5).tolist() == permutation(0, 3, 1, 5).tolist()
        True
    """
    return np.random.default_rng(np.random.SeedSequence((seed, epoch, rank))).permutation(rows)


def split_rows(fraction: float, seed: int, ids: np.ndarray) -> np.ndarray:
    """Which rows a seeded random split puts aside for validation.

    The decision depends on the row's id (source partition and position) and the seed only, so it is
    the same for any number of workers.

    Args:
        fraction: expected part of the rows, from 0 to below 1.
        seed: non-negative seed of the split.
        ids: int64 (rows,).

    Returns:
        bool (rows,): True for validation.

    Raises:
        ArgumentError: the fraction is out of range.

    Example:
        >>> import numpy as np
        >>> split_rows(0.25, 0, np.arange(1000)).mean().item()
        0.254
    """
    if not 0.0 <= fraction < 1.0:
        raise ArgumentError(f"validation_split must be at least 0 and below 1, received {fraction!r}.")
    mixed = _mix(ids.astype(np.uint64) ^ _mix(np.array([seed], np.uint64)))
    return (mixed >> np.uint64(11)) < np.uint64(int(fraction * 2**53))


def _mix(values: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64: uint64 to uint64, every output bit depends on every input bit."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
