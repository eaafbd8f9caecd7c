from __future__ import annotations

import queue
import socket
import threading
import time
from contextlib import closing

import pytest

from sparkdl.collective.channel import DRIVER, Channel, Hub
from sparkdl.collective.introduction import introduce
from sparkdl.collective.messages import frames
from sparkdl.collective.security import MAGIC, Credentials, call
from sparkdl.collective.tls import Tls
from sparkdl.errors import CollectiveError


class Driver:
    """A Hub whose callbacks put everything into queues."""

    def __init__(self, secret, identity, **options):
        self.heard, self.lost = queue.Queue(), queue.Queue()
        options = {"identity": identity, **options}
        self.hub = Hub("127.0.0.1", secret, "run-1", lambda *message: self.heard.put(message), self.lost.put, **options)
        self.secret = secret
        self.identity = identity

    def call(self):
        """A connection that has said nothing yet."""
        connection = socket.create_connection(("127.0.0.1", self.hub.port))
        return connection if self.identity is None else Tls(self.identity).caller(connection)

    def connect(self, rank, **changes):
        given = {"secret": self.secret, "generation": "run-1", "deadline": 10.0, "identity": self.identity, **changes}
        return Channel.connect(("127.0.0.1", self.hub.port), rank=rank, **given)


@pytest.fixture
def driver(secret, own_identity):
    driver = Driver(secret, own_identity, workers=8)
    yield driver
    driver.hub.close()


def wait_until(true):
    limit = time.monotonic() + 10
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_messages_go_both_ways(driver):
    with driver.connect(3) as channel:
        channel.send("step", {"loss": 0.5, "names": ["ä"]}, b"abc")
        assert driver.heard.get(timeout=10) == (3, "step", {"loss": 0.5, "names": ["ä"]}, b"abc")
        assert channel.poll() is None
        driver.hub.send(3, "start", {"epoch": 1}, b"weights")
        assert channel.receive(10) == ("start", {"epoch": 1}, b"weights")
        driver.hub.send(3, "stop", {})
        received = []
        wait_until(lambda: received.append(channel.poll()) or received[-1])
        assert received[-1] == ("stop", {}, b"")


def test_nan_survives(driver):
    with driver.connect(0) as channel:
        channel.send("step", {"loss": float("nan")})
        assert driver.heard.get(timeout=10)[2]["loss"] != driver.heard


def test_large_payloads_in_both_directions_at_once(driver):
    up, down = bytes(range(256)) * 200_000, bytes(reversed(range(256))) * 200_000
    with driver.connect(0) as channel, driver.connect(1) as other:
        driver.hub.send(0, "state", {}, down)
        channel.send("state", {"size": len(up)}, up)
        other.send("step", {})
        heard = sorted(driver.heard.get(timeout=20) for _ in range(2))
        assert heard == [(0, "state", {"size": len(up)}, up), (1, "step", {}, b"")]
        assert channel.receive(20) == ("state", {}, down)


