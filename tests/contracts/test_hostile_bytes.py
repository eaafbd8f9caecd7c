"""Whatever bytes come from a socket or a file: a clear refusal, at once, and no more memory than they bring.

Thousands of cases for each reader: random bytes, and good ones that were cut, changed, repeated and swapped.
"""

from __future__ import annotations

import json
import random
import re
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdl.collective import security
from sparkdl.collective.messages import Assembler, frames
from sparkdl.collective.security import MAGIC, Credentials
from sparkdl.collective.wire import HEADER, LONGEST, PIECE, Kind, Link, PeerError, pack_header
from sparkdl.data.blocks import Block, pack, unpack
from sparkdl.engine.tree import decode_tree, encode_tree
from sparkdl.errors import CollectiveError, DataError
from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.types import TrainingState

CASES = 4000
CREDENTIALS = Credentials(b"0123456789abcdef", "mesh", "run-1")
NUMBERS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**36, 2**36 + 1, 2**63 - 1, 2**63, 2**64 - 1)
WORDS = (b"-1", b"null", b"1e999", b"[]", b"{}", b'"x"', b"true", b"99999999999999999999", b"|O8", b"NaN")


def truncated(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def flipped(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        if changed:
            changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def with_another_number(data: bytes, dice: random.Random) -> bytes:
    """A length somewhere becomes one of those at which programs break."""
    form = dice.choice(["<I", ">I", "<Q", ">Q"])
    limit = 2 ** (8 * struct.calcsize(form))
    number, place = struct.pack(form, dice.choice(NUMBERS) % limit), dice.randrange(len(data) + 1)
    return data[:place] + number + data[place + len(number) :]


def with_another_word(data: bytes, dice: random.Random) -> bytes:
    """A number or a text inside of the JSON becomes something else."""
    found = [match.span() for match in re.finditer(rb'\d+|"[^"]*"|\[\]', data[:2000])]
    start, end = dice.choice(found) if found else (0, 0)
    return data[:start] + dice.choice(WORDS) + data[end:]


def spliced(data: bytes, dice: random.Random) -> bytes:
    first, second = sorted(dice.randrange(len(data) + 1) for _ in range(2))
    return data[:second] + data[first:]


def invented(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.choice((0, 4, 8, 16))] + dice.randbytes(dice.randrange(200))


CHANGES = (truncated, flipped, with_another_number, with_another_word, spliced, invented)


def variants(good: bytes, name: str) -> Iterator[bytes]:
    dice = random.Random(name)
    for _ in range(CASES):
        data = good
        for _ in range(dice.randint(1, 2)):
            data = dice.choice(CHANGES)(data, dice)
        yield data


class Tape:
    """A connection that brings given bytes in pieces, and takes everything."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._turns = random.Random(len(data))

    def fileno(self) -> int:
        return 0

    def setblocking(self, flag: bool) -> None:
        pass

    def setsockopt(self, *_: int) -> None:
        pass

    def recv_into(self, buffer: memoryview) -> int:
        piece = self._data[: min(len(buffer), self._turns.randint(1, 4096))]
        buffer[: len(piece)], self._data = piece, self._data[len(piece) :]
        return len(piece)

    def recvmsg_into(self, buffers: list[memoryview]) -> tuple[int, list[Any], int, None]:
        return self.recv_into(next(buffer for buffer in buffers if buffer)), [], 0, None


def converse(conversation: security.Conversation, data: bytes) -> int:
    """Gives a side of the handshake what it asks for; returns whom it believes the other side to be."""
    step = next(conversation)
    while True:
        if len(data) < step.read:
            raise CollectiveError("It hung up.")
        given, data = data[: step.read], data[step.read :]
        try:
            step = conversation.send(given)
        except StopIteration as end:
            return int(end.value)


def assemble(data: bytes) -> None:
    assembler = Assembler()
    while data:
        count = min(len(assembler.room), len(data))
        assembler.room[:count], data = data[:count], data[count:]
        assembler.filled(count)


def receive_body(data: bytes) -> None:
    link = Link(Tape(data), 1)  # type: ignore[arg-type]
    link.last_words = lambda: None  # type: ignore[method-assign]
    link.expect_body(Kind.BROADCAST, 1)
    while not link.step():
        pass


def receive_piece(data: bytes) -> None:
    link = Link(Tape(data), 1)  # type: ignore[arg-type]
    link.last_words = lambda: None  # type: ignore[method-assign]
    link.expect(Kind.ALL_SUM, 1, memoryview(bytearray(8)), memoryview(bytearray(16)))
    while not link.step():
        pass


BODY = json.dumps([[1, 2], "text"]).encode()
STATE = TrainingState(
    {"weights": np.arange(20.0), "none": np.empty((0, 3), "float32"), "one": np.array(5)},
    {"epoch": 2, "nested": {"names": ["a"]}},
)
TREE = {"best": np.arange(10.0), 3: (float("inf"), None), "text": b"bytes", "set": {1, 2}}
BLOCK = Block(np.arange(4), (np.ones((4, 3), "float32"), np.zeros(4, "uint8")), np.zeros(4, "int8"))
MESSAGES = b"".join(bytes(part) for part in (*frames(1, "step", {"loss": 0.5}, b"abc"), *frames(2, "a", {}, b"")))

# What reads bytes of others, bytes that it takes, and how it refuses.
READERS: dict[str, tuple[Callable[[bytes], Any], bytes, type[Exception]]] = {
    "answerer": (lambda data: converse(security.answer(CREDENTIALS, 1), data), MAGIC + bytes(68), CollectiveError),
    "caller": (lambda data: converse(security.call(CREDENTIALS, 3, 1), data), bytes(64), CollectiveError),
    "messages": (assemble, MESSAGES, CollectiveError),
    "frame of any length": (receive_body, pack_header(Kind.BROADCAST, 1, len(BODY)) + BODY, PeerError),
    "frame of known length": (receive_piece, pack_header(Kind.ALL_SUM, 1, 24) + bytes(24), PeerError),
    "state": (decode_state, encode_state(STATE), DataError),
    "tree": (decode_tree, encode_tree(TREE), DataError),
    "block": (unpack, pack(BLOCK), DataError),
}
NEVER_ACCEPTED = ("answerer", "caller")
MEGABYTE = 2**20


@pytest.mark.parametrize("name", READERS)
def test_altered_bytes_are_read_or_refused(name: str) -> None:
    reader, good, refusal = READERS[name]
    refused = 0
    tracemalloc.start()
    try:
        for data in variants(good, name):
            try:
                reader(data)
            except refusal:
                refused += 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused > CASES / 4
    assert refused == CASES or name not in NEVER_ACCEPTED
    # Room for one header of a message, which the format lets be large.
    assert peak < 20 * MEGABYTE


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.integers(0, 60), st.binary(max_size=300))
def test_any_bytes_behind_a_good_beginning(name: str, kept: int, data: bytes) -> None:
    reader, good, refusal = READERS[name]
    try:
        reader(good[:kept] + data)
    except refusal as error:
        assert str(error)


@pytest.mark.parametrize("name", READERS)
def test_the_unaltered_bytes_are_accepted(name: str) -> None:
    if name not in NEVER_ACCEPTED:
        READERS[name][0](READERS[name][1])


def test_there_are_ten_thousand_cases() -> None:
    assert CASES * len(READERS) >= 10_000


DEEP = b"[" * 100_000
PROMISES = {
    "a message": (assemble, pack_header(Kind.MESSAGE, 1, 17) + b'["a", {}, %d]' % (LONGEST // 10), CollectiveError),
    "a message too long": (
        assemble,
        pack_header(Kind.MESSAGE, 1, 20) + b'["a", {}, %d]' % (LONGEST + 1),
        CollectiveError,
    ),
    "a frame": (receive_body, pack_header(Kind.BROADCAST, 1, LONGEST) + b"x", PeerError),
    "a frame too long": (receive_body, HEADER.pack(b"sdl\x01", Kind.BROADCAST, 1, LONGEST + 1), PeerError),
    "a state": (decode_state, (2**62).to_bytes(8, "little") + b"{}", DataError),
    "a tree": (decode_tree, b"sdltree1" + (2**62).to_bytes(8, "little") + b"{}", DataError),
    "an array of a tree": (
        decode_tree,
        encode_tree(np.zeros(3)).replace(b"[3]", b"[3333333333333]"),
        DataError,
    ),
    "a block": (unpack, b"SDB1" + (2**32 - 1).to_bytes(4, "little") + b"{}", DataError),
    "a deep message": (assemble, pack_header(Kind.MESSAGE, 1, len(DEEP)) + DEEP, CollectiveError),
    "a deep state": (decode_state, len(DEEP).to_bytes(8, "little") + DEEP, DataError),
    "a deep tree": (decode_tree, b"sdltree1" + len(DEEP).to_bytes(8, "little") + DEEP, DataError),
    "a deep block": (unpack, b"SDB1" + len(DEEP).to_bytes(4, "little") + DEEP, DataError),
}


@pytest.mark.parametrize("name", PROMISES)
def test_a_promise_of_much_costs_little(name: str) -> None:
    reader, data, refusal = PROMISES[name]
    tracemalloc.start()
    try:
        try:
            reader(data)
        except refusal:
            pass
        else:
            assert reader is assemble, "only a message may still be waiting for the rest"
        assert tracemalloc.get_traced_memory()[1] < 2 * PIECE
    finally:
        tracemalloc.stop()


def test_a_tree_does_not_multiply_what_it_brings() -> None:
    """A header may name an array once only."""
    good = encode_tree([b"x" * MEGABYTE])
    length = int.from_bytes(good[8:16], "little")
    header = json.loads(good[16 : 16 + length])
    header["tree"] *= 10_000
    text = json.dumps(header).encode()
    with pytest.raises(DataError):
        decode_tree(good[:8] + len(text).to_bytes(8, "little") + text + good[16 + length :])
