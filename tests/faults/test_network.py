"""Bad networks between processes: progress, or an error that names who is missing, and never a wait without an end."""

from __future__ import annotations

import os
import queue
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from proxy import ANSWERS, CALLS, Proxy
from worker_processes import Workers

from sparkdl.collective.channel import Channel, Hub
from sparkdl.errors import CollectiveError

SECRET = b"a secret of tests that is long"
READABLE = b"the weights of a model that nobody else may see " * 40


def test_latency_and_lost_packets_cost_time_only(own_identity):
    with Workers(3, own_identity, rounds=6, length=30_000) as workers:
        workers.meet(delay=0.02)
        for proxy in workers.proxies.values():
            proxy.stall(0.05, 0.2)
        assert [workers.wait_for(rank, "done") for rank in range(3)] == [6, 6, 6]


def test_slow_is_not_silent(own_identity):
    """Each round takes longer than the deadline, which counts from the last byte that came."""
    with Workers(2, own_identity, rounds=1, length=1_000_000, deadline=0.7) as workers:
        started = time.monotonic()
        workers.meet(rate=2e6)
        assert [workers.wait_for(rank, "done") for rank in range(2)] == [1, 1]
        assert time.monotonic() - started > 1.4


def test_whom_a_partition_takes_is_named_by_who_waits_for_him(own_identity):
    with Workers(3, own_identity, rounds=10**6, every=20, deadline=1.0) as workers:
        workers.meet()
        workers.wait_for(2, "round")
        started = time.monotonic()
        for proxy in workers.around(2):
            proxy.partition()
        told = [workers.wait_for(rank, "error", 8.0) for rank in range(3)]
        assert time.monotonic() - started < 6
    # One of the two may be an operation ahead; it then waits for the other, who waits for rank 2, and says so.
    assert "rank 2 (127.0.0.1) did not answer within 1 s" in told[0] + told[1], told
    assert all("did not answer within 1 s" in words for words in told) and "rank 2" not in told[2], told


def test_a_short_partition_is_survived(own_identity):
    with Workers(2, own_identity, rounds=10**6, every=20, deadline=5.0) as workers:
        workers.meet()
        before = workers.wait_for(0, "round")
        proxy = workers.proxies[1, 0]
        proxy.partition()
        with pytest.raises(queue.Empty):
            while True:
                before = workers.wait_for(0, "round", 0.4)
        proxy.heal()
        assert workers.wait_for(0, "round") > before


@pytest.mark.parametrize("after", [0, 150_000])
def test_a_connection_that_is_cut_is_noticed_at_once(own_identity, after):
    with Workers(2, own_identity, rounds=10**6, length=100_000, deadline=30.0) as workers:
        workers.meet()
        workers.wait_for(0, "round")
        started = time.monotonic()
        workers.proxies[1, 0].cut(after)
        told = [workers.wait_for(rank, "error") for rank in range(2)]
        assert time.monotonic() - started < 5
    assert "rank 1 (127.0.0.1) left" in told[0] and "rank 0 (127.0.0.1) left" in told[1], told


@pytest.mark.parametrize("direction", [CALLS, ANSWERS])
def test_half_a_connection_is_none(own_identity, direction):
    with Workers(2, own_identity, rounds=10**6, deadline=2.0) as workers:
        workers.meet()
        workers.wait_for(0, "round")
        workers.proxies[1, 0].half_close(direction)
        told = [workers.wait_for(rank, "error", 8.0) for rank in range(2)]
    # Who sees the end of the stream says who left, and the other one, to whom the stream still goes, believes it.
    assert all("rank 1 (127.0.0.1) left" in words or "rank 0 (127.0.0.1) left" in words for words in told), told


def test_a_partition_during_the_meeting(own_identity):
    with Workers(3, own_identity, deadline=1.0) as workers:
        workers.meet(partitioned=[(2, 0), (2, 1)])
        told = [workers.wait_for(rank, "error", 8.0) for rank in range(3)]
    assert told[0] == "rank 2 (127.0.0.1) did not connect to rank 0 within 1 s."
    assert "rank 2 (127.0.0.1)" in told[1] and "rank 0 (127.0.0.1), rank 1 (127.0.0.1) did not connect" in told[2], told


class Line:
    """A hub, and a channel to it through a proxy."""

    def __init__(self, identity, deadline=1.0):
        self.heard, self.lost = queue.Queue(), queue.Queue()
        self.identity, self.deadline = identity, deadline
        hears = (lambda *message: self.heard.put(message), self.lost.put)
        self.hub = Hub("127.0.0.1", SECRET, "run-1", *hears, workers=4, identity=identity)
        self.proxy = Proxy(("127.0.0.1", self.hub.port), record=True)

    def connect(self, rank):
        return Channel.connect(self.proxy.address, SECRET, "run-1", rank, self.deadline, self.identity)

    def close(self):
        self.proxy.close()
        self.hub.close()


@pytest.fixture
def line(own_identity) -> Iterator[Line]:
    line = Line(own_identity)
    yield line
    line.close()


def test_a_channel_over_a_slow_line(line):
    line.proxy.delay, line.proxy.rate = 0.01, 4e6
    up, down = os.urandom(1_000_000), os.urandom(1_500_000)
    with line.connect(0) as channel:
        sender = threading.Thread(target=channel.send, args=("state", {}, up))
        sender.start()
        channel.send("hello", {})
        assert {line.heard.get(timeout=10)[1] for _ in range(2)} == {"hello", "state"}
        line.hub.send(0, "start", {}, down)
        assert channel.receive(5) == ("start", {}, down)
        sender.join()


