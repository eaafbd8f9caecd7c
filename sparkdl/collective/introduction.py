"""Carries the conversation of `security` over a connection that never blocks, after TLS has made its own."""

from __future__ import annotations

import selectors
import ssl
import time

from sparkdl.collective.security import Conversation, Step
from sparkdl.collective.tls import Connection, TlsSocket
from sparkdl.errors import CollectiveError

HANDSHAKE_SECONDS = 10.0


class Introduction:
    """One connection that is not trusted yet. Reads exactly what the conversation asks for, not a byte more."""

    def __init__(self, connection: Connection, conversation: Conversation, seconds: float) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.expires = time.monotonic() + seconds
        self.rank: int | None = None
        self._conversation = conversation
        self._received = b""
        self._step: Step = next(conversation)
        self._outgoing = self._step.send
        self._encrypting = connection if isinstance(connection, TlsSocket) else None
        self._encryption_wants = 0

    @property
    def events(self) -> int:
        """What to wait for, in the words of `selectors`."""
        if self._encrypting is not None and self._encryption_wants:
            return self._encryption_wants
        return selectors.EVENT_WRITE if self._outgoing else selectors.EVENT_READ

    def advance(self) -> bool:
        """Goes on as far as possible without waiting; True once both sides are known (`rank` is set).

        Raises:
            CollectiveError: the other side is not who it should be, or hung up.
            OSError: the connection failed.
        """
        try:
            if self._encrypting is not None:
                self._encrypt(self._encrypting)
            while self.rank is None:
                self._exchange()
        except BlockingIOError:
            return False
        except ssl.SSLError as error:
            reason = error.reason or "no answer"
            raise CollectiveError(
                f"TLS with it failed ({reason}): its certificate is not that of this run, or it does not encrypt."
            ) from error
        return True

    def _encrypt(self, connection: TlsSocket) -> None:
        try:
            connection.do_handshake()
        except ssl.SSLWantReadError:
            self._encryption_wants = selectors.EVENT_READ
            raise BlockingIOError from None
        except ssl.SSLWantWriteError:
            self._encryption_wants = selectors.EVENT_WRITE
            raise BlockingIOError from None
        self._encrypting = None

    def _exchange(self) -> None:
        while self._outgoing:
            self._outgoing = self._outgoing[self.connection.send(self._outgoing) :]
        while len(self._received) < self._step.read:
            received = self.connection.recv(self._step.read - len(self._received))
            if not received:
                raise CollectiveError("It hung up: its secret or its attempt is another one.")
            self._received += received
        answer, self._received = self._received, b""
        try:
            self._step = self._conversation.send(answer)
            self._outgoing = self._step.send
        except StopIteration as end:
            self.rank = end.value


def introduce(connection: Connection, conversation: Conversation, seconds: float) -> int:
    """Holds the whole conversation, waiting where needed; returns the other side's rank.

    Raises:
        CollectiveError: the other side is not who it should be, hung up, or took longer than `seconds`.
        OSError: the connection failed.
    """
    introduction = Introduction(connection, conversation, seconds)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, introduction.events)
        while not introduction.advance():
            selector.modify(connection, introduction.events)
            selector.select(max(introduction.expires - time.monotonic(), 0))
            if time.monotonic() > introduction.expires:
                raise CollectiveError(f"It did not complete the handshake within {seconds:g} s.")
    return int(introduction.rank or 0)