def test_order_is_kept_from_many_threads(driver):
    with driver.connect(0) as channel:

        def speak(name):
            for number in range(50):
                channel.send(name, {"number": number}, bytes(5000))

        threads = [threading.Thread(target=speak, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        heard = [driver.heard.get(timeout=10) for _ in range(100)]
    for name in ("a", "b"):
        assert [message[2]["number"] for message in heard if message[1] == name] == list(range(50))


def test_the_hub_answers_from_its_callback(secret, own_identity):
    def echo(rank, kind, header, payload):
        hub.send(rank, "echo", header, payload)

    hub = Hub("127.0.0.1", secret, "run-1", echo, identity=own_identity)
    with hub, Channel.connect(("127.0.0.1", hub.port), secret, "run-1", 2, 10.0, own_identity) as channel:
        channel.send("hello", {"a": 1}, b"xyz" * 1_000_000)
        assert channel.receive(10) == ("echo", {"a": 1}, b"xyz" * 1_000_000)


def test_who_leaves_is_noticed(driver):
    channel = driver.connect(5)
    wait_until(lambda: driver.hub.connected == {5})
    channel.close()
    channel.close()
    assert driver.lost.get(timeout=10) == 5
    assert driver.hub.connected == set()
    with pytest.raises(CollectiveError, match="rank 5: it is not connected"):
        driver.hub.send(5, "stop", {})
    with driver.connect(5) as again:  # the same rank may come back
        again.send("hello", {})
        assert driver.heard.get(timeout=10)[:2] == (5, "hello")


def test_who_says_nothing_is_silent_even_while_the_hub_speaks(driver):
    with driver.connect(0) as talker, driver.connect(1):
        wait_until(lambda: len(driver.hub.connected) == 2)
        assert driver.hub.silent(0.5) == []
        limit = time.monotonic() + 10
        while driver.hub.silent(0.5) != [1]:
            assert time.monotonic() < limit
            talker.send("alive", {})
            driver.hub.send(1, "news", {})
            time.sleep(0.05)


def test_a_busy_driver_takes_nobody_for_silent(secret):
    busy = threading.Event()

    def work(*_):
        busy.set()
        time.sleep(1.5)

    with (
        Hub("127.0.0.1", secret, "run-1", work) as hub,
        Channel.connect(("127.0.0.1", hub.port), secret, "run-1", 0, 10.0) as channel,
    ):
        channel.send("file", {})
        assert busy.wait(10)
        time.sleep(1.0)
        assert hub.silent(0.8) == []


def test_what_was_sent_before_the_end_arrives(secret, own_identity):
    """The hub is closed as soon as the job has ended, when the last messages may still be under way."""
    payload = bytes(30_000_000)
    for _ in range(3):
        driver = Driver(secret, own_identity)
        channel = driver.connect(0)
        sender = threading.Thread(target=channel.send, args=("state", {}, payload))
        sender.start()
        time.sleep(0.01)
        driver.hub.close()
        sender.join()
        channel.close()
        assert driver.heard.get(timeout=0)[3] == payload


def test_what_the_hub_has_queued_is_delivered_before_it_closes(driver):
    with driver.connect(0) as channel:
        wait_until(lambda: driver.hub.connected)
        driver.hub.send(0, "stop", {}, bytes(20_000_000))
        closing = threading.Thread(target=driver.hub.close)
        closing.start()
        assert channel.receive(10).kind == "stop"
        closing.join()
        with pytest.raises(CollectiveError, match="The driver is lost"):
            channel.receive(10)
        with pytest.raises(CollectiveError, match="The driver is lost"):
            channel.send("step", {})
    assert driver.lost.empty()


@pytest.mark.parametrize("wrong", [{"secret": b"another secret, also long"}, {"generation": "run-0"}, {"rank": 8}])
def test_strangers_and_leftovers_are_refused(driver, wrong):
    with driver.connect(0) as good:
        with pytest.raises(CollectiveError) as caught:
            with driver.connect(**{"rank": 1, **wrong}) as channel:
                channel.receive(10)
        assert "driver" in str(caught.value)
        good.send("step", {})
        assert driver.heard.get(timeout=10)[0] == 0
    assert driver.lost.get(timeout=10) == 0 and driver.lost.empty()


def test_a_second_worker_of_the_same_rank_is_refused(driver):
    with driver.connect(0) as first, driver.connect(0) as second:
        with pytest.raises(CollectiveError):
            second.receive(10)
        first.send("step", {})
        assert driver.heard.get(timeout=10)[0] == 0


def test_garbage_does_not_disturb(driver):
    strangers = []
    with driver.connect(0) as good:
        for garbage in (b"GET / HTTP/1.1\r\n\r\n" * 10, MAGIC, MAGIC + bytes(500), b"\xff" * 100_000):
            strangers.append(socket.create_connection(("127.0.0.1", driver.hub.port)))
            strangers[-1].sendall(garbage)
        good.send("step", {})
        assert driver.heard.get(timeout=10)[0] == 0
    for connection in strangers:
        connection.close()


def test_garbage_after_the_handshake_costs_only_that_worker(driver, secret):
    with driver.connect(0) as good, closing(driver.call()) as bad:
        introduce(bad, call(Credentials(secret, "channel", "run-1"), 1, DRIVER), 10.0)
        bad.send(b"\xff" * 1000)
        assert driver.lost.get(timeout=10) == 1
        good.send("step", {})
        assert driver.heard.get(timeout=10)[0] == 0


def test_messages_that_come_in_one_piece_are_all_heard(driver, secret):
    with closing(driver.call()) as worker:
        introduce(worker, call(Credentials(secret, "channel", "run-1"), 1, DRIVER), 10.0)
        worker.send(b"".join(bytes(part) for number in range(1, 6) for part in frames(number, "step", {}, b"abc")))
        for _ in range(5):
            assert driver.heard.get(timeout=5) == (1, "step", {}, b"abc")


def test_who_must_make_room_may_speak_at_that_moment(secret, own_identity, monkeypatch):
    monkeypatch.setattr("sparkdl.collective.channel.STRANGERS", 1)
    busy = threading.Event()
    driver = Driver(secret, own_identity)
    driver.hub._on_message = lambda *_: (busy.set(), time.sleep(0.3))
    with driver.connect(0) as worker, closing(driver.hub):
        oldest = socket.create_connection(("127.0.0.1", driver.hub.port))
        time.sleep(0.1)
        worker.send("wait", {})
        assert busy.wait(5)
        oldest.sendall(MAGIC)
        newest = socket.create_connection(("127.0.0.1", driver.hub.port))
        time.sleep(0.4)
        oldest.close()
        newest.close()
        driver.hub._on_message = lambda *message: driver.heard.put(message)
        worker.send("step", {})
        assert driver.heard.get(timeout=5)[1] == "step"


def test_a_mesh_connection_is_no_channel(driver, secret):
    with closing(driver.call()) as wrong, pytest.raises(CollectiveError):
        introduce(wrong, call(Credentials(secret, "mesh", "run-1"), 1, DRIVER), 10.0)


def test_stalling_strangers_are_limited_in_number_and_time(driver, monkeypatch):
    monkeypatch.setattr("sparkdl.collective.channel.HANDSHAKE_SECONDS", 0.3)
    strangers = [socket.create_connection(("127.0.0.1", driver.hub.port)) for _ in range(20)]
    with driver.connect(0) as good:
        good.send("step", {})
        assert driver.heard.get(timeout=10)[0] == 0
    for connection in strangers:
        connection.settimeout(10)
        assert connection.recv(1) == b""
        connection.close()


def test_what_a_callback_raises_is_raised_by_close_and_ends_the_workers(secret):
    def fail(*message):
        raise LookupError("no such kind")

    hub = Hub("127.0.0.1", secret, "run-1", fail)
    with Channel.connect(("127.0.0.1", hub.port), secret, "run-1", 0, 10.0) as channel:
        channel.send("unknown", {})
        with pytest.raises(CollectiveError, match="driver is lost"):
            channel.receive(10)
    with pytest.raises(LookupError, match="no such kind"):
        hub.close()
    hub.close()


def test_waits_have_a_deadline(driver):
    with driver.connect(0) as channel, pytest.raises(CollectiveError, match="nothing for 0.1 s"):
        channel.receive(0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = silent.getsockname()
        with pytest.raises(CollectiveError, match="within 0.2 s.*spark.driver.host"):
            Channel.connect(address, b"0" * 16, "run-1", 0, 0.2)
    with pytest.raises(CollectiveError, match="Rank 0 cannot reach the driver"):
        Channel.connect(address, b"0" * 16, "run-1", 0, 0.2)


def test_ipv6_as_spark_writes_it(secret, own_identity):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    heard = queue.Queue()
    with Hub("[::1]", secret, "run-1", lambda *message: heard.put(message), identity=own_identity) as hub:
        with Channel.connect(("[::1]", hub.port), secret, "run-1", 0, 10.0, own_identity) as channel:
            channel.send("hello", {})
            assert heard.get(timeout=5)[:2] == (0, "hello")


def test_the_hub_listens_on_its_address_only(driver):
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", driver.hub.port), timeout=1)
