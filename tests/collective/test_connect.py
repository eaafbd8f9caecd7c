from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sparkdl.collective import shared_memory, two_level
from sparkdl.collective.base import Solo
from sparkdl.collective.mesh import Mesh
from sparkdl.collective.rendezvous import connect
from sparkdl.collective.shared_memory import SharedMemory
from sparkdl.errors import CollectiveError


def connect_all(gathers, on_all, secret, size=3):
    ranks = list(enumerate(gathers(size)))
    return on_all(ranks, lambda rank: connect(rank[0], size, rank[1], secret, "run-1", 10.0, "127.0.0.1"))


def open_sockets():
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(descriptor))
        except FileNotFoundError:
            pass  # the listing itself
    return sum(link.startswith("socket:") for link in links)


def test_one_worker_needs_nobody():
    assert isinstance(connect(0, 1, lambda text: pytest.fail("nobody to meet"), b"", "g", 1.0, "nowhere"), Solo)


def test_one_host_shares_memory_where_it_can(gathers, on_all, secret):
    ready = connect_all(gathers, on_all, secret)
    kinds = {type(collective) for collective in ready}
    assert len(kinds) == 1 and kinds < {SharedMemory, Mesh}
    assert on_all(ready, lambda one: one.all_sum(np.array(1)).item()) == [3, 3, 3]
    on_all(ready, lambda one: one.close())


def test_otherwise_it_is_a_mesh(gathers, on_all, secret, monkeypatch):
    monkeypatch.setattr(shared_memory, "boot_id", lambda: os.urandom(8).hex())
    ready = connect_all(gathers, on_all, secret)
    assert {type(collective) for collective in ready} == {Mesh}
    on_all(ready, lambda one: one.close())


def test_everything_is_closed_after_a_failure(gathers, on_all, secret, monkeypatch):
    def broken(mesh):
        if mesh.rank == 1:
            raise CollectiveError("no memory")
        return shared_memory.share_memory(mesh)

    monkeypatch.setattr(two_level, "share_memory", broken)
    before = open_sockets()

    def act(rank):
        with pytest.raises(CollectiveError) as caught:
            connect(rank[0], 3, rank[1], secret, "run-1", 10.0, "127.0.0.1")
        return str(caught.value)

    messages = on_all(list(enumerate(gathers(3))), act)
    assert messages[1] == "no memory"
    assert all("rank 1 (127.0.0.1) left" in message for message in (messages[0], messages[2])), messages
    assert open_sockets() == before


def test_nothing_stays_open_after_close(gathers, on_all, secret):
    before = open_sockets()
    ready = connect_all(gathers, on_all, secret)
    assert open_sockets() == before + 6
    on_all(ready, lambda one: one.close())
    assert open_sockets() == before
