"""The proxy of the other tests does what it is told, and nothing else."""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from proxy import ANSWERS, CALLS, Proxy


@pytest.fixture
def line():
    """A proxy, and the two ends of a connection through it."""
    with socket.create_server(("127.0.0.1", 0)) as server, Proxy(server.getsockname(), record=True) as proxy:
        caller = socket.create_connection(proxy.address, timeout=5)
        answerer, _ = server.accept()
        answerer.settimeout(5)
        while not proxy.connections:
            time.sleep(0.001)
        with caller, answerer:
            yield proxy, caller, answerer


def read(connection, count):
    received = b""
    while len(received) < count and (piece := connection.recv(1 << 16)):
        received += piece
    return received


def silent(connection, seconds=0.15):
    connection.settimeout(seconds)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    connection.settimeout(5)
    return True


def test_everything_passes_unchanged_and_is_recorded(line):
    proxy, caller, answerer = line
    data = bytes(range(256)) * 4000
    threading.Thread(target=caller.sendall, args=(data,)).start()
    assert read(answerer, len(data)) == data
    answerer.sendall(b"thanks")
    assert read(caller, 6) == b"thanks"
    assert proxy.recorded(CALLS) == data and proxy.recorded(ANSWERS) == b"thanks"
    assert proxy.recorded() == data + b"thanks"
    assert proxy.passed == {CALLS: len(data), ANSWERS: 6} and proxy.connections == proxy.accepted == 1


def test_the_end_of_a_stream_passes_too(line):
    _, caller, answerer = line
    caller.sendall(b"last words")
    caller.shutdown(socket.SHUT_WR)
    assert read(answerer, 100) == b"last words"
    answerer.sendall(b"heard")
    answerer.close()
    assert read(caller, 100) == b"heard"


def test_latency_and_stalls(line):
    proxy, caller, answerer = line
    proxy.delay = 0.1
    started = time.monotonic()
    caller.sendall(b"a")
    assert read(answerer, 1) == b"a" and 0.1 <= time.monotonic() - started < 1
    proxy.delay = 0.0
    proxy.stall(1.0, 0.2)
    started = time.monotonic()
    caller.sendall(b"b")
    assert read(answerer, 1) == b"b" and 0.2 <= time.monotonic() - started < 1


def test_throttling(line):
    proxy, caller, answerer = line
    proxy.rate = 1e6
    started = time.monotonic()
    threading.Thread(target=caller.sendall, args=(bytes(400_000),)).start()
    read(answerer, 400_000)
    assert 0.3 < time.monotonic() - started < 2


def test_a_partition_tells_nobody_and_can_be_healed(line):
    proxy, caller, answerer = line
    proxy.partition()
    caller.sendall(b"a")
    assert silent(answerer)
    with socket.create_connection(proxy.address) as another:
        another.sendall(b"x")
        assert silent(another)
    proxy.heal()
    assert read(answerer, 1) == b"a"


def test_a_cut_in_the_middle(line):
    proxy, caller, answerer = line
    proxy.cut(after=1000)
    caller.sendall(bytes(3000))
    received = 0
    with pytest.raises(ConnectionResetError):
        while True:
            received += len(answerer.recv(1 << 16))
    assert received <= 1000
    with pytest.raises(ConnectionError):
        while caller.send(b"x"):
            time.sleep(0.01)


def test_a_cut_at_once(line):
    proxy, caller, answerer = line
    proxy.cut()
    for end in (caller, answerer):
        with pytest.raises(ConnectionResetError):
            end.recv(1)


def test_half_close(line):
    proxy, caller, answerer = line
    proxy.half_close(ANSWERS)
    assert caller.recv(1) == b""
    answerer.sendall(b"into the void")
    caller.sendall(b"still here")
    assert read(answerer, 10) == b"still here"


def test_nobody_behind_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with Proxy(address) as proxy, pytest.raises(ConnectionResetError):
        with socket.create_connection(proxy.address, timeout=5) as caller:
            caller.recv(1)
