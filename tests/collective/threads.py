"""Several ranks in the threads of one process: the simplest complete Collective."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sparkdl.collective.runs import joined
from sparkdl.collective.sums import add_in_rank_order, check_flat, check_root, check_summands, check_writeable, numeric
from sparkdl.errors import CollectiveError
from sparkdl.types import ExchangePrecision, FlatVector


def threads(size: int, deadline: float = 60.0) -> list[ThreadCollective]:
    """Makes `size` ranks that share the memory of this process; use each in a thread of its own.

    Args:
        size: number of ranks.
        deadline: seconds that an operation waits for the other ranks.

    Example:
        >>> import numpy as np
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor(2) as pool:
        ...     [total.item() for total in pool.map(lambda rank: rank.all_sum(np.array(rank.rank + 1)), threads(2))]
        [3, 3]
    """
    room = _Room(size, deadline)
    return [ThreadCollective(rank, room) for rank in range(size)]


class _Room:
    """Where the ranks meet: what each has brought, and how often each has arrived."""

    def __init__(self, size: int, deadline: float) -> None:
        self.size = size
        self.deadline = deadline
        self.changed = threading.Condition()
        self.arrived = [0] * size
        self.brought: list[Any] = [None] * size
        self.left: set[int] = set()
        self.failure: str | None = None

    def meet(self, rank: int, operation: str) -> None:
        """Returns when every rank has arrived as often as this one."""
        with self.changed:
            if rank in self.left:
                raise CollectiveError(f"{operation} was called on rank {rank}, whose collective is closed.")
            self.arrived[rank] += 1
            turn = self.arrived[rank]
            self.changed.notify_all()
            self.changed.wait_for(lambda: self._settled(turn), self.deadline)
            late = [other for other in range(self.size) if self.arrived[other] < turn]
            if not late:
                return
            if self.failure is None:
                gone = [other for other in late if other in self.left]
                self.failure = (
                    _sentence(gone, "left", operation)
                    if gone
                    else _sentence(late, f"did not answer within {self.deadline:g} s", operation)
                )
            self.left.add(rank)
            self.changed.notify_all()
            raise CollectiveError(self.failure)

    def _settled(self, turn: int) -> bool:
        behind = [rank for rank in range(self.size) if self.arrived[rank] < turn]
        return not behind or any(rank in self.left for rank in behind)

    def leave(self, rank: int) -> None:
        with self.changed:
            self.left.add(rank)
            self.changed.notify_all()


def _sentence(ranks: Sequence[int], what: str, operation: str) -> str:
    return f"{', '.join(f'rank {rank}' for rank in ranks)} {what} during {operation}."


class ThreadCollective:
    """One rank of `threads(size)`. Implements `sparkdl.types.Collective`."""

    networked = False
    precision: ExchangePrecision = "float32"

    def __init__(self, rank: int, room: _Room) -> None:
        self.rank = rank
        self.size = room.size
        self.groups: tuple[tuple[int, ...], ...] = ()
        self._room = room

    def _together(self, operation: str, item: Any, use: Callable[[list[Any]], Any]) -> Any:
        """What `use` makes of everybody's item; nobody goes on before all have used them."""
        self._room.brought[self.rank] = item
        self._room.meet(self.rank, operation)
        result = use(self._room.brought)
        self._room.meet(self.rank, operation)
        return result

    def reduce_scatter(
        self, values: FlatVector, bounds: Sequence[int], scalars: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `sparkdl.types.Collective`."""
        check_summands(values, bounds, self.size, scalars)
        mine = joined(values)
        low, high = bounds[self.rank], bounds[self.rank + 1]

        def add(items: list[Any]) -> tuple[np.ndarray, np.ndarray]:
            parts = [item[0][low:high] for item in items]
            return (
                add_in_rank_order(parts, np.empty(high - low, np.float32)),
                add_in_rank_order([item[1] for item in items], np.empty_like(scalars)),
            )

        result: tuple[np.ndarray, np.ndarray] = self._together("reduce_scatter", (mine, scalars), add)
        return result

    def all_gather(self, values: np.ndarray, bounds: Sequence[int]) -> None:
        """See `sparkdl.types.Collective`."""
        check_flat(values, bounds, self.size, "all_gather")
        check_writeable(values)

        def copy(items: list[Any]) -> None:
            for rank, theirs in enumerate(items):
                if rank != self.rank:
                    values[bounds[rank] : bounds[rank + 1]] = theirs[bounds[rank] : bounds[rank + 1]]

        self._together("all_gather", values, copy)

    def all_sum(self, values: np.ndarray) -> np.ndarray:
        """See `sparkdl.types.Collective`."""
        mine = numeric(values)
        total: np.ndarray = self._together("all_sum", mine, lambda items: add_in_rank_order(items, np.empty_like(mine)))
        return total

    def all_gather_bytes(self, payload: bytes) -> list[bytes]:
        """See `sparkdl.types.Collective`."""
        everything: list[bytes] = self._together("all_gather_bytes", bytes(payload), list)
        return everything

    def broadcast(self, payload: bytes, root: int = 0) -> bytes:
        """See `sparkdl.types.Collective`."""
        check_root(root, self.size)
        theirs: bytes = self._together("broadcast", bytes(payload), lambda items: items[root])
        return theirs

    def barrier(self) -> None:
        """See `sparkdl.types.Collective`."""
        self._room.meet(self.rank, "barrier")

    def close(self) -> None:
        """See `sparkdl.types.Collective`."""
        self._room.leave(self.rank)
