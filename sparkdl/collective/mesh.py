"""The Collective over TCP: every worker is connected to every other one."""

from __future__ import annotations

import copy
import select
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from sparkdl.collective.codecs import CODECS
from sparkdl.collective.part_sums import PartSums
from sparkdl.collective.runs import joined
from sparkdl.collective.sums import (
    add_in_rank_order,
    byte_view,
    check_flat,
    check_root,
    check_summands,
    check_writeable,
    numeric,
)
from sparkdl.collective.wire import CONFUSED, LATE, LEFT, Kind, Link, PeerError
from sparkdl.errors import CollectiveError, PeerTimeoutError
from sparkdl.types import ExchangePrecision, FlatVector

EXPLANATIONS = {
    LEFT: "left during {operation}.",
    LATE: "did not answer within {deadline:g} s during {operation}.",
    CONFUSED: (
        "sent something else than {operation} number {sequence} of the expected size; all workers must make the "
        "same calls in the same order with the same sizes."
    ),
}

# When one worker dies, the others hang up one after the other, and whom we miss first may be one of these: wait this
# many seconds, then name all who are gone.
GRACE = 0.05


class Mesh:
    """Implements `sparkdl.types.Collective` over one authenticated connection per peer (see `rendezvous`).

    One loop serves all connections in both directions at once, so that large messages cannot block each other.
    Whoever fails closes its connections and says who is to blame, so that all others fail at once too.
    """

    networked = True

    def __init__(self, rank: int, links: Iterable[Link], hosts: Sequence[str], deadline: float) -> None:
        """Takes over connections.

        Args:
            rank: the number of this worker.
            links: one per other worker.
            hosts: the address of every worker, in rank order, for messages.
            deadline: seconds of silence after which a wait fails.
        """
        self.rank = rank
        self.size = len(hosts)
        self.groups: tuple[tuple[int, ...], ...] = ()
        self.deadline = deadline
        self.members: tuple[int, ...] = tuple(range(self.size))
        self._places = dict(enumerate(self.members))
        self._whole = self
        self._links = sorted(links, key=lambda link: link.rank)
        self._hosts = tuple(hosts)
        self._sequence = 0
        self._closed: str | None = None
        self.round_to("float32")

    def round_to(self, precision: ExchangePrecision) -> None:
        """What contributions to a reduce_scatter are rounded to from now on; all workers call it."""
        self.precision: ExchangePrecision = precision
        self._sums = PartSums(CODECS[precision], self.size)

    def group(self, members: Sequence[int]) -> Mesh:
        """The mesh of some of the workers, this one among them, who count from 0 there; all of them call it.

        It has the same connections: closing it, or a failure in it, ends the whole.
        """
        part = copy.copy(self)
        part.members = tuple(members)
        part._places = {rank: place for place, rank in enumerate(part.members)}
        part.rank, part.size = part._places[self.rank], len(part.members)
        part._links = [link for link in self._links if link.rank in part._places]
        part._sequence = 0
        part.round_to(self.precision)
        return part

    @property
    def host(self) -> str:
        """The address of this worker's machine."""
        return self._hosts[self._whole.rank]

    def reduce_scatter(
        self, values: FlatVector, bounds: Sequence[int], scalars: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `sparkdl.types.Collective`."""
        check_summands(values, bounds, self.size, scalars)
        whole = joined(values)
        sequence = self._begin()
        sums = self._sums
        sums.begin(self.rank, whole[bounds[self.rank] : bounds[self.rank + 1]], scalars)
        for link in self._links:
            peer = self._place(link)
            link.send(Kind.REDUCE_SCATTER, sequence, *sums.outgoing(whole[bounds[peer] : bounds[peer + 1]]))
            link.expect(Kind.REDUCE_SCATTER, sequence, *sums.incoming(peer))
        self._run(Kind.REDUCE_SCATTER, self._links, sums.advance)
        return sums.result()

    def all_gather(self, values: np.ndarray, bounds: Sequence[int]) -> None:
        """See `sparkdl.types.Collective`."""
        check_flat(values, bounds, self.size, "all_gather")
        check_writeable(values)
        sequence = self._begin()
        mine = byte_view(values[bounds[self.rank] : bounds[self.rank + 1]])
        for link in self._links:
            link.send(Kind.ALL_GATHER, sequence, mine)
            peer = self._place(link)
            link.expect(Kind.ALL_GATHER, sequence, byte_view(values[bounds[peer] : bounds[peer + 1]]))
        self._run(Kind.ALL_GATHER, self._links)

    def all_sum(self, values: np.ndarray) -> np.ndarray:
        """See `sparkdl.types.Collective`."""
        mine = numeric(values)
        sequence = self._begin()
        parts = [mine if rank == self.rank else np.empty_like(mine) for rank in range(self.size)]
        for link in self._links:
            link.send(Kind.ALL_SUM, sequence, byte_view(mine))
            link.expect(Kind.ALL_SUM, sequence, byte_view(parts[self._place(link)]))
        self._run(Kind.ALL_SUM, self._links)
        return add_in_rank_order(parts, np.empty_like(mine))

    def all_gather_bytes(self, payload: bytes) -> list[bytes]:
        """See `sparkdl.types.Collective`."""
        sequence = self._begin()
        for link in self._links:
            link.send(Kind.ALL_GATHER_BYTES, sequence, memoryview(payload))
            link.expect_body(Kind.ALL_GATHER_BYTES, sequence)
        self._run(Kind.ALL_GATHER_BYTES, self._links)
        everything = [bytes(payload)] * self.size
        for link in self._links:
            everything[self._place(link)] = link.take_body()
        return everything

    def broadcast(self, payload: bytes, root: int = 0) -> bytes:
        """See `sparkdl.types.Collective`."""
        check_root(root, self.size)
        sequence = self._begin()
        if self.rank == root:
            for link in self._links:
                link.send(Kind.BROADCAST, sequence, memoryview(payload))
            self._run(Kind.BROADCAST, self._links)
            return bytes(payload)
        source = next(link for link in self._links if self._place(link) == root)
        source.expect_body(Kind.BROADCAST, sequence)
        self._run(Kind.BROADCAST, [source])
        return source.take_body()

    def barrier(self) -> None:
        """See `sparkdl.types.Collective`."""
        sequence = self._begin()
        for link in self._links:
            link.send(Kind.BARRIER, sequence)
            link.expect(Kind.BARRIER, sequence)
        self._run(Kind.BARRIER, self._links)

    def swap(
        self,
        kind: Kind,
        outgoing: Mapping[int, Sequence[memoryview]],
        incoming: Mapping[int, Sequence[memoryview]],
        arrived: Callable[[Sequence[Link]], None] | None = None,
    ) -> None:
        """Sends a frame to some workers and receives one from some, by their ranks; all workers call it.

        Args:
            kind: what for.
            outgoing: the content of each frame.
            incoming: what the frames must fill exactly.
            arrived: called with the connections in use whenever something came.
        """
        sequence = self._begin()
        links = [link for link in self._links if link.rank in outgoing or link.rank in incoming]
        for link in links:
            if link.rank in outgoing:
                link.send(kind, sequence, *outgoing[link.rank])
            if link.rank in incoming:
                link.expect(kind, sequence, *incoming[link.rank])
        self._run(kind, links, arrived)

    def close(self) -> None:
        """See `sparkdl.types.Collective`."""
        self._whole._closed = self._whole._closed or "it was closed"
        for link in self._whole._links:
            link.close()

    def name(self, rank: int) -> str:
        """How messages call a worker: its rank (in the whole) and its host."""
        return f"rank {rank} ({self._hosts[rank]})" if rank < len(self._hosts) else f"rank {rank}"

    def lost(self, ranks: Iterable[int]) -> PeerError | None:
        """Whether one of these peers (by rank in the whole) hung up, for whoever waits without reading from them."""
        words = (link.last_words() for link in self._links if link.rank in ranks)
        return next((error for error in words if error is not None), None)

    def fail(self, error: PeerError, operation: str, also: Iterable[int] = ()) -> CollectiveError:
        """Closes everything, tells the others who is to blame, and gives the exception to raise."""
        culprits = {error.rank, *also}
        if error.what == LEFT and not error.reported:
            time.sleep(GRACE)
            culprits |= {
                words.rank for link in self._whole._links if (words := link.last_words()) and words.what == LEFT
            }
        sentence = EXPLANATIONS[error.what].format(operation=operation, deadline=self.deadline, sequence=self._sequence)
        names = [self.name(rank) for rank in sorted(culprits)]
        message = f"{' and '.join([', '.join(names[:-1]), names[-1]] if names[1:] else names)} {sentence}"
        self._whole._closed = message
        for link in self._whole._links:
            link.close(error.rank, error.what)
        return (PeerTimeoutError if error.what == LATE else CollectiveError)(message)

    def check_open(self) -> None:
        """Raises unless this mesh can be used.

        Raises:
            CollectiveError: it was closed, or failed before; the message says why.
        """
        whole = self._whole
        if whole._closed is not None:
            raise CollectiveError(f"The collective of {self.name(whole.rank)} is closed: {whole._closed}")

    def _place(self, link: Link) -> int:
        """The number of a peer among those of this mesh."""
        return self._places[link.rank]

    def _begin(self) -> int:
        self.check_open()
        self._sequence += 1
        return self._sequence

    def _run(self, kind: Kind, links: Sequence[Link], arrived: Callable[[Sequence[Link]], None] | None = None) -> None:
        """Serves the links until all have sent and received their frames; calls `arrived` whenever some came."""
        active = list(links)
        try:
            active = [link for link in active if not link.step()]
            while active:
                self._wait(active)
                active = [link for link in active if not link.step()]
                if arrived is not None:
                    arrived(links)
        except PeerError as error:
            also = [link.rank for link in active] if error.what == LATE and not error.reported else []
            raise self.fail(error, kind.name.lower(), also) from None
        if arrived is not None:
            arrived(links)

    def _wait(self, links: Sequence[Link]) -> None:
        if any(link.buffered for link in links):
            return
        poller = select.poll()
        for link in links:
            poller.register(link.descriptor, link.events)
        if not poller.poll(self.deadline * 1000):
            raise PeerError(links[0].rank, LATE)
