from __future__ import annotations

import gc
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from sparkdl.collective import segment, shared_memory
from sparkdl.collective.mesh import Mesh
from sparkdl.collective.shared_memory import SharedMemory, share_memory
from sparkdl.errors import CollectiveError


def segments_open():
    """Descriptors of segments in this process."""
    gc.collect()  # Maps that tracebacks of earlier tests still hold would go at any time.
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing itself
            links.append(os.readlink(descriptor))
    return sum(link.startswith(f"/memfd:{segment.NAME} ") for link in links)


@pytest.fixture
def shared(mesh, on_all):
    """Makes the ranks of a shared-memory collective, and checks that each holds the memory and nothing else."""
    made = []

    def make(size, deadline=30.0):
        before = segments_open()
        ready = on_all(mesh(size, deadline), share_memory)
        made.extend(ready)
        assert {type(one) for one in ready} == {SharedMemory}
        assert segments_open() == before + size  # Python keeps a descriptor in each map.
        return ready

    yield make
    for collective in made:
        collective.close()


@pytest.mark.parametrize("size", [2, 3, 4])
def test_contract(case, shared, on_all, size):
    on_all(shared(size), case)


@pytest.mark.parametrize("size", [2, 5])
def test_contract_in_many_small_rounds(case, shared, on_all, size, monkeypatch):
    """Slots of one page, so that even short vectors take more rounds than there are slots."""
    if case.__name__ == "large":
        return
    monkeypatch.setattr(segment, "SLOT_BYTES", 4096)
    on_all(shared(size), case)


def failure(action):
    with pytest.raises(CollectiveError) as caught:
        action()
    return str(caught.value)


OPERATIONS = {
    "reduce_scatter": lambda rank: rank.reduce_scatter(np.ones(8, np.float32), (0, 2, 4, 8), np.zeros(1)),
    "all_gather": lambda rank: rank.all_gather(np.ones(8, np.float32), (0, 2, 4, 8)),
    "all_sum": lambda rank: rank.all_sum(np.ones(3)),
    "all_gather_bytes": lambda rank: rank.all_gather_bytes(b"abc"),
    "barrier": SharedMemory.barrier,
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_rank_that_leaves_is_named_at_once(shared, on_all, operation):
    def act(collective):
        collective.barrier()
        if collective.rank == 1:
            time.sleep(0.05)
            return collective.close()
        return failure(lambda: [OPERATIONS[operation](collective) for _ in range(3)])

    started = time.monotonic()
    first, _, third = on_all(shared(3), act)
    assert time.monotonic() - started < 5
    assert first == third == f"rank 1 (127.0.0.1) left during {operation}."


def test_a_rank_that_leaves_in_the_middle_of_a_large_sum_is_named(shared, on_all, monkeypatch):
    ranks = shared(3)
    values = np.ones(8_000_000, np.float32)

    def act(collective):
        if collective.rank == 2:
            exchange = collective._exchange

            def half(operation, rounds, put, take):
                exchange(operation, rounds // 2, put, take)
                collective.close()

            collective._exchange = half
            return collective.reduce_scatter(values, (0, 3_000_000, 6_000_000, 8_000_000), np.zeros(3))
        return failure(lambda: collective.reduce_scatter(values, (0, 3_000_000, 6_000_000, 8_000_000), np.zeros(3)))

    first, second, _ = on_all(ranks, act)
    assert first == second == "rank 2 (127.0.0.1) left during reduce_scatter."


def test_a_silent_rank_is_named_after_the_deadline_and_its_victims_follow(shared, on_all):
    ranks = shared(3, deadline=0.3)

    def act(collective):
        if collective.rank == 2:
            time.sleep(0.8)
            collective.barrier()  # the others had come before they gave up
        return failure(collective.barrier)

    started = time.monotonic()
    messages = on_all(ranks, act)
    assert time.monotonic() - started < 2
    assert set(messages) == {"rank 2 (127.0.0.1) did not answer within 0.3 s during barrier."}


def test_leaving_after_the_last_operation_disturbs_nobody(shared, on_all):
    def act(collective):
        collective.all_gather(np.ones(1000, np.float32), (0, 10, 500, 1000))
        collective.close()
        collective.close()
        assert "is closed: it was closed" in failure(collective.barrier)

    for _ in range(10):
        on_all(shared(3), act)


def test_a_slow_rank_is_waited_for(shared, on_all):
    def act(collective):
        time.sleep(0.05 * collective.rank)
        return collective.all_sum(np.array(1)).item()

    assert on_all(shared(3), act) == [3, 3, 3]


def test_bytes_of_the_result_survive_until_the_next_sum(shared, on_all):
    values = np.arange(6, dtype=np.float32)
    values.flags.writeable = False

    def act(collective):
        part, _ = collective.reduce_scatter(values, (0, 2, 4, 6), np.zeros(1))
        collective.all_gather(np.ones(6, np.float32), (0, 2, 4, 6))
        collective.barrier()
        return part.tolist()

    assert on_all(shared(3), act) == [[0, 3], [6, 9], [12, 15]]


def falls_back(mesh, on_all):
    """All get the mesh itself, it works, and no memory is held."""
    meshes, before = mesh(3), segments_open()
    ready = on_all(meshes, share_memory)
    assert ready == meshes
    assert on_all(ready, lambda one: one.all_sum(np.array(1)).item()) == [3, 3, 3]
    assert segments_open() == before


def test_no_segment_no_shared_memory(mesh, on_all, monkeypatch):
    monkeypatch.setattr(shared_memory, "create", lambda workers: None)
    falls_back(mesh, on_all)


def test_a_worker_that_does_not_see_the_memory_makes_all_use_the_mesh(mesh, on_all, monkeypatch):
    """As in a container with process numbers of its own, without /proc, or as another user."""

    def attach(place, layout):
        return None if threading.current_thread().name.endswith("_1") else segment.attach(place, layout)

    monkeypatch.setattr(shared_memory, "attach", attach)
    falls_back(mesh, on_all)


def test_another_segment_at_the_same_place_makes_all_use_the_mesh(mesh, on_all, monkeypatch):
    """As in containers of one host that number their processes alike, the token and all."""

    def attach(place, layout):
        memory = segment.attach(place, layout)
        copy = type(memory)(-1, layout.size)
        copy[:] = memory[:]
        memory.close()
        return copy

    monkeypatch.setattr(shared_memory, "attach", attach)
    falls_back(mesh, on_all)


def test_other_hosts_are_told_by_their_boot_id(mesh, on_all, monkeypatch):
    monkeypatch.setattr(shared_memory, "boot_id", lambda: threading.current_thread().name)
    falls_back(mesh, on_all)


def test_a_worker_that_leaves_while_memory_is_shared_is_named(mesh, on_all):
    def act(one: Mesh):
        if one.rank == 2:
            return one.close()
        return failure(lambda: share_memory(one))

    first, second, _ = on_all(mesh(3), act)
    assert "rank 2 (127.0.0.1) left" in first and "rank 2 (127.0.0.1) left" in second
