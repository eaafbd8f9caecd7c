"""Workers on several hosts: threads that say they are elsewhere, over real connections and real shared memory."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from sparkdl.collective import shared_memory, two_level
from sparkdl.collective.mesh import Mesh
from sparkdl.collective.shared_memory import SharedMemory
from sparkdl.collective.two_level import TwoLevel, by_hosts
from sparkdl.errors import CollectiveError

PLACES = ["aabb", "abab", "abbbcc", "aaab"]


@pytest.fixture
def spread(mesh, on_all):
    made = []

    def make(places, deadline=30.0, precision="float32"):
        meshes = mesh(len(places), deadline)
        made.extend(meshes)
        return on_all(meshes, lambda one: by_hosts(one, places[one.rank], precision))

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("places", PLACES)
def test_contract(case, spread, on_all, places):
    ready = spread(places)
    assert {type(one) for one in ready} == {TwoLevel}
    on_all(ready, case)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_contract_where_numbers_are_rounded_between_hosts(case, spread, on_all, precision):
    ready = spread("abbcc", precision=precision)
    assert {one.precision for one in ready} == {precision}
    on_all(ready, case)


def test_nothing_is_rounded_on_one_host(spread, on_all):
    ready = spread("aaa", precision="bf16")
    assert {one.precision for one in ready} <= {"float32" if isinstance(one, SharedMemory) else "bf16" for one in ready}
    values = np.full(90, 1 + 2**-20, "float32")
    scalars = np.zeros(20 << 20)  # more than a slot holds: they and the sums go over the mesh
    parts = on_all(ready, lambda one: one.reduce_scatter(values.copy(), (0, 30, 60, 90), scalars)[0])
    if isinstance(ready[0], SharedMemory):
        assert {float(value) for part in parts for value in part} == {3 * (1 + 2**-20)}


def test_many_small_rounds(spread, on_all, monkeypatch):
    monkeypatch.setattr("sparkdl.collective.segment.SLOT_BYTES", 4096)
    on_all(spread("abbba"), _step)


def _step(collective):
    values = np.arange(50_000, dtype="float32") * (collective.rank + 1)
    bounds = tuple(50_000 * rank // collective.size for rank in range(collective.size + 1))
    part, totals = collective.reduce_scatter(values, bounds, np.array([1.0]))
    share = slice(bounds[collective.rank], bounds[collective.rank + 1])
    weights = np.zeros(50_000, "float32")
    weights[share] = part
    collective.all_gather(weights, bounds)
    times = collective.size * (collective.size + 1) / 2
    assert totals.tolist() == [collective.size]
    assert np.array_equal(weights, np.arange(50_000, dtype="float32") * times)


def test_bytes_between_hosts_do_not_grow_with_the_workers_on_them(spread, on_all, monkeypatch):
    """Of a vector of V bytes two hosts exchange V/2 in each direction, whatever the number of their workers."""
    sent = []
    swap = Mesh.swap

    def counted(self, kind, outgoing, incoming, arrived=None):
        sent.append((self.rank, sum(part.nbytes for parts in outgoing.values() for part in parts)))
        swap(self, kind, outgoing, incoming, arrived)

    monkeypatch.setattr(Mesh, "swap", counted)
    places = "abababab"
    on_all(spread(places), _step)
    for host in "ab":
        total = sum(count for rank, count in sent if places[rank] == host)
        assert total == pytest.approx(2 * 50_000 * 4 / 2, rel=0.01)  # there and back


@pytest.mark.parametrize(("places", "kind"), [("aaa", SharedMemory), ("abc", (Mesh, SharedMemory))])
def test_one_level_is_enough(spread, places, kind):
    assert all(isinstance(one, kind) for one in spread(places))


def test_where_a_host_has_no_memory_to_share_all_use_the_network(spread, on_all, monkeypatch):
    share = shared_memory.share_memory

    def no_memory_on_b(mesh):
        return mesh if mesh.members == (2, 3) else share(mesh)

    monkeypatch.setattr(two_level, "share_memory", no_memory_on_b)
    ready = spread("aabb")
    assert {type(one) for one in ready} == {Mesh}
    on_all(ready, _step)


@pytest.mark.parametrize("lost", [0, 3])
def test_when_one_leaves_all_learn_who(spread, lost):
    ready = spread("aabb")
    errors = {}

    def run(one):
        if one.rank == lost:
            time.sleep(0.2)
            one.close()
            return
        try:
            for _ in range(1000):
                _step(one)
        except CollectiveError as error:
            errors[one.rank] = str(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in ready]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(errors) == set(range(4)) - {lost}
    assert all(f"rank {lost}" in text for text in errors.values()), errors


def test_one_who_is_silent_is_named(spread, on_all):
    ready = spread("aabb", 1.0)

    def run(one):
        if one.rank == 1:
            time.sleep(2.5)
            return None
        with pytest.raises(CollectiveError) as caught:
            _step(one)
        return str(caught.value)

    told = on_all(ready, run)
    assert "rank 1" in told[0]
