"""TLS under the frames: a socket that encrypts, with the few methods of `socket.socket` that the frames need.

Both ends show the run's certificate and accept no other one. Nothing is decided by names or addresses, and no
certificate authority has a say.
"""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparkdl.collective.certificate import Identity

# Bytes encrypted in one go. What would block must be offered again unchanged, so it is cut the same way every time.
PIECE = 1 << 16
# Bytes decrypted in one go, so that sending gets its turn.
LARGEST_READ = 1 << 20
WOULD_BLOCK = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Tls:
    """Makes encrypted connections out of sockets, for the holder of a run's identity."""

    def __init__(self, identity: Identity) -> None:
        self._caller = _context(ssl.PROTOCOL_TLS_CLIENT, identity)
        self._answerer = _context(ssl.PROTOCOL_TLS_SERVER, identity)

    def caller(self, connection: socket.socket) -> TlsSocket:
        """Takes over a socket that calls, connected or not yet."""
        return TlsSocket(connection, self._caller, server_side=False)

    def answerer(self, connection: socket.socket) -> TlsSocket:
        """Takes over a socket that was accepted.

        Raises:
            OSError: the caller hung up.
        """
        return TlsSocket(connection, self._answerer, server_side=True)


def _context(protocol: int, identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=identity.certificate.decode())
    with _as_file(identity.certificate + identity.key) as path:
        context.load_cert_chain(path)
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0  # Nobody resumes a session.
    return context


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path that OpenSSL can read `content` from: in memory where the system has that, else a private file."""
    if Path("/proc/self/fd").is_dir() and hasattr(os, "memfd_create"):
        with open(os.memfd_create("sparkdl"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile() as file:  # Readable by its owner only, and gone in a moment.
        file.write(content)
        file.flush()
        yield file.name


class TlsSocket:
    """An encrypted connection that never blocks: where it would, it raises BlockingIOError as a socket does.

    What was decrypted may be more than was asked for, and no selector knows of it: look at `buffered` before waiting.
    Once `do_handshake` is through, reading needs no writing and writing no reading: in TLS 1.3 only new keys would ask
    for that, and nobody asks for these.
    """

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, server_side: bool) -> None:
        """Takes over a socket; see `Tls`."""
        connection.setblocking(False)
        self._inner = context.wrap_socket(connection, server_side=server_side, do_handshake_on_connect=False)
        # OpenSSL wants one thread at a time, and a channel is read and written by two.
        self._lock = threading.Lock()
        self._ahead = bytearray()
        self._ended = False

    @property
    def buffered(self) -> bool:
        """Whether something can be read that has left the system's buffers."""
        with self._lock:
            return bool(self._ahead) or self._inner.pending() > 0

    def connect_ex(self, address: Any) -> int:
        """See `socket.socket`."""
        return self._inner.connect_ex(address)

    def do_handshake(self) -> None:
        """Goes on with the handshake of TLS as far as possible.

        Raises:
            ssl.SSLWantReadError, ssl.SSLWantWriteError: call it again when that is possible.
            OSError: the other side cannot be reached, or has not the run's certificate.
        """
        failed = self._inner.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            raise OSError(failed, os.strerror(failed))
        with self._lock:
            self._inner.do_handshake()

    def send(self, data: bytes | memoryview) -> int:
        """See `socket.socket`; after a BlockingIOError the same data must be sent next."""
        try:
            with self._lock:
                return self._inner.send(memoryview(data)[:PIECE])
        except WOULD_BLOCK:
            raise BlockingIOError from None

    def sendmsg(self, buffers: Sequence[memoryview]) -> int:
        """See `socket.socket`; after a BlockingIOError the same buffers must be sent next."""
        pieces, room = [], PIECE
        for buffer in buffers:
            pieces.append(buffer[:room])
            room -= pieces[-1].nbytes
            if not room:
                break
        return self.send(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def recv(self, count: int, flags: int = 0) -> bytes:
        """See `socket.socket`; of the flags it knows MSG_PEEK."""
        if flags & socket.MSG_PEEK:
            self._look_ahead(count)
            return bytes(self._ahead[:count])
        buffer = bytearray(count)
        return bytes(buffer[: self.recv_into(buffer)])

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        """See `socket.socket`; takes all that has arrived, where there is room for it."""
        view = memoryview(buffer)
        done = min(len(self._ahead), len(view))
        view[:done] = self._ahead[:done]
        del self._ahead[:done]
        return done or self._read(view)

    def recvmsg_into(self, buffers: Sequence[memoryview]) -> tuple[int, list[Any], int, Any]:
        """See `socket.socket`."""
        total = 0
        for buffer in buffers:
            try:
                count = self.recv_into(buffer[:LARGEST_READ])
            except OSError:
                if total:
                    break
                raise
            total += count
            if count < buffer.nbytes:
                break
        return total, [], 0, None

    def _look_ahead(self, count: int) -> None:
        room = bytearray(max(count - len(self._ahead), 0))
        try:
            self._ahead += room[: self._read(memoryview(room))]
        except OSError:
            if not self._ahead:
                raise

    def _read(self, view: memoryview) -> int:
        """Decrypts what has arrived, as far as there is room; 0 at the end of the stream."""
        done = 0
        with self._lock:
            while done < len(view) and not self._ended:
                try:
                    count = self._inner.recv_into(view[done:])
                except OSError as error:
                    if done:
                        break  # An error will be raised again, by the next read.
                    if isinstance(error, WOULD_BLOCK):
                        raise BlockingIOError from None
                    raise
                self._ended = not count
                done += count
        return done

    def fileno(self) -> int:
        """See `socket.socket`."""
        return self._inner.fileno()

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """See `socket.socket`."""
        self._inner.setsockopt(level, option, value)

    def setblocking(self, flag: bool) -> None:
        """See `socket.socket`."""
        self._inner.setblocking(flag)

    def shutdown(self, how: int) -> None:
        """See `socket.socket`; a thread that reads meanwhile finds the end of the stream."""
        socket.socket.shutdown(self._inner, how)

    def close(self) -> None:
        """See `socket.socket`."""
        self._inner.close()


Connection = socket.socket | TlsSocket


def buffered(connection: Connection) -> bool:
    """Whether a connection can be read although no selector says so."""
    return isinstance(connection, TlsSocket) and connection.buffered
