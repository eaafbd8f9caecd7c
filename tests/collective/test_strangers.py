"""A run while strangers knock: two workers and their driver exchange messages all along, and must not notice."""

from __future__ import annotations

import os
import queue
import random
import socket
import sys
import threading
import time
import tracemalloc
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
from proxy import CALLS, Proxy

from sparkdl.collective.channel import DRIVER, Channel, Hub
from sparkdl.collective.introduction import introduce
from sparkdl.collective.rendezvous import STRANGERS, connect_mesh, open_listener
from sparkdl.collective.security import MAGIC, NONCE, PROOF, RANK, Credentials, call
from sparkdl.collective.tls import Tls
from sparkdl.collective.wire import HEADER, LONGEST, Kind
from sparkdl.collective.wire import MAGIC as FRAME
from sparkdl.errors import CollectiveError

WORKERS = 2
ROOMY = 16 * 2**20


class BusyRun:
    """A hub that echoes, and workers that never stop talking to it."""

    def __init__(self, secret, identity):
        self.secret, self.identity = secret, identity
        self.heard, self.errors, self.turns = set(), [], [0] * WORKERS
        self.lost = queue.Queue()
        self.hub = Hub("127.0.0.1", secret, "run-1", self._echo, self.lost.put, workers=8, identity=identity)
        self.address = ("127.0.0.1", self.hub.port)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._talk, args=(rank,)) for rank in range(WORKERS)]
        for thread in self._threads:
            thread.start()

    def _echo(self, rank, kind, header, payload):
        self.heard.add(rank)
        self.hub.send(rank, kind, header, payload)

    def _talk(self, rank):
        try:
            with self.join(rank) as channel:
                while not self._stop.is_set():
                    sent = ("ping", {"turn": self.turns[rank]}, os.urandom(1000))
                    channel.send(*sent)
                    assert channel.receive(5) == sent
                    self.turns[rank] += 1
        except Exception as error:  # noqa: BLE001 - `goes_on` shows it
            self.errors.append(error)

    def join(self, rank, **changes):
        given = {"secret": self.secret, "generation": "run-1", "identity": self.identity, **changes}
        return Channel.connect(self.address, rank=rank, deadline=5.0, **given)

    def stranger(self):
        connection = socket.create_connection(self.address)
        connection.settimeout(15)
        return connection

    def goes_on(self):
        """Whether every worker has its turns now, and nobody else was heard."""
        before, limit = list(self.turns), time.monotonic() + 10
        while any(now < then + 3 for now, then in zip(self.turns, before, strict=True)):
            assert not self.errors, self.errors
            assert time.monotonic() < limit, "a worker stands still"
            time.sleep(0.005)
        return self.heard <= set(range(WORKERS))

    def close(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self.hub.close()


@pytest.fixture
def run(secret, own_identity):
    with closing(BusyRun(secret, own_identity)) as run:
        assert run.goes_on()
        yield run


def answer_of(connection):
    """What comes back until the other side hangs up."""
    received = b""
    try:
        while piece := connection.recv(4096):
            received += piece
    except ConnectionError:
        pass
    return received


def test_random_bytes(run, monkeypatch):
    monkeypatch.setattr("sparkdl.collective.channel.HANDSHAKE_SECONDS", 1.0)
    dice = random.Random(1)
    for number in range(300):
        with run.stranger() as stranger:
            stranger.sendall(dice.choice([b"", MAGIC, b"\x16\x03\x01"]) + dice.randbytes(dice.randint(100, 400)))
            if number % 10 == 0:
                assert len(answer_of(stranger)) <= NONCE  # or an alert of TLS
    assert run.goes_on()


def test_random_bytes_inside_of_tls(secret, identity):
    """Only an insider gets so far; he loses his connection, and nobody else's."""
    dice = random.Random(2)
    with closing(BusyRun(secret, identity)) as run:
        for _ in range(30):
            with closing(Tls(identity).caller(run.stranger())) as insider, pytest.raises((CollectiveError, OSError)):
                introduce(insider, _talk_nonsense(dice), 5.0)
        assert run.goes_on()


def _talk_nonsense(dice):
    conversation = call(Credentials(b"0" * 16, "channel", "run-1"), 1, DRIVER)
    step = next(conversation)
    received = yield step._replace(send=MAGIC + dice.randbytes(NONCE))
    yield conversation.send(received)._replace(send=dice.randbytes(RANK + PROOF))
    return 0


def test_a_replayed_worker_gets_nowhere(run):
    with Proxy(run.address, record=True) as wire:
        with Channel.connect(wire.address, run.secret, "run-1", 5, 5.0, run.identity) as channel:
            channel.send("ping", {"turn": 0}, b"x")
            assert channel.receive(5).kind == "ping"
        tape = wire.recorded(CALLS)
    assert run.lost.get(timeout=5) == 5
    run.heard.clear()
    for _ in range(3):
        with run.stranger() as stranger:
            stranger.sendall(tape)
            answer_of(stranger)
    assert run.goes_on() and run.lost.empty()


def test_a_driver_that_echoes_is_no_driver(run):
    """The reflection of a worker's own words proves nothing to it."""
    with socket.create_server(("127.0.0.1", 0)) as mirror:
        thread = threading.Thread(target=_reflect, args=(mirror,))
        thread.start()
        with pytest.raises(CollectiveError, match="cannot reach the driver"):
            Channel.connect(mirror.getsockname(), run.secret, "run-1", 1, 3.0, run.identity)
        thread.join()


def _reflect(mirror):
    connection, _ = mirror.accept()
    with connection:
        try:
            while data := connection.recv(4096):
                connection.sendall(data[len(MAGIC) :] if data.startswith(MAGIC) else data)
        except ConnectionError:
            pass


@pytest.mark.parametrize("wrong", [{"secret": b"another secret, also long"}, {"generation": "run-0"}, {"rank": 8}])
def test_the_wrong_secret_attempt_or_rank(run, wrong):
    with pytest.raises(CollectiveError), run.join(**{"rank": 3, **wrong}) as channel:
        channel.receive(5)
    assert run.goes_on()


def test_an_insider_who_promises_too_much_loses_his_connection_only(run):
    promise = b'["a", {}, %d]' % (LONGEST + 1)
    tracemalloc.start()
    try:
        for frame in (
            HEADER.pack(FRAME, Kind.MESSAGE, 1, 2**63),
            HEADER.pack(FRAME, Kind.MESSAGE, 1, len(promise)) + promise,
            HEADER.pack(FRAME, Kind.CHUNK, 1, 2**22),
        ):
            with run.stranger() as stranger:
                insider = stranger if run.identity is None else Tls(run.identity).caller(stranger)
                introduce(insider, call(Credentials(run.secret, "channel", "run-1"), 4, DRIVER), 5.0)
                insider.send(frame)
                assert run.lost.get(timeout=5) == 4
                insider.close()
        assert tracemalloc.get_traced_memory()[1] < ROOMY
    finally:
        tracemalloc.stop()
    assert run.goes_on()


def test_many_who_stay_silent_or_dribble_keep_nobody_out(run):
    with ExitStack() as stack:
        strangers = [stack.enter_context(run.stranger()) for _ in range(3 * STRANGERS)]
        for turn in range(5):
            for stranger in strangers[::2]:
                try:
                    stranger.send(MAGIC[turn : turn + 1])
                except ConnectionError:
                    pass  # It had to make room for others.
            with run.join(5) as late:
                late.send("ping", {})
                assert late.receive(5).kind == "ping"
                run.heard.discard(5)
        assert run.goes_on()


def test_a_meeting_among_silent_and_replaying_strangers(gathers, on_all, secret, own_identity):
    tape = _record_meeting(gathers, on_all, secret, own_identity)
    gather = gathers(3)
    strangers = []

    def act(rank):
        listener = open_listener("127.0.0.1")
        if rank == 0:
            for number in range(2 * STRANGERS):
                strangers.append(socket.create_connection(listener.getsockname()))
                if number % 8 == 0:
                    strangers[-1].sendall(tape)
        return connect_mesh(rank, 3, listener, gather[rank], secret, "run-1", 10.0, own_identity)

    started = time.monotonic()
    meshes = on_all(range(3), act)
    assert time.monotonic() - started < 5
    assert on_all(meshes, lambda one: one.all_gather_bytes(bytes([one.rank]))) == [[b"\0", b"\1", b"\2"]] * 3
    for connection in (*meshes, *strangers):
        connection.close()


def _record_meeting(gathers, on_all, secret, identity):
    """What an honest rank 1 says to rank 0, of the same run and the same attempt."""
    gather, proxies = gathers(2), []

    def act(rank):
        def through_proxy(text):
            addresses = gather[rank](text)
            if rank == 0:
                return addresses
            port = int(addresses[0].partition('"port": ')[2].rstrip("}"))
            proxies.append(Proxy(("127.0.0.1", port), record=True))
            return [addresses[0].replace(str(port), str(proxies[0].address[1])), addresses[1]]

        return connect_mesh(rank, 2, open_listener("127.0.0.1"), through_proxy, secret, "run-1", 10.0, identity)

    for collective in on_all(range(2), act):
        collective.close()
    with proxies[0]:
        return proxies[0].recorded(CALLS)


def test_nobody_listens_once_the_workers_have_met(gathers, on_all, secret):
    ports = {}

    def act(rank):
        listener = open_listener("127.0.0.1")
        ports[rank] = listener.getsockname()[1]
        return connect_mesh(rank, 2, listener, gather[rank], secret, "run-1", 10.0)

    gather = gathers(2)
    meshes = on_all(range(2), act)
    for port in ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)
    on_all(meshes, lambda one: one.close())


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc")
def test_all_listeners_are_on_the_given_address(run):
    with open_listener("127.0.0.1"):
        ours = {os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
        tables = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").open()]
        listening = [row[1] for row in tables if row[3] == "0A" and f"socket:[{row[9]}]" in ours]
    assert len(listening) >= 2
    assert {address.partition(":")[0] for address in listening} == {"0100007F"}
