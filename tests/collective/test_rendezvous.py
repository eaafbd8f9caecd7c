from __future__ import annotations

import json
import socket
import time

import numpy as np
import pytest

from sparkdl.collective.rendezvous import connect_mesh, open_listener
from sparkdl.collective.security import MAGIC
from sparkdl.errors import ArgumentError, CollectiveError


def outcome(action):
    try:
        return action()
    except CollectiveError as error:
        return str(error)


def test_the_listener_listens_on_the_given_address_only():
    with open_listener("127.0.0.1") as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", port), timeout=1)
    with pytest.raises(CollectiveError, match="Cannot listen on '192.0.2.1'"):
        open_listener("192.0.2.1")
    with pytest.raises(ArgumentError):
        open_listener("")


def test_ipv6_as_spark_writes_it(gathers, on_all, secret):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    ranks = list(enumerate(gathers(2)))
    meshes = on_all(
        ranks, lambda rank: connect_mesh(rank[0], 2, open_listener("[::1]"), rank[1], secret, "run-1", 10.0)
    )
    assert on_all(meshes, lambda one: one.all_gather_bytes(b"x")) == [[b"x", b"x"]] * 2
    on_all(meshes, lambda one: one.close())


def test_an_address_that_nobody_can_reach_is_refused(gathers, secret):
    with pytest.raises(ArgumentError, match="0.0.0.0"):
        connect_mesh(0, 2, open_listener("0.0.0.0"), gathers(1)[0], secret, "run-1", 1.0)


@pytest.mark.parametrize("size", [2, 7])
def test_everybody_meets(gathers, on_all, secret, size):
    ranks = list(enumerate(gathers(size)))
    meshes = on_all(
        ranks, lambda rank: connect_mesh(rank[0], size, open_listener("127.0.0.1"), rank[1], secret, "run-1", 10.0)
    )
    totals = on_all(meshes, lambda collective: collective.all_sum(np.array(collective.rank)).item())
    assert totals == [sum(range(size))] * size
    on_all(meshes, lambda collective: collective.close())


def test_who_is_missing_is_named(gathers, on_all, secret):
    """Ranks 2 and 3 tell their addresses and are never heard of again."""
    silent = [open_listener("127.0.0.1") for _ in range(2)]
    gather = gathers(4)

    def act(rank):
        if rank >= 2:
            host, port = silent[rank - 2].getsockname()
            return gather[rank](json.dumps({"host": host, "port": port}))
        return outcome(lambda: connect_mesh(rank, 4, open_listener("127.0.0.1"), gather[rank], secret, "g", 0.5))

    started = time.monotonic()
    first, second, *_ = on_all(range(4), act)
    assert time.monotonic() - started < 3
    assert first == "rank 2 (127.0.0.1), rank 3 (127.0.0.1) did not connect to rank 0 within 0.5 s."
    assert second == "rank 2 (127.0.0.1), rank 3 (127.0.0.1) did not connect to rank 1 within 0.5 s."
    for listener in silent:
        listener.close()


def test_a_rank_that_is_gone_is_noticed_at_once(gathers, on_all, secret):
    gather = gathers(2)

    def act(rank):
        if rank == 0:
            with open_listener("127.0.0.1") as listener:
                text = json.dumps(dict(zip(("host", "port"), listener.getsockname(), strict=True)))
            return gather[0](text)
        return outcome(lambda: connect_mesh(1, 2, open_listener("127.0.0.1"), gather[1], secret, "g", 20.0))

    started = time.monotonic()
    message = on_all(range(2), act)[1]
    assert message.startswith("Rank 1 cannot connect to rank 0 at 127.0.0.1:") and "refused" in message
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("wrong", [{"secret": b"another secret, also long"}, {"generation": "run-0"}])
def test_leftovers_and_strangers_do_not_get_in(gathers, on_all, secret, wrong):
    gather = gathers(2)

    def act(rank):
        given = {"secret": secret, "generation": "run-1", **(wrong if rank else {})}
        return outcome(
            lambda: connect_mesh(
                rank, 2, open_listener("127.0.0.1"), gather[rank], given["secret"], given["generation"], 0.6
            )
        )

    first, second = on_all(range(2), act)
    assert "rank 1 (127.0.0.1) did not connect" in first and "1 connections were refused" in first
    assert "cannot connect to rank 0" in second and "its secret or its attempt is another one" in second


def test_garbage_and_stalling_strangers_do_not_hold_up_the_meeting(gathers, on_all, secret):
    gather = gathers(3)
    strangers = []

    def act(rank):
        listener = open_listener("127.0.0.1")
        if rank == 0:
            for garbage in (b"", b"GET / HTTP/1.1\r\n\r\n" * 10, MAGIC, MAGIC + bytes(32), MAGIC + bytes(500)):
                strangers.append(socket.create_connection(listener.getsockname()))
                strangers[-1].sendall(garbage)
            strangers.pop(0).close()
        return connect_mesh(rank, 3, listener, gather[rank], secret, "run-1", 5.0)

    started = time.monotonic()
    meshes = on_all(range(3), act)
    assert time.monotonic() - started < 3
    on_all(meshes, lambda collective: collective.barrier())
    for connection in (*meshes, *strangers):
        connection.close()


def test_a_gather_that_lost_somebody_is_refused(secret):
    with pytest.raises(CollectiveError, match="1 workers together where 2"):
        connect_mesh(0, 2, open_listener("127.0.0.1"), lambda text: [text], secret, "run-1", 1.0)
