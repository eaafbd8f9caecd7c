"""Frames over one connection that never blocks: a fixed header, then as many bytes as it says."""

from __future__ import annotations

import contextlib
import enum
import select
import socket
import struct

from sparkdl.collective.tls import Connection, buffered

HEADER = struct.Struct("<4sIQQ")  # magic, kind, sequence number, length of what follows
MAGIC = b"sdl\x01"
LONGEST = 1 << 36
# Memory is taken for this much of a body of unknown length at a time: nobody gets more than he sends.
PIECE = 1 << 22
# Bytes taken in one go: small enough to be still in the cache when they are added up.
CHUNK = 1 << 20
RAN_AWAY = getattr(select, "POLLRDHUP", 0x2000) | select.POLLHUP | select.POLLERR


class Kind(enum.IntEnum):
    """What a frame is for."""

    REDUCE_SCATTER = 1
    ALL_GATHER = 2
    ALL_SUM = 3
    ALL_GATHER_BYTES = 4
    BROADCAST = 5
    BARRIER = 6
    GOODBYE = 7
    MESSAGE = 8
    CHUNK = 9


# What can be wrong with a peer; a goodbye carries the index, so the order is part of the protocol.
LEFT, LATE, CONFUSED = "left", "did not answer in time", "broke the protocol"
REASONS = (LEFT, LATE, CONFUSED)


class PeerError(ConnectionError):
    """Something is wrong with a peer: `rank` is to blame, `what` ends the sentence that begins with it."""

    def __init__(self, rank: int, what: str, reported: bool = False) -> None:
        super().__init__(f"rank {rank} {what}")
        self.rank = rank
        self.what = what
        self.reported = reported


def pack_header(kind: Kind, sequence: int, length: int) -> bytes:
    """The bytes in front of a frame."""
    return HEADER.pack(MAGIC, kind, sequence, length)


def advance(buffers: list[memoryview], count: int) -> None:
    """Drops the first `count` bytes of a list of buffers, and buffers that are empty.

    Example:
        >>> buffers = [memoryview(b"abc"), memoryview(b""), memoryview(b"def")]
        >>> advance(buffers, 4); [bytes(buffer) for buffer in buffers]
        [b'ef']
    """
    while buffers and count >= buffers[0].nbytes:
        count -= buffers.pop(0).nbytes
    if count:
        buffers[0] = buffers[0][count:]


