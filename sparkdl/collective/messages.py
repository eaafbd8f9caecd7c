"""Messages of any size, cut into bounded frames: a name, a JSON header and a payload of plain bytes.

A message is one MESSAGE frame, whose body is the JSON list [kind, header, bytes of payload], and as many CHUNK
frames as the payload needs. Nothing is ever unpickled, and memory is taken only for what arrives: a header that
promises more than is sent costs one chunk.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sparkdl.collective.tls import Connection, buffered
from sparkdl.collective.wire import HEADER, LONGEST, MAGIC, Kind, pack_header
from sparkdl.errors import ArgumentError, CollectiveError

LONGEST_HEADER = 1 << 24
LONGEST_CHUNK = 1 << 22
# A stream yields to the others after so many reads, even when more has arrived.
READS_IN_A_ROW = 64


class Message(NamedTuple):
    """What was sent: its kind, its JSON header, its payload."""

    kind: str
    header: dict[str, Any]
    payload: bytes


def frames(sequence: int, kind: str, header: Mapping[str, Any], payload: bytes) -> Iterator[memoryview]:
    """The bytes of a message, in order; the payload is not copied.

    Raises:
        ArgumentError: the header is too long.
        TypeError: the header is not JSON.
    """
    body = json.dumps([kind, dict(header), len(payload)]).encode()
    if len(body) > LONGEST_HEADER:
        raise ArgumentError(
            f"The header of message {kind!r} has {len(body)} bytes, and {LONGEST_HEADER} are possible; "
            "put large values into the payload."
        )
    yield memoryview(pack_header(Kind.MESSAGE, sequence, len(body)) + body)
    view = memoryview(payload)
    for start in range(0, len(payload), LONGEST_CHUNK):
        chunk = view[start : start + LONGEST_CHUNK]
        yield memoryview(pack_header(Kind.CHUNK, sequence, len(chunk)))
        yield chunk


class Assembler:
    """Puts a message together from what arrives: fill `room`, then tell `filled` how much of it."""

    def __init__(self) -> None:
        self._sequence = 0
        self._begin()

    def _begin(self) -> None:
        self._sequence += 1
        self._about: tuple[str, dict[str, Any]] | None = None
        self._payload: list[bytearray] = []
        self._missing = 0
        self._await_header()

    def _await_header(self) -> None:
        self._in_header = True
        self._buffer = bytearray(HEADER.size)
        self.room = memoryview(self._buffer)

    @property
    def idle(self) -> bool:
        """Whether nothing of the next message has arrived."""
        return self._about is None and self._in_header and len(self.room) == HEADER.size

    def filled(self, count: int) -> Message | None:
        """Takes note of `count` bytes in `room`; gives the message when it is complete.

        Raises:
            CollectiveError: the bytes are no message.
        """
        self.room = self.room[count:]
        if self.room:
            return None
        if self._in_header:
            self._open()
            return None
        if self._about is None:
            kind, header, self._missing = _parse(self._buffer)
            self._about = (kind, header)
        if self._missing:
            self._await_header()
            return None
        message = Message(*self._about, b"".join(self._payload))
        self._begin()
        return message

    def _open(self) -> None:
        magic, kind, sequence, length = HEADER.unpack(self._buffer)
        expected = Kind.MESSAGE if self._about is None else Kind.CHUNK
        limit = LONGEST_HEADER if self._about is None else min(self._missing, LONGEST_CHUNK)
        if magic != MAGIC or kind != expected or sequence != self._sequence or not 0 < length <= limit:
            raise CollectiveError("What arrived is no frame of a message; is the other side of another version?")
        self._in_header = False
        self._buffer = bytearray(length)
        self.room = memoryview(self._buffer)
        if self._about is not None:
            self._payload.append(self._buffer)
            self._missing -= length


def _parse(body: bytearray) -> tuple[str, dict[str, Any], int]:
    try:
        kind, header, length = json.loads(body)
    except (ValueError, TypeError, RecursionError) as error:
        raise CollectiveError("The header of a message is not the JSON that it should be.") from error
    proper = isinstance(kind, str) and isinstance(header, dict) and type(length) is int
    if not proper or not 0 <= length <= LONGEST:
        raise CollectiveError("The header of a message has other fields than kind, header and length.")
    return kind, header, length


class Stream:
    """Messages in both directions over one authenticated connection that never blocks.

    Attributes:
        heard: when the last byte came, by the monotonic clock.
    """

    def __init__(self, connection: Connection) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self._outgoing: deque[memoryview] = deque()
        self._sent = 0
        self._assembler = Assembler()
        self.heard = time.monotonic()

    @property
    def pending(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._outgoing)

    @property
    def receiving(self) -> bool:
        """Whether a message has arrived in part."""
        return not self._assembler.idle

    @property
    def buffered(self) -> bool:
        """Whether something can be read although no selector says so."""
        return buffered(self.connection)

    def queue(self, kind: str, header: Mapping[str, Any], payload: bytes) -> None:
        """Puts a message behind those that still wait to be sent."""
        self._sent += 1
        self._outgoing.extend(frames(self._sent, kind, header, payload))

    def flush(self) -> bool:
        """Sends what is possible without waiting; True when all is gone.

        Raises:
            OSError: the connection is lost.
        """
        try:
            while self._outgoing:
                buffer = self._outgoing[0]
                count = self.connection.send(buffer)
                if count < len(buffer):
                    self._outgoing[0] = buffer[count:]
                else:
                    self._outgoing.popleft()
        except BlockingIOError:
            return False
        return True

    def fetch(self) -> Message | None:
        """A message, if one is complete; never waits, and reads no further than its end.

        Raises:
            OSError: the connection is lost, or the other side hung up.
            CollectiveError: what arrived is no message.
        """
        try:
            for _ in range(READS_IN_A_ROW):
                count = self.connection.recv_into(self._assembler.room)
                if not count:
                    raise ConnectionAbortedError("the other side hung up")
                self.heard = time.monotonic()
                message = self._assembler.filled(count)
                if message is not None:
                    return message
        except BlockingIOError:
            return None
        return None

    def wait(self, events: int, seconds: float) -> bool:
        """Waits until something can be read or written (`select.POLLIN`, `select.POLLOUT`); False if not in time."""
        if events & select.POLLIN and self.buffered:
            return True
        poller = select.poll()
        poller.register(self.connection, events)
        return bool(poller.poll(max(seconds, 0) * 1000))