def test_a_driver_behind_a_partition_is_named(line):
    with line.connect(0) as channel, line.connect(1) as other:
        other.send("hello", {})
        line.heard.get(timeout=5)
        line.proxy.partition()
        with pytest.raises(CollectiveError, match="The driver sent nothing for 0.2 s"):
            channel.receive(0.2)
        with pytest.raises(CollectiveError, match="The driver is lost.*it took nothing for 1 s"):
            channel.send("state", {}, bytes(64 << 20))
        with pytest.raises(CollectiveError, match="cannot reach the driver.*within 1 s"):
            line.connect(2)
        line.proxy.heal()
        other.send("again", {})
        assert line.heard.get(timeout=5)[:2] == (1, "again")


def test_a_message_that_is_cut_is_never_heard(line):
    with line.connect(0) as channel:
        channel.send("hello", {})
        line.heard.get(timeout=5)
        line.proxy.cut(after=500_000)
        with pytest.raises(CollectiveError, match="The driver is lost"):
            for _ in range(100):
                channel.send("state", {}, bytes(1_000_000))
        assert line.lost.get(timeout=5) == 0
        assert line.heard.empty()


def test_half_a_channel_is_none(line):
    with line.connect(0) as channel:
        channel.send("hello", {})
        line.heard.get(timeout=5)
        line.proxy.half_close(ANSWERS)
        with pytest.raises(CollectiveError, match="The driver is lost: the other side hung up"):
            channel.receive(5)
        assert line.lost.get(timeout=5) == 0


def test_what_is_on_the_wire_can_be_read_without_tls_only(line):
    with line.connect(0) as channel:
        channel.send("secret words", {"loss": 0.123456}, READABLE)
        line.heard.get(timeout=5)
        line.hub.send(0, "more words", {}, READABLE)
        channel.receive(5)
    wire = line.proxy.recorded()
    for words in (READABLE, b"secret words", b"0.123456", b"more words", b"sparkdl1", SECRET):
        assert (words in wire) == (line.identity is None and words != SECRET), words


def test_what_workers_send_each_other_can_be_read_without_tls_only(own_identity):
    with Workers(2, own_identity, rounds=2, length=1000) as workers:
        workers.meet(record=True)
        assert [workers.wait_for(rank, "done") for rank in range(2)] == [2, 2]
        wire = workers.proxies[1, 0].recorded()
    gradient = struct.pack("<f", 1.0) * 100  # what rank 1 adds in the first round
    assert (gradient in wire) == (own_identity is None)
    assert SECRET not in wire and len(wire) > 8000


@pytest.fixture
def two_hosts() -> Iterator[tuple[str, str]]:
    """Two network namespaces of this kernel, joined by a cable: their names. Addresses are 10.211.7.1 and .2."""
    names = (f"sdl-{os.getpid()}-a", f"sdl-{os.getpid()}-b")
    ip = shutil.which("ip")
    if ip is None or os.geteuid() != 0:
        pytest.skip("network namespaces need root and the command ip")

    def run(*words: str) -> None:
        subprocess.run([ip, *words], check=True, capture_output=True, timeout=20)

    try:
        for name in names:
            run("netns", "add", name)
        run("link", "add", "cable0", "netns", names[0], "type", "veth", "peer", "name", "cable1", "netns", names[1])
        for number, name in enumerate(names):
            run("-n", name, "addr", "add", f"10.211.7.{number + 1}/24", "dev", f"cable{number}")
            run("-n", name, "link", "set", f"cable{number}", "up")
            run("-n", name, "link", "set", "lo", "up")
        yield names
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this kernel gives no network namespaces: {error.stderr.decode().strip()}")
    finally:
        for name in names:
            subprocess.run([ip, "netns", "del", name], capture_output=True, timeout=20)


def between(names: tuple[str, str], **options) -> Workers:
    prefix = [["ip", "netns", "exec", name] for name in names]
    return Workers(2, hosts=["10.211.7.1", "10.211.7.2"], prefix=prefix, **options)


def test_a_cable_that_is_pulled(two_hosts, own_identity):
    with between(two_hosts, identity=own_identity, rounds=10**6, every=20, deadline=1.0) as workers:
        workers.meet(proxied=False)
        workers.wait_for(0, "round")
        subprocess.run(["ip", "-n", two_hosts[0], "link", "set", "cable0", "down"], check=True, timeout=20)
        told = [workers.wait_for(rank, "error", 8.0) for rank in range(2)]
    assert told[0].startswith("rank 1 (10.211.7.2) did not answer within 1 s during"), told
    assert told[1].startswith("rank 0 (10.211.7.1) did not answer within 1 s during"), told


def test_packets_that_are_late_and_lost(two_hosts, own_identity):
    for number, name in enumerate(two_hosts):
        words = ["dev", f"cable{number}", "root", "netem", "delay", "10ms", "loss", "5%"]
        command = ["ip", "netns", "exec", name, "tc", "qdisc", "add", *words]
        if subprocess.run(command, capture_output=True, timeout=20).returncode:
            pytest.skip("this kernel has no netem, or tc is missing")
    with between(two_hosts, identity=own_identity, rounds=6, length=30_000) as workers:
        workers.meet(proxied=False)
        assert [workers.wait_for(rank, "done", 60.0) for rank in range(2)] == [6, 6]
