"""Who carries what between hosts: every worker's part of a vector goes by one worker of each other host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Routes:
    """Which workers share a host, and who carries the parts of those elsewhere.

    Attributes:
        hosts: the ranks on each host, rising; the hosts in the order of their first ranks.

    Example:
        >>> routes = Routes.of(["a", "a", "b", "b", "b"])
        >>> [routes.carried(rank) for rank in range(5)]
        [(2, 4), (3,), (0,), (1,), ()]
        >>> routes.carriers(4)
        ((0, 0),)
    """

    hosts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, places: Sequence[str]) -> Routes:
        """Routes of workers, from where each of them is."""
        hosts: dict[str, list[int]] = {}
        for rank, place in enumerate(places):
            hosts.setdefault(place, []).append(rank)
        return cls(tuple(map(tuple, hosts.values())))

    @property
    def useful(self) -> bool:
        """Whether there is more than one host, and one with more than one worker."""
        return 1 < len(self.hosts) < sum(map(len, self.hosts))

    def host(self, rank: int) -> int:
        """The number of the host of a worker."""
        return next(number for number, members in enumerate(self.hosts) if rank in members)

    def carried(self, rank: int) -> tuple[int, ...]:
        """The workers of other hosts whose parts this worker carries for its host: about as many for each on it."""
        number = self.host(rank)
        members = self.hosts[number]
        return self._elsewhere(number)[members.index(rank) :: len(members)]

    def carriers(self, rank: int) -> tuple[tuple[int, int], ...]:
        """Who carries this worker's part on each other host: pairs of host and rank, in the order of hosts."""
        own = self.host(rank)
        found = []
        for number, members in enumerate(self.hosts):
            if number != own:
                place = self._elsewhere(number).index(rank)
                found.append((number, members[place % len(members)]))
        return tuple(found)

    def _elsewhere(self, number: int) -> tuple[int, ...]:
        return tuple(sorted(rank for other, host in enumerate(self.hosts) if other != number for rank in host))
