"""Messages between the driver and its workers: the driver's Hub, and each worker's Channel to it."""

from __future__ import annotations

import select
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from sparkdl.collective.certificate import Identity
from sparkdl.collective.introduction import HANDSHAKE_SECONDS, Introduction, introduce
from sparkdl.collective.messages import Message, Stream
from sparkdl.collective.rendezvous import STRANGERS, accept, open_listener
from sparkdl.collective.security import Credentials, answer, call
from sparkdl.collective.tls import Connection, Tls, TlsSocket
from sparkdl.errors import CollectiveError

OnMessage = Callable[[int, str, dict[str, Any], bytes], None]
OnDisconnect = Callable[[int], None]
# The driver's place in the handshake, where workers have their rank.
DRIVER = 0xFFFFFFFF
TICK_SECONDS = 1.0
QUIET_SECONDS = 0.1


class Hub:
    """The driver's end: listens, and hears all workers on one thread. Use it as a context manager.

    A stranger, a worker of another attempt, a second worker of the same rank or a broken message costs the
    connection that it came from, and nothing else.
    """

    def __init__(
        self,
        host: str,
        secret: bytes,
        generation: str,
        on_message: OnMessage,
        on_disconnect: OnDisconnect | None = None,
        workers: int = DRIVER,
        identity: Identity | None = None,
    ) -> None:
        """Starts to listen.

        Args:
            host: the only address to listen on.
            secret: the run's secret, at least 16 bytes.
            generation: the id of this attempt.
            on_message: called on the hub's thread with (rank, kind, header, payload). What it raises ends the hub,
                and is raised again by `close`.
            on_disconnect: called on the hub's thread with the rank of a worker whose connection ended.
            workers: how many there are; higher ranks are refused.
            identity: of the run, where its connections are encrypted.

        Raises:
            CollectiveError: the address is not one of this machine.
        """
        self._credentials = Credentials(secret, "channel", generation)
        self._tls = Tls(identity) if identity is not None else None
        self._listener = open_listener(host)
        self.host, self.port = self._listener.getsockname()[:2]
        self._on_message = on_message
        self._on_disconnect = on_disconnect
        self._workers = workers
        self._strangers = STRANGERS + (workers if workers != DRIVER else 0)
        self._lock = threading.Lock()
        self._streams: dict[int, Stream] = {}
        self._ticked = time.monotonic()
        self._closing: float | None = None
        self._error: Exception | None = None
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._bell, selectors.EVENT_READ, self._hear_bell)
        self._thread = threading.Thread(target=self._run, name="sparkdl-hub", daemon=True)
        self._thread.start()

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connected(self) -> frozenset[int]:
        """The ranks that are connected now."""
        with self._lock:
            return frozenset(self._streams)

    def silent(self, seconds: float) -> list[int]:
        """The connected ranks of which not a byte has come for so long, by the time when the hub last listened."""
        with self._lock:
            return sorted(rank for rank, stream in self._streams.items() if self._ticked - stream.heard > seconds)

    def send(self, rank: int, kind: str, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Queues a message for a worker and returns at once; callable from any thread, also from the callbacks.

        Raises:
            CollectiveError: that worker is not connected.
        """
        with self._lock:
            stream = self._streams.get(rank)
            if stream is None:
                raise CollectiveError(f"Cannot send {kind!r} to rank {rank}: it is not connected to the driver.")
            stream.queue(kind, header, payload)
        self._ring()

    def close(self, seconds: float = 5.0) -> None:
        """Delivers what is under way in both directions (for at most `seconds`), then hangs up. Safe to call twice.

        Raises:
            Exception: what a callback raised.
        """
        if self._closing is None:
            self._closing = time.monotonic() + seconds
            self._ring()
        if threading.current_thread() is self._thread:
            return
        self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _ring(self) -> None:
        try:
            self._ringer.send(b"!")
        except OSError:
            pass  # The bell is full, so the thread wakes up anyway; or the hub is closed.

    def _hear_bell(self, _: selectors.SelectorKey) -> None:
        try:
            self._bell.recv(4096)
        except BlockingIOError:
            return

    def _run(self) -> None:
        try:
            while not self._finished():
                self._tick()
        except Exception as error:  # noqa: BLE001 - `close` raises it on the driver's own thread
            self._error = error
        finally:
            self._release()

    def _finished(self) -> bool:
        """Whether closing was asked for, and nothing has moved for a moment."""
        if self._closing is None:
            return False
        return time.monotonic() > self._closing or self._quiet()

    def _quiet(self) -> bool:
        with self._lock:
            busy = any(stream.pending or stream.receiving for stream in self._streams.values())
            patience = QUIET_SECONDS if self._streams else 0.0
        return not self._ready(patience) and not busy

    def _ready(self, seconds: float) -> list[selectors.SelectorKey]:
        """Who is to be served, within so many seconds; no selector knows what TLS has decrypted already."""
        with self._lock:
            waiting = [stream.connection for stream in self._streams.values() if stream.buffered]
        keys = {key.fd: key for key in map(self._selector.get_key, waiting)}
        keys |= {key.fd: key for key, _ in self._selector.select(0 if keys else seconds)}
        return list(keys.values())

    def _tick(self) -> None:
        now = time.monotonic()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, Introduction) and key.data.expires < now:
                self._hang_up(key.data.connection)
        with self._lock:
            sending = [stream for stream in self._streams.values() if stream.pending]
        for stream in sending:
            key = self._selector.get_key(stream.connection)
            self._selector.modify(stream.connection, selectors.EVENT_READ | selectors.EVENT_WRITE, key.data)
        # The listener comes last, for whom it lets in may take another's place.
        ready = sorted(self._ready(TICK_SECONDS), key=lambda key: key.fileobj is self._listener)
        self._ticked = now
        for key in ready:
            if isinstance(key.data, int):
                self._serve(key.data)
            elif isinstance(key.data, Introduction):
                self._introduce(key.data)
            else:
                key.data(key)

    def _accept(self, _: selectors.SelectorKey) -> None:
        connection = accept(self._listener, self._tls)
        if connection is None:
            return
        strangers = [key.data for key in self._selector.get_map().values() if isinstance(key.data, Introduction)]
        if len(strangers) >= self._strangers:
            self._hang_up(min(strangers, key=lambda stranger: stranger.expires).connection)
        introduction = Introduction(connection, answer(self._credentials, DRIVER), HANDSHAKE_SECONDS)
        self._selector.register(connection, introduction.events, introduction)

    def _introduce(self, introduction: Introduction) -> None:
        connection = introduction.connection
        try:
            if not introduction.advance():
                self._selector.modify(connection, introduction.events, introduction)
                return
        except (CollectiveError, OSError):
            self._hang_up(connection)
            return
        rank = introduction.rank
        if rank is None or rank >= self._workers or rank in self._streams:
            self._hang_up(connection)
            return
        self._selector.modify(connection, selectors.EVENT_READ, rank)
        with self._lock:
            self._streams[rank] = Stream(connection)

    def _serve(self, rank: int) -> None:
        stream = self._streams[rank]
        try:
            with self._lock:
                if stream.pending and stream.flush():
                    self._selector.modify(stream.connection, selectors.EVENT_READ, rank)
            message = stream.fetch()
        except (CollectiveError, OSError):
            with self._lock:
                del self._streams[rank]
            self._hang_up(stream.connection)
            if self._on_disconnect is not None:
                self._on_disconnect(rank)
            return
        if message is not None:
            self._on_message(rank, *message)

    def _hang_up(self, connection: Connection) -> None:
        self._selector.unregister(connection)
        connection.close()

    def _release(self) -> None:
        with self._lock:
            self._streams.clear()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, (socket.socket, TlsSocket)):
                key.fileobj.close()
        self._ringer.close()
        self._selector.close()


class Channel:
    """A worker's end: its connection to the driver's Hub. Use it as a context manager.

    Attributes:
        lost: whether the driver was found to be gone.
    """

    def __init__(self, connection: Connection, deadline: float) -> None:
        """Takes over an authenticated connection; see `connect`."""
        self.lost = False
        self._stream = Stream(connection)
        self._deadline = deadline
        self._sending = threading.Lock()
        self._receiving = threading.Lock()

    @classmethod
    def connect(
        cls,
        address: tuple[str, int],
        secret: bytes,
        generation: str,
        rank: int,
        deadline: float,
        identity: Identity | None = None,
    ) -> Channel:
        """Connects to the driver.

        Args:
            address: host and port of the Hub.
            secret: the run's secret.
            generation: the id of this attempt.
            rank: number of this worker.
            deadline: seconds for the connection to be made, and for each message to be taken.
            identity: of the run, where its connections are encrypted.

        Raises:
            CollectiveError: the driver cannot be reached, or refused this worker.
        """
        host, port = address
        connection: Connection | None = None
        try:
            # Spark puts IPv6 addresses into brackets.
            connection = opened = socket.create_connection((host.strip("[]"), port), timeout=deadline)
            if identity is not None:
                connection = Tls(identity).caller(opened)
            introduce(connection, call(Credentials(secret, "channel", generation), rank, DRIVER), deadline)
        except (OSError, CollectiveError) as error:
            if connection is not None:
                connection.close()
            raise CollectiveError(
                f"Rank {rank} cannot reach the driver at {host}:{port}: {error}; check that executors may open "
                "connections to the driver (spark.driver.host, spark.driver.bindAddress, firewalls)."
            ) from error
        return cls(connection, deadline)

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, kind: str, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Sends a message, and returns when the system has taken all of it; callable from any thread.

        Raises:
            CollectiveError: the driver is gone, or takes nothing for the deadline.
        """
        with self._sending:
            self._stream.queue(kind, header, payload)
            try:
                while not self._stream.flush():
                    if not self._stream.wait(select.POLLOUT, self._deadline):
                        raise TimeoutError(f"it took nothing for {self._deadline:g} s")
            except OSError as error:
                self.lost = True
                self.close()
                raise CollectiveError(f"The driver is lost while {kind!r} was sent to it: {error}.") from error

    def suffices(self, error: BaseException) -> bool:
        """Whether telling the driver of a failure is enough: it hears that at once, and ends the stage itself."""
        return not self.lost

    def receive(self, deadline: float) -> Message:
        """Waits for the next message.

        Raises:
            CollectiveError: the driver is gone, or sent nothing for `deadline` seconds.
        """
        with self._receiving:
            while True:
                message = self._fetch()
                if message is not None:
                    return message
                if not self._stream.wait(select.POLLIN, deadline):
                    raise CollectiveError(f"The driver sent nothing for {deadline:g} s.")

    def poll(self) -> Message | None:
        """The next message if it has arrived; never waits.

        Raises:
            CollectiveError: the driver is gone.
        """
        with self._receiving:
            return self._fetch()

    def _fetch(self) -> Message | None:
        try:
            return self._stream.fetch()
        except (OSError, CollectiveError) as error:
            self.close()
            raise CollectiveError(f"The driver is lost: {error}.") from error

    def close(self) -> None:
        """Hangs up; safe to call twice."""
        self._stream.connection.close()