class Link:
    """An authenticated connection to one peer, with at most one frame under way in each direction."""

    def __init__(self, connection: Connection, rank: int) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rank = rank
        self.descriptor = connection.fileno()
        self.missing = 0
        self._body: list[bytearray] = []
        self._connection = connection
        self._outgoing: list[memoryview] = []
        self._incoming: list[memoryview] = []
        self._header = bytearray(HEADER.size)
        self._header_missing = 0
        self._expected: tuple[Kind, int, int | None] = (Kind.BARRIER, 0, None)

    def send(self, kind: Kind, sequence: int, *buffers: memoryview) -> None:
        """Starts a frame; `step` sends it. The buffers must stay as they are until it is gone."""
        header = pack_header(kind, sequence, sum(buffer.nbytes for buffer in buffers))
        self._outgoing = [memoryview(header), *buffers]

    def expect(self, kind: Kind, sequence: int, *buffers: memoryview) -> None:
        """Prepares for a frame that fills the buffers exactly; `step` receives it."""
        length = sum(buffer.nbytes for buffer in buffers)
        self._expected = (kind, sequence, length)
        self._header_missing = HEADER.size
        self._incoming = [memoryview(self._header), *buffers]
        self.missing = HEADER.size + length

    def expect_body(self, kind: Kind, sequence: int) -> None:
        """Prepares for a frame of any length; `take_body` gives it."""
        self._expected = (kind, sequence, None)
        self._header_missing = HEADER.size
        self._incoming = [memoryview(self._header)]
        self.missing = HEADER.size
        self._body = []

    def take_body(self) -> bytes:
        """What came after `expect_body`, once `step` is done; the link keeps nothing of it."""
        body, self._body = b"".join(self._body), []
        return body

    @property
    def buffered(self) -> bool:
        """Whether something of the expected frame can be read although no poll says so."""
        return bool(self._incoming) and buffered(self._connection)

    @property
    def events(self) -> int:
        """What to wait for, in the words of `select.poll`; 0 when both directions are done."""
        return (select.POLLIN if self._incoming else 0) | (select.POLLOUT if self._outgoing else 0)

    def step(self) -> bool:
        """Sends and receives what is possible now, without waiting; True when both directions are done.

        Raises:
            PeerError: the peer left, or sent something else than expected, or blamed another.
        """
        try:
            if self._outgoing:
                self._push()
            if self._incoming:
                self._pull()
        except PeerError:
            raise
        except OSError as error:
            raise self.last_words() or PeerError(self.rank, LEFT) from error
        return not self._incoming and not self._outgoing

    def _push(self) -> None:
        try:
            while self._outgoing:
                advance(self._outgoing, self._connection.sendmsg(self._outgoing))
        except BlockingIOError:
            return

    def _pull(self) -> None:
        try:
            if len(self._incoming) == 1:
                count = self._connection.recv_into(self._incoming[0][:CHUNK])
            else:
                count = self._connection.recvmsg_into(self._incoming)[0]
        except BlockingIOError:
            return
        if not count:
            raise PeerError(self.rank, LEFT)
        self.missing -= count
        advance(self._incoming, count)
        if self._header_missing:
            self._header_missing -= min(count, self._header_missing)
            if not self._header_missing:
                self._open(self._header)
        elif self._body and not self._incoming and self.missing:
            self._make_room()

    def _open(self, header: bytearray) -> None:
        """Checks a header that has arrived, and makes room for what follows it."""
        magic, kind, sequence, length = HEADER.unpack(header)
        if magic == MAGIC and kind == Kind.GOODBYE:
            raise self._goodbye(sequence, length)
        expected_kind, expected_sequence, expected_length = self._expected
        known = magic == MAGIC and length <= LONGEST and kind == expected_kind and sequence == expected_sequence
        if not known or (expected_length is not None and length != expected_length):
            raise PeerError(self.rank, CONFUSED)
        if expected_length is None and length:
            self.missing = length
            self._make_room()

    def _make_room(self) -> None:
        self._body.append(bytearray(min(self.missing, PIECE)))
        self._incoming = [memoryview(self._body[-1])]

    def _goodbye(self, reason: int, culprit: int) -> PeerError:
        if reason >= len(REASONS):
            return PeerError(self.rank, CONFUSED)
        return PeerError(culprit, REASONS[reason], reported=True)

    def last_words(self) -> PeerError | None:
        """What is wrong with this peer if it hung up, None while it is there. Takes nothing from the stream."""
        poller = select.poll()
        poller.register(self.descriptor, RAN_AWAY)
        if not poller.poll(0):
            return None
        try:
            header = self._connection.recv(CHUNK, socket.MSG_PEEK)[-HEADER.size :]
        except OSError:
            return PeerError(self.rank, LEFT)
        if len(header) == HEADER.size:
            magic, kind, sequence, length = HEADER.unpack(header)
            if magic == MAGIC and kind == Kind.GOODBYE:
                return self._goodbye(sequence, length)
        return PeerError(self.rank, LEFT)

    def close(self, culprit: int | None = None, reason: str = LEFT) -> None:
        """Hangs up. With a culprit, tells the peer first who is to blame, where the stream still allows it."""
        if culprit is not None and not self._outgoing and self._connection.fileno() >= 0:
            try:
                self._connection.send(pack_header(Kind.GOODBYE, REASONS.index(reason), culprit))
            except OSError:
                pass  # The peer is gone, or its buffer is full: the end of the stream tells it enough.
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # which wakes a thread that waits for it, as close does not
        self._connection.close()
