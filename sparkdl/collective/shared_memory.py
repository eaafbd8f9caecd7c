"""The Collective of workers on one host: sums through memory that all of them see.

A worker copies what others need into a slot of its outbox and raises its `posted` count; the others wait for the
count, read the slot in place, and raise their `taken` count, after which the slot is free again. Long vectors go in
several rounds, so that little memory is needed and what travels stays in the cache. Counts only rise; each has one
writer. The mesh below carries the rest: the meeting, bytes of any length, and who is still alive.
"""

from __future__ import annotations

import json
import mmap
import os
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sparkdl.collective.bell import Bell
from sparkdl.collective.mesh import Mesh
from sparkdl.collective.runs import Runs
from sparkdl.collective.segment import LINE, SLOTS, Layout, Segment, answer, attach, boot_id, create
from sparkdl.collective.sums import (
    add_in_rank_order,
    byte_view,
    check_flat,
    check_summands,
    check_writeable,
    numeric,
)
from sparkdl.collective.wire import LATE, PeerError
from sparkdl.memory import aligned_rows
from sparkdl.types import Collective, ExchangePrecision, FlatVector

TOKEN = 32
# Looks at the counts before sleeping: some 50 microseconds, what waking up again would cost.
SPINS = 100
LOOK_SECONDS = 0.02


def share_memory(mesh: Mesh) -> Collective:
    """Puts shared memory on top of a mesh; every worker calls it.

    Args:
        mesh: the connections of these workers; closed with what is returned.

    Returns:
        a SharedMemory where all workers see the same memory, otherwise the mesh itself.

    Raises:
        CollectiveError: a worker left.
    """
    made = create(mesh.size) if mesh.rank == 0 else None
    try:
        layout, token, memory = _offered(mesh, made)
        good = memory is not None and memory[:TOKEN] == token
        if memory is not None and good:
            place = layout.answer(mesh.rank)
            memory[place : place + TOKEN] = answer(token, mesh.rank)
        good = _all_agree(mesh, good) and memory is not None and _answered(memory, layout, token)
    finally:
        if made is not None:
            made.close_descriptor()
    if _all_agree(mesh, good) and memory is not None:
        return SharedMemory(mesh, memory, layout)
    if memory is not None:
        memory.close()
    return mesh


def _offered(mesh: Mesh, made: Segment | None) -> tuple[Layout, bytes, mmap.mmap | None]:
    """Tells everybody what rank 0 made, and maps it; the token is to be found at its beginning."""
    offer: dict[str, Any] = {"place": "", "slot": 0, "token": secrets.token_hex(TOKEN), "boot": boot_id()}
    if made is not None:
        made.memory[:TOKEN] = bytes.fromhex(offer["token"])
        offer |= {"place": made.place, "slot": made.layout.slot_bytes}
    offer = json.loads(mesh.broadcast(json.dumps(offer).encode()))
    layout = Layout(mesh.size, offer["slot"])
    memory = made.memory if made is not None else None
    if mesh.rank and offer["place"] and offer["boot"] == boot_id():
        memory = attach(offer["place"], layout)
    return layout, bytes.fromhex(offer["token"]), memory


def _all_agree(mesh: Mesh, good: bool) -> bool:
    return all(vote == b"yes" for vote in mesh.all_gather_bytes(b"yes" if good else b"no"))


def _answered(memory: mmap.mmap, layout: Layout, token: bytes) -> bool:
    places = [(rank, layout.answer(rank)) for rank in range(layout.workers)]
    return all(memory[place : place + TOKEN] == answer(token, rank) for rank, place in places)


