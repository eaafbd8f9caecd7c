"""Who may talk to whom: both ends of a connection prove that they know the run's secret.

The conversation, all of fixed sizes, before anything else is read or believed:

    caller    -> magic, nonce
    answerer  -> nonce
    caller    -> its rank, HMAC(secret, "caller", purpose, generation, ranks, both nonces)
    answerer  -> HMAC(secret, "answerer", the same)

Fresh nonces of both sides make a replay useless, the role in the text makes a reflection useless, and the
generation keeps leftovers of an earlier attempt of the same run out. The functions here do no input or output.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple

from sparkdl.errors import ArgumentError, CollectiveError

MAGIC = b"sparkdl1"
NONCE = 32
PROOF = hashlib.sha256().digest_size
RANK = 4
SHORTEST_SECRET = 16


class Step(NamedTuple):
    """What a conversation wants next: bytes to send, then exactly so many bytes to read."""

    send: bytes
    read: int


Conversation = Generator[Step, bytes, int]


@dataclass(frozen=True)
class Credentials:
    """What both ends must agree on.

    Attributes:
        secret: the run's secret, at least 16 bytes; never sent, never shown.
        purpose: what the connection is for (`mesh`, `channel`), so that one cannot be passed off as the other.
        generation: the id of this attempt of the run.
    """

    secret: bytes = field(repr=False)
    purpose: str
    generation: str

    def __post_init__(self) -> None:
        if len(self.secret) < SHORTEST_SECRET:
            raise ArgumentError(
                f"The secret of a run needs at least {SHORTEST_SECRET} bytes, but it has {len(self.secret)}; "
                "make it with secrets.token_bytes(32)."
            )


def proof(credentials: Credentials, role: str, caller: int, answerer: int, nonces: bytes) -> bytes:
    """The HMAC that shows knowledge of the secret, bound to everything that the connection is.

    Example:
        >>> credentials = Credentials(b"0123456789abcdef", "mesh", "run-1")
        >>> proof(credentials, "caller", 1, 0, b"nonces") == proof(credentials, "answerer", 1, 0, b"nonces")
        False
    """
    fields = (role.encode(), credentials.purpose.encode(), credentials.generation.encode())
    text = b"".join(len(item).to_bytes(4, "big") + item for item in fields)
    ranks = caller.to_bytes(RANK, "big") + answerer.to_bytes(RANK, "big")
    return hmac.digest(credentials.secret, MAGIC + text + ranks + nonces, "sha256")


def call(credentials: Credentials, rank: int, answerer: int) -> Conversation:
    """The caller's side; returns the answerer's rank once both have proved themselves.

    Raises:
        CollectiveError: the other side does not know the secret, or belongs to another generation.
    """
    mine = secrets.token_bytes(NONCE)
    theirs = yield Step(MAGIC + mine, NONCE)
    claim = proof(credentials, "caller", rank, answerer, mine + theirs)
    answer = yield Step(rank.to_bytes(RANK, "big") + claim, PROOF)
    if not hmac.compare_digest(answer, proof(credentials, "answerer", rank, answerer, mine + theirs)):
        raise CollectiveError("The other side does not know the secret of this run, or belongs to another attempt.")
    return answerer


def answer(credentials: Credentials, answerer: int) -> Conversation:
    """The answerer's side; returns the caller's rank once the caller has proved itself.

    Raises:
        CollectiveError: the caller is a stranger.
    """
    greeting = yield Step(b"", len(MAGIC) + NONCE)
    if greeting[: len(MAGIC)] != MAGIC:
        raise CollectiveError("A stranger connected: what it sent is no greeting of sparkdl.")
    nonce = secrets.token_bytes(NONCE)
    claim = yield Step(nonce, RANK + PROOF)
    caller, nonces = int.from_bytes(claim[:RANK], "big"), greeting[len(MAGIC) :] + nonce
    if not hmac.compare_digest(claim[RANK:], proof(credentials, "caller", caller, answerer, nonces)):
        raise CollectiveError("A stranger connected: it does not know the secret, or belongs to another attempt.")
    yield Step(proof(credentials, "answerer", caller, answerer, nonces), 0)
    return caller
