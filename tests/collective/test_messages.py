from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdl.collective import messages
from sparkdl.collective.messages import Assembler, frames
from sparkdl.collective.wire import HEADER, LONGEST, MAGIC, Kind, pack_header
from sparkdl.errors import ArgumentError, CollectiveError


def assemble(data, cuts=None):
    """Feeds bytes in pieces of the given sizes (or as large as there is room)."""
    assembler, complete, cuts = Assembler(), [], iter(cuts or ())
    while data:
        count = min(len(assembler.room), len(data), next(cuts, len(data)))
        assembler.room[:count] = data[:count]
        data = data[count:]
        message = assembler.filled(count)
        if message is not None:
            complete.append(message)
    return complete


headers = st.dictionaries(
    st.text(max_size=5), st.one_of(st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
)


@given(
    st.lists(st.tuples(st.text(max_size=5), headers, st.binary(max_size=50)), max_size=4),
    st.lists(st.integers(1, 40), max_size=60),
)
def test_messages_arrive_as_they_were_sent_however_they_are_cut(sent, cuts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "LONGEST_CHUNK", 7)
        data = b"".join(bytes(part) for number, one in enumerate(sent, 1) for part in frames(number, *one))
        assert assemble(data, cuts) == sent


def test_a_message_is_under_way_from_its_first_byte_to_its_last():
    assembler, states = Assembler(), [True]
    for byte in b"".join(bytes(part) for part in frames(1, "a", {}, b"xy")):
        assembler.room[:1] = bytes([byte])
        assembler.filled(1)
        states.append(assembler.idle)
    assert states == [True] + [False] * (len(states) - 2) + [True]


def test_chunks_are_bounded():
    payload = bytes(messages.LONGEST_CHUNK * 2 + 1)
    assert max(len(part) for part in frames(1, "state", {}, payload)) == messages.LONGEST_CHUNK
    with pytest.raises(ArgumentError, match="'log'"):
        list(frames(1, "log", {"text": "x" * messages.LONGEST_HEADER}, b""))


def message(body):
    return pack_header(Kind.MESSAGE, 1, len(body)) + body


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: driver\r\n\r\n",
        HEADER.pack(MAGIC, Kind.CHUNK, 1, 5),
        HEADER.pack(MAGIC, Kind.MESSAGE, 2, 5),
        HEADER.pack(MAGIC, Kind.MESSAGE, 1, messages.LONGEST_HEADER + 1),
        HEADER.pack(MAGIC, Kind.MESSAGE, 1, 0),
        message(b"not json"),
        message(b"\xff\xfe"),
        message(json.dumps(["kind", {}]).encode()),
        message(json.dumps([1, {}, 0]).encode()),
        message(json.dumps(["kind", [], 0]).encode()),
        message(json.dumps(["kind", {}, -1]).encode()),
        message(json.dumps(["kind", {}, True]).encode()),
        message(json.dumps(["kind", {}, LONGEST + 1]).encode()),
        message(json.dumps(["kind", {}, 3]).encode()) + pack_header(Kind.CHUNK, 1, 4),
        message(json.dumps(["kind", {}, 3]).encode()) + pack_header(Kind.MESSAGE, 1, 3),
    ],
)
def test_what_is_no_message_is_refused(data):
    with pytest.raises(CollectiveError):
        assemble(data)
