from __future__ import annotations

import socket

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdl.collective.sums import byte_view
from sparkdl.collective.wire import HEADER, LONGEST, MAGIC, Kind, Link, PeerError, advance


@pytest.fixture
def pair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    with near, far:
        yield Link(near, 1), far


def finish(link):
    for _ in range(1000):
        if link.step():
            return
    raise AssertionError("not done")


@given(st.lists(st.binary(max_size=5), max_size=6), st.data())
def test_advance_drops_exactly_so_many_bytes(chunks, data):
    buffers = [memoryview(chunk) for chunk in chunks]
    count = data.draw(st.integers(0, sum(map(len, chunks))))
    advance(buffers, count)
    assert b"".join(buffers) == b"".join(chunks)[count:]
    assert not buffers or buffers[0].nbytes


def test_a_frame_is_a_header_and_its_bytes(pair):
    link, far = pair
    link.send(Kind.ALL_SUM, 7, memoryview(b"abc"), memoryview(b""), memoryview(b"de"))
    finish(link)
    assert far.recv(100) == HEADER.pack(MAGIC, 3, 7, 5) + b"abcde"


def test_a_frame_that_arrives_byte_by_byte(pair):
    link, far = pair
    first, second = np.zeros(2), np.zeros(3)
    link.expect(Kind.ALL_SUM, 1, byte_view(first), byte_view(second))
    for byte in HEADER.pack(MAGIC, 3, 1, 40) + np.arange(5.0).tobytes():
        assert link.events and link.missing
        before = link.missing
        far.send(bytes([byte]))
        while link.missing == before:
            link.step()
    assert not link.events
    assert first.tolist() + second.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "header",
    [
        HEADER.pack(b"GET ", 3, 1, 8),
        HEADER.pack(MAGIC, 3, 2, 8),
        HEADER.pack(MAGIC, 4, 1, 8),
        HEADER.pack(MAGIC, 3, 1, 9),
        HEADER.pack(MAGIC, 3, 1, 2**64 - 1),
        HEADER.pack(MAGIC, 7, 99, 0),
    ],
)
def test_a_frame_that_is_not_the_expected_one_is_refused(pair, header):
    link, far = pair
    link.expect(Kind.ALL_SUM, 1, byte_view(np.zeros(1)))
    far.sendall(header)
    with pytest.raises(PeerError, match="rank 1 broke the protocol"):
        finish(link)


def test_a_length_beyond_the_limit_is_refused_before_memory_is_taken(pair):
    link, far = pair
    link.expect_body(Kind.BROADCAST, 1)
    far.sendall(HEADER.pack(MAGIC, Kind.BROADCAST, 1, LONGEST + 1))
    with pytest.raises(PeerError, match="broke the protocol"):
        finish(link)
    assert link.take_body() == b""


def test_a_goodbye_blames_somebody(pair):
    link, far = pair
    link.expect(Kind.ALL_SUM, 1, byte_view(np.zeros(1)))
    Link(far, 0).close(culprit=5)
    with pytest.raises(PeerError, match="rank 5 left") as caught:
        finish(link)
    assert caught.value.reported


def test_last_words_are_heard_behind_what_was_not_read_yet(pair):
    link, far = pair
    other = Link(far, 0)
    other.send(Kind.BARRIER, 1)
    finish(other)
    assert link.last_words() is None
    other.close(culprit=5)
    words = link.last_words()
    assert str(words) == "rank 5 left" and words.reported
    link.expect(Kind.BARRIER, 1)
    finish(link)  # nothing was taken from the stream


def test_hanging_up_is_noticed(pair):
    link, far = pair
    assert link.last_words() is None
    far.close()
    assert str(link.last_words()) == "rank 1 left"
    link.expect(Kind.BARRIER, 1)
    with pytest.raises(PeerError, match="rank 1 left"):
        finish(link)