class SharedMemory:
    """Implements `sparkdl.types.Collective` in shared memory; made by `share_memory`."""

    networked = False
    precision: ExchangePrecision = "float32"

    def __init__(self, mesh: Mesh, memory: mmap.mmap, layout: Layout) -> None:
        """Takes over a mesh and the memory that its workers share."""
        self.rank = mesh.rank
        self.size = mesh.size
        self.groups: tuple[tuple[int, ...], ...] = ()
        self._mesh = mesh
        self._memory = memory
        self._slot_bytes = layout.slot_bytes
        self._peers = tuple(rank for rank in range(mesh.size) if rank != mesh.rank)
        self._flags = memoryview(memory).cast("q")
        self._bell = Bell(memory, layout.bell, [layout.bed(rank) for rank in range(mesh.size)], mesh.rank)
        self._posted = [layout.posted(rank) // 8 for rank in range(mesh.size)]
        self._taken = [layout.taken(rank) // 8 for rank in range(mesh.size)]
        self._slots = [
            [np.frombuffer(memory, np.uint8, layout.slot_bytes, layout.slot(rank, slot)) for slot in range(SLOTS)]
            for rank in range(mesh.size)
        ]
        self._round = 0
        self._result = np.empty(0, np.float32)
        self._spins = SPINS if mesh.size <= len(os.sched_getaffinity(0)) else 0

    def reduce_scatter(
        self, values: FlatVector, bounds: Sequence[int], scalars: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `sparkdl.types.Collective`."""
        check_summands(values, bounds, self.size, scalars)
        if not self.holds(scalars):
            return self._mesh.reduce_scatter(values, bounds, scalars)
        return self.reduce_runs(_parts(values, bounds), self._room_for(values, bounds), scalars)

    def holds(self, scalars: np.ndarray) -> bool:
        """Whether so many scalars can ride along."""
        return 2 * _room(scalars) <= self._slot_bytes

    def reduce_runs(
        self, parts: Sequence[Runs], result: np.ndarray, scalars: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `reduce_scatter`, where the part of each worker may consist of several runs.

        Args:
            parts: the part of each worker, in my values.
            result: my part of the sum goes there.
            scalars: as many as `holds` allows.
        """
        reduction = _Reduction(self.rank, parts, result, scalars)
        rounds = reduction.cut(self._slot_bytes)
        self._exchange("reduce_scatter", rounds, reduction.put, reduction.take)
        return reduction.result, reduction.totals

    def _room_for(self, values: FlatVector, bounds: Sequence[int]) -> np.ndarray:
        """Where my part of the sum goes: over my part of the values, which is in the cache, where that is possible."""
        low, high = bounds[self.rank], bounds[self.rank + 1]
        # The first sum is that of ranks 0 and 1.
        if isinstance(values, np.ndarray) and values.flags.writeable and self.rank < 2:
            return values[low:high]
        if len(self._result) < high - low:
            self._result = aligned_rows(high - low, (), np.dtype(np.float32))
        return self._result[: high - low]

    def all_gather(self, values: np.ndarray, bounds: Sequence[int]) -> None:
        """See `sparkdl.types.Collective`."""
        check_flat(values, bounds, self.size, "all_gather")
        check_writeable(values)
        self.gather_runs(_parts(values, bounds))

    def gather_runs(self, parts: Sequence[Runs]) -> None:
        """As `all_gather`, where the part of each worker may consist of several runs."""
        dtype = parts[self.rank].dtype
        quota = self._slot_bytes // dtype.itemsize
        rounds = max(1, -(-max(map(len, parts)) // quota))

        def put(number: int, slot: np.ndarray) -> None:
            for start, piece in parts[self.rank].between(number * quota, (number + 1) * quota):
                slot.view(dtype)[start : start + len(piece)] = piece

        def take(number: int, slots: Sequence[np.ndarray]) -> None:
            for rank in self._peers:
                for start, piece in parts[rank].between(number * quota, (number + 1) * quota):
                    piece[:] = slots[rank].view(dtype)[start : start + len(piece)]

        self._exchange("all_gather", rounds, put, take)

    def all_sum(self, values: np.ndarray) -> np.ndarray:
        """See `sparkdl.types.Collective`."""
        mine = numeric(values)
        if mine.nbytes > self._slot_bytes:
            return self._mesh.all_sum(mine)
        total = np.empty_like(mine)

        def put(number: int, slot: np.ndarray) -> None:
            slot[: mine.nbytes] = byte_view(mine)

        def take(number: int, slots: Sequence[np.ndarray]) -> None:
            theirs = [slot[: mine.nbytes].view(mine.dtype).reshape(mine.shape) for slot in slots]
            add_in_rank_order(theirs, total)

        self._exchange("all_sum", 1, put, take)
        return total

    def all_gather_bytes(self, payload: bytes) -> list[bytes]:
        """See `sparkdl.types.Collective`."""
        return self._mesh.all_gather_bytes(payload)

    def broadcast(self, payload: bytes, root: int = 0) -> bytes:
        """See `sparkdl.types.Collective`."""
        return self._mesh.broadcast(payload, root)

    def barrier(self) -> None:
        """See `sparkdl.types.Collective`."""
        self._exchange("barrier", 1, lambda number, slot: None, lambda number, slots: None)

    def close(self) -> None:
        """See `sparkdl.types.Collective`."""
        self._mesh.close()
        self.release()

    def release(self) -> None:
        """Frees the memory alone."""
        self._slots = []
        self._bell.release()
        self._flags.release()
        try:
            self._memory.close()
        except BufferError:
            pass  # A view is still alive, in a traceback for instance; the memory goes with it.

    def _exchange(
        self,
        operation: str,
        rounds: int,
        put: Callable[[int, np.ndarray], None],
        take: Callable[[int, Sequence[np.ndarray]], None],
    ) -> None:
        """Puts my rounds and takes everybody's, whichever is possible; waits only when neither is."""
        self._mesh.check_open()
        flags, slots, bell, first = self._flags, self._slots, self._bell, self._round
        posted = taken = 0
        while taken < rounds:
            needs: list[tuple[Sequence[int], int]] = []
            if posted < rounds and posted - taken < SLOTS:
                needs.append((self._taken, first + posted - SLOTS + 1))
                if not self._behind(*needs[-1]):
                    put(posted, slots[self.rank][(first + posted) % SLOTS])
                    posted += 1
                    flags[self._posted[self.rank]] = first + posted
                    bell.ring()
                    continue
            if taken < posted:
                needs.append((self._posted, first + taken + 1))
                if not self._behind(*needs[-1]):
                    take(taken, [outbox[(first + taken) % SLOTS] for outbox in slots])
                    taken += 1
                    flags[self._taken[self.rank]] = first + taken
                    if rounds > 1:  # In a single round nobody waits for a slot.
                        bell.ring()
                    continue
            self._wait(operation, bell, needs)
        self._round = first + rounds

    def _behind(self, places: Sequence[int], count: int) -> list[int]:
        flags = self._flags
        return [rank for rank in self._peers if flags[places[rank]] < count]

    def _missing(self, needs: Sequence[tuple[Sequence[int], int]]) -> list[int]:
        """Whom I wait for; empty as soon as one of the needs is met by everybody."""
        behind = [self._behind(places, count) for places, count in needs]
        return sorted(set().union(*behind)) if all(behind) else []

    def _wait(self, operation: str, bell: Bell, needs: Sequence[tuple[Sequence[int], int]]) -> None:
        """Looks for some microseconds, then sleeps until the bell rings; looks after the peers now and then."""
        for _ in range(self._spins):
            if not self._missing(needs):
                return
        bell.lie_down()
        try:
            self._sleep(operation, bell, needs)
        finally:
            bell.get_up()

    def _sleep(self, operation: str, bell: Bell, needs: Sequence[tuple[Sequence[int], int]]) -> None:
        started = looked = time.monotonic()
        while True:
            state = bell.state
            if not (missing := self._missing(needs)):
                return
            bell.wait(state, LOOK_SECONDS)
            now = time.monotonic()
            if now - looked > LOOK_SECONDS:
                looked = now
                self._look_after(missing, needs, operation)
            if now - started > self._mesh.deadline:
                late = self._in_whole(missing)
                raise self._mesh.fail(PeerError(late[0], LATE), operation, late)

    def _look_after(self, missing: list[int], needs: Sequence[tuple[Sequence[int], int]], operation: str) -> None:
        error = self._mesh.lost(self._in_whole(missing))
        # Who has finished may leave: what it posted before is there by now.
        if error is not None and self._missing(needs):
            raise self._mesh.fail(error, operation)

    def _in_whole(self, ranks: Sequence[int]) -> list[int]:
        """How all workers call some of this memory's."""
        return [self._mesh.members[rank] for rank in ranks]


def _parts(values: FlatVector, bounds: Sequence[int]) -> list[Runs]:
    return [Runs.of(values, [span]) for span in zip(bounds[:-1], bounds[1:], strict=True)]


def _room(scalars: np.ndarray) -> int:
    """Bytes at the begin of a slot that the scalars take."""
    return -(-scalars.nbytes // LINE) * LINE


class _Reduction:
    """One reduce_scatter: what goes into my slots, and what is made of the others'."""

    def __init__(self, rank: int, parts: Sequence[Runs], result: np.ndarray, scalars: np.ndarray) -> None:
        self.result = result
        self.totals = np.empty_like(scalars)
        self._rank = rank
        self._start = _room(scalars)
        self._scalars = scalars
        self._parts = parts
        self._quota = 0

    def cut(self, slot_bytes: int) -> int:
        """Number of rounds for slots of this size: in each, a slot holds an equal share for every other worker."""
        lines = (slot_bytes - self._start) // LINE // (len(self._parts) - 1)
        self._quota = lines * LINE // 4
        return max(1, -(-max(len(part) for part in self._parts) // self._quota))

    def _place(self, writer: int, reader: int) -> int:
        """Where in a writer's slot the reader's share begins, in bytes."""
        return self._start + 4 * self._quota * (reader - (reader > writer))

    def put(self, number: int, slot: np.ndarray) -> None:
        """Fills a slot of mine."""
        if number == 0:
            slot[: self._scalars.nbytes] = byte_view(self._scalars)
        low, high = number * self._quota, (number + 1) * self._quota
        for reader, part in enumerate(self._parts):
            if reader == self._rank:
                continue
            place = self._place(self._rank, reader)
            for start, piece in part.between(low, high):
                begin = place + 4 * start
                slot[begin : begin + piece.nbytes].view(np.float32)[:] = piece

    def take(self, number: int, slots: Sequence[np.ndarray]) -> None:
        """Adds up my share of everybody's slots."""
        if number == 0:
            theirs = [slot[: self._scalars.nbytes].view(np.float64) for slot in slots]
            add_in_rank_order(theirs, self.totals)
        low = number * self._quota
        for start, mine in self._parts[self._rank].between(low, low + self._quota):
            pieces = []
            for writer, slot in enumerate(slots):
                begin = self._place(writer, self._rank) + 4 * start
                pieces.append(mine if writer == self._rank else slot[begin : begin + mine.nbytes].view(np.float32))
            add_in_rank_order(pieces, self.result[low + start : low + start + len(mine)])
