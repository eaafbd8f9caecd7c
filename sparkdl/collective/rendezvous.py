"""How workers find each other: addresses through the caller's `gather`, then authenticated connections."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import selectors
import socket
import time
from collections.abc import Callable, Iterable

from sparkdl.collective.base import Solo
from sparkdl.collective.certificate import Identity
from sparkdl.collective.introduction import HANDSHAKE_SECONDS, Introduction
from sparkdl.collective.mesh import Mesh
from sparkdl.collective.security import Credentials, answer, call
from sparkdl.collective.tls import Connection, Tls
from sparkdl.collective.two_level import by_hosts
from sparkdl.collective.wire import Link
from sparkdl.errors import ArgumentError, CollectiveError
from sparkdl.types import Collective, ExchangePrecision

Gather = Callable[[str], list[str]]
# Unauthenticated connections held at the same time, beside one for each worker: more would use up the descriptors of
# this process. When another one comes the oldest goes, so that those who stay silent keep nobody out.
STRANGERS = 64
BACKLOG = 256


def open_listener(host: str) -> socket.socket:
    """Listens on a free port of this host's address `host`, and on no other address.

    Raises:
        CollectiveError: the address is not one of this machine.

    Example:
        >>> with open_listener("127.0.0.1") as listener:
        ...     listener.getsockname()[0]
        '127.0.0.1'
    """
    host = host.strip("[]")  # Spark puts IPv6 addresses into brackets.
    if not host:
        raise ArgumentError("open_listener needs the address of this host, but received an empty string.")
    try:
        family = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, 0), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CollectiveError(
            f"Cannot listen on {host!r}: {error.strerror or error}; give an address of this machine that the "
            "other machines can reach."
        ) from error
    listener.setblocking(False)
    return listener


def accept(listener: socket.socket, tls: Tls | None) -> Connection | None:
    """The next connection, None if it hung up before it was accepted."""
    try:
        connection, _ = listener.accept()
    except OSError:
        return None
    try:
        return connection if tls is None else tls.answerer(connection)
    except OSError:
        connection.close()
        return None


def connect_mesh(
    rank: int,
    size: int,
    listener: socket.socket,
    gather: Gather,
    secret: bytes,
    generation: str,
    deadline: float,
    identity: Identity | None = None,
) -> Mesh:
    """Connects this worker with all others; every worker calls it at about the same time.

    Args:
        rank: number of this worker, 0 to size - 1.
        size: number of workers, at least 2.
        listener: from `open_listener`; closed when this returns or raises.
        gather: takes this worker's string, gives everybody's in rank order (Spark's `BarrierTaskContext.allGather`).
        secret: the run's secret, at least 16 bytes.
        generation: the id of this attempt.
        deadline: seconds for the connections to be made, and of silence in every operation of the Mesh.
        identity: of the run, where its connections are encrypted.

    Raises:
        CollectiveError: naming the workers that did not come.
    """
    with listener:
        host, port = listener.getsockname()[:2]
        if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
            raise ArgumentError(f"Workers cannot find each other at {host}; listen on an address they can reach.")
        addresses = _addresses(gather(json.dumps({"host": host, "port": port})), size)
        tls = Tls(identity) if identity is not None else None
        meeting = _Meeting(rank, addresses, listener, Credentials(secret, "mesh", generation), deadline, tls)
        try:
            meeting.run()
            links = [Link(connection, peer) for peer, connection in meeting.connections.items()]
        except BaseException:
            meeting.close()
            raise
    return Mesh(rank, links, [address[0] for address in addresses], deadline)


def connect(
    rank: int,
    size: int,
    gather: Gather,
    secret: bytes,
    generation: str,
    deadline: float,
    host: str,
    identity: Identity | None = None,
    precision: ExchangePrecision = "float32",
) -> Collective:
    """Connects this worker with all others by the fastest way that they have; every worker calls it.

    Args:
        rank: number of this worker, 0 to size - 1.
        size: number of workers.
        gather: takes this worker's string, gives everybody's in rank order (Spark's `BarrierTaskContext.allGather`).
        secret: the run's secret, at least 16 bytes.
        generation: the id of this attempt.
        deadline: seconds for the connections to be made, and of silence in every operation.
        host: the address of this worker's machine at which the others reach it.
        identity: of the run, where its connections are encrypted; memory that workers of one host share is not.
        precision: what is rounded to before it leaves a host for a sum.

    Raises:
        CollectiveError: naming the workers that did not come.
    """
    if size == 1:
        return Solo()
    mesh = connect_mesh(rank, size, open_listener(host), gather, secret, generation, deadline, identity)
    try:
        return by_hosts(mesh, precision=precision)
    except BaseException:
        mesh.close()
        raise


def _addresses(replies: list[str], size: int) -> list[tuple[str, int]]:
    if len(replies) != size:
        raise CollectiveError(f"The rendezvous brought {len(replies)} workers together where {size} were expected.")
    return [(str(entry["host"]), int(entry["port"])) for entry in map(json.loads, replies)]


class _Meeting:
    """Calls the lower ranks, is called by the higher ones; one loop, so that nobody can hold it up."""

    def __init__(
        self,
        rank: int,
        addresses: list[tuple[str, int]],
        listener: socket.socket,
        credentials: Credentials,
        deadline: float,
        tls: Tls | None,
    ) -> None:
        self.connections: dict[int, Connection] = {}
        self._rank = rank
        self._addresses = addresses
        self._listener = listener
        self._credentials = credentials
        self._deadline = deadline
        self._tls = tls
        self._expires = time.monotonic() + deadline
        self._refused = 0
        self._called: dict[Connection, int] = {}
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Returns when all are connected.

        Raises:
            CollectiveError: naming the workers that cannot be reached or did not come in time.
        """
        with self._selector:
            try:
                self._selector.register(self._listener, selectors.EVENT_READ)
                for peer in range(self._rank):
                    self._call(peer)
                while len(self.connections) < len(self._addresses) - 1:
                    self._serve()
            finally:
                self._drop(self._introductions())

    def _serve(self) -> None:
        now = time.monotonic()
        self._drop(introduction for introduction in self._introductions() if introduction.expires < now)
        if now >= self._expires:
            raise CollectiveError(self._absent())
        ready = [key for key, _ in self._selector.select(min(self._expires - now, 1.0))]
        # The listener comes last, for whom it lets in may take another's place.
        for key in sorted(ready, key=lambda key: key.data is None):
            if key.data is None:
                self._welcome()
            else:
                self._advance(key.data)

    def close(self) -> None:
        """Hangs up everywhere."""
        for connection in (*self.connections.values(), *self._called):
            connection.close()

    def _call(self, peer: int) -> None:
        host, port = self._addresses[peer]
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            opened = socket.socket(family, kind, protocol)
            connection = opened if self._tls is None else self._tls.caller(opened)
            self._called[connection] = peer
            connection.setblocking(False)
            status = connection.connect_ex(address)
            if status not in (0, errno.EINPROGRESS):
                raise OSError(status, os.strerror(status))
        except OSError as error:
            raise self._unreachable(peer, error) from error
        self._register(Introduction(connection, call(self._credentials, self._rank, peer), self._deadline))

    def _welcome(self) -> None:
        connection = accept(self._listener, self._tls)
        if connection is None:
            return
        strangers = [one for one in self._introductions() if one.connection not in self._called]
        if len(strangers) >= len(self._addresses) + STRANGERS:
            self._drop([min(strangers, key=lambda stranger: stranger.expires)])
        self._register(Introduction(connection, answer(self._credentials, self._rank), HANDSHAKE_SECONDS))

    def _register(self, introduction: Introduction) -> None:
        self._selector.register(introduction.connection, introduction.events, introduction)

    def _advance(self, introduction: Introduction) -> None:
        connection = introduction.connection
        try:
            if not introduction.advance():
                self._selector.modify(connection, introduction.events, introduction)
                return
        except (CollectiveError, OSError) as error:
            self._drop([introduction])
            if connection in self._called:
                raise self._unreachable(self._called[connection], error) from error
            self._refused += 1
            return
        self._selector.unregister(connection)
        peer = introduction.rank
        expected = connection in self._called or (peer is not None and self._rank < peer < len(self._addresses))
        if peer is None or not expected or peer in self.connections:
            connection.close()
            self._refused += 1
        else:
            self.connections[peer] = connection

    def _introductions(self) -> list[Introduction]:
        return [key.data for key in self._selector.get_map().values() if key.data is not None]

    def _drop(self, introductions: Iterable[Introduction]) -> None:
        for introduction in introductions:
            self._selector.unregister(introduction.connection)
            introduction.connection.close()

    def _unreachable(self, peer: int, error: Exception) -> CollectiveError:
        host, port = self._addresses[peer]
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return CollectiveError(f"Rank {self._rank} cannot connect to rank {peer} at {host}:{port}: {reason}")

    def _absent(self) -> str:
        missing = [
            f"rank {peer} ({host})"
            for peer, (host, _) in enumerate(self._addresses)
            if peer != self._rank and peer not in self.connections
        ]
        refused = f" ({self._refused} connections were refused as strangers)" if self._refused else ""
        return f"{', '.join(missing)} did not connect to rank {self._rank} within {self._deadline:g} s{refused}."
