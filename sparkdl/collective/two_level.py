"""The Collective of several hosts with several workers each: memory inside a host, the network between hosts.

The workers of a host first add up among themselves, and between hosts each part travels once per host instead of once
per worker: with eight workers on each host an eighth of the bytes. Sums are grouped by host: all workers get the same
bytes, and so does another run whose workers share hosts in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparkdl.collective.codecs import CODECS
from sparkdl.collective.mesh import Mesh
from sparkdl.collective.part_sums import PartSums
from sparkdl.collective.routes import Routes
from sparkdl.collective.runs import Runs, joined
from sparkdl.collective.segment import boot_id
from sparkdl.collective.shared_memory import SharedMemory, share_memory
from sparkdl.collective.sums import byte_view, check_flat, check_summands, check_writeable
from sparkdl.collective.wire import Kind
from sparkdl.types import Collective, ExchangePrecision, FlatVector


def by_hosts(mesh: Mesh, place: str | None = None, precision: ExchangePrecision = "float32") -> Collective:
    """The fastest way that connected workers have; every worker calls it.

    Args:
        mesh: the connections of all workers; closed with what is returned.
        place: names this worker's host; by default its kernel and its address.
        precision: what is rounded to before it leaves a host for a sum.

    Returns:
        a SharedMemory where all workers see the same memory, a TwoLevel where those of each host do, otherwise the
        mesh itself.

    Raises:
        CollectiveError: a worker left.
    """
    place = place or f"{boot_id() or mesh.rank} {mesh.host}"
    routes = Routes.of([told.decode() for told in mesh.all_gather_bytes(place.encode())])
    if not routes.useful:
        collective = share_memory(mesh)
        if collective is mesh:
            mesh.round_to(precision)
        return collective
    members = routes.hosts[routes.host(mesh.rank)]
    local = share_memory(mesh.group(members)) if len(members) > 1 else None
    shared = not isinstance(local, Mesh)
    mesh.round_to(precision)
    if all(vote == b"yes" for vote in mesh.all_gather_bytes(b"yes" if shared else b"no")):
        return TwoLevel(mesh, local if isinstance(local, SharedMemory) else None, routes)
    if isinstance(local, SharedMemory):
        local.release()
    return mesh


class TwoLevel:
    """Implements `sparkdl.types.Collective` over hosts; made by `by_hosts`."""

    networked = True

    def __init__(self, mesh: Mesh, local: SharedMemory | None, routes: Routes) -> None:
        """Takes over the connections of all workers, and the memory of those on this host (None: nobody else is)."""
        self.rank = mesh.rank
        self.size = mesh.size
        self.groups = routes.hosts
        self._mesh = mesh
        self._local = local
        self._host = routes.host(mesh.rank)
        self._carried = routes.carried(mesh.rank)
        self._carriers = routes.carriers(mesh.rank)
        self._shares = [(rank, *routes.carried(rank)) for rank in routes.hosts[self._host]]
        self.precision = mesh.precision
        self._host_memory = np.empty(0, np.float32)
        self._sums = PartSums(CODECS[mesh.precision], len(routes.hosts))

    def reduce_scatter(
        self, values: FlatVector, bounds: Sequence[int], scalars: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `sparkdl.types.Collective`."""
        check_summands(values, bounds, self.size, scalars)
        if self._local is not None and not self._local.holds(scalars):
            return self._mesh.reduce_scatter(values, bounds, scalars)
        parts, scalars = self._host_sums(values, bounds, scalars)
        return self._sum_of_hosts(parts, scalars)

    def _host_sums(
        self, values: FlatVector, bounds: Sequence[int], scalars: np.ndarray
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """What this host has of my part and of each part that I carry, and its sums of the scalars."""
        mine = [(bounds[rank], bounds[rank + 1]) for rank in (self.rank, *self._carried)]
        if self._local is None:
            whole = joined(values)
            return [whole[low:high] for low, high in mine], scalars
        lengths = [high - low for low, high in mine]
        if len(self._host_memory) < sum(lengths):
            self._host_memory = np.empty(sum(lengths), np.float32)
        sums = self._host_memory[: sum(lengths)]
        _, totals = self._local.reduce_runs(self._runs(values, bounds), sums, scalars)
        return np.split(sums, np.cumsum(lengths)[:-1]), totals

    def _runs(self, values: FlatVector, bounds: Sequence[int]) -> list[Runs]:
        """What each worker of this host sums up, or brings, for all of them."""
        return [Runs.of(values, [(bounds[rank], bounds[rank + 1]) for rank in share]) for share in self._shares]

    def _sum_of_hosts(self, parts: Sequence[np.ndarray], scalars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mine, *others = parts
        sums = self._sums
        sums.begin(self._host, mine, scalars)
        outgoing = {rank: sums.outgoing(part) for rank, part in zip(self._carried, others, strict=True)}
        incoming = {rank: sums.incoming(host) for host, rank in self._carriers}
        self._mesh.swap(Kind.REDUCE_SCATTER, outgoing, incoming, sums.advance)
        return sums.result()

    def all_gather(self, values: np.ndarray, bounds: Sequence[int]) -> None:
        """See `sparkdl.types.Collective`."""
        check_flat(values, bounds, self.size, "all_gather")
        check_writeable(values)

        def part(rank: int) -> tuple[memoryview]:
            return (byte_view(values[bounds[rank] : bounds[rank + 1]]),)

        outgoing = {rank: part(self.rank) for _, rank in self._carriers}
        self._mesh.swap(Kind.ALL_GATHER, outgoing, {rank: part(rank) for rank in self._carried})
        if self._local is not None:
            self._local.gather_runs(self._runs(values, bounds))

    def all_sum(self, values: np.ndarray) -> np.ndarray:
        """See `sparkdl.types.Collective`."""
        return self._mesh.all_sum(values)

    def all_gather_bytes(self, payload: bytes) -> list[bytes]:
        """See `sparkdl.types.Collective`."""
        return self._mesh.all_gather_bytes(payload)

    def broadcast(self, payload: bytes, root: int = 0) -> bytes:
        """See `sparkdl.types.Collective`."""
        return self._mesh.broadcast(payload, root)

    def barrier(self) -> None:
        """See `sparkdl.types.Collective`."""
        self._mesh.barrier()

    def close(self) -> None:
        """See `sparkdl.types.Collective`."""
        self._mesh.close()
        if self._local is not None:
            self._local.release()
