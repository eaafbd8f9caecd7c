from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

from sparkdl.collective import segment, shared_memory
from sparkdl.collective.mesh import Mesh
from sparkdl.collective.shared_memory import SharedMemory, share_memory
from sparkdl.errors import CollectiveError


@pytest.fixture
def shared(mesh, on_all, tmp_path):
    """Makes the ranks of a shared-memory collective, and checks that no file is left."""
    made = []

    def make(size, deadline=30.0):
        ready = on_all(mesh(size, deadline), lambda one: share_memory(one, str(tmp_path)))
        made.extend(ready)
        assert os.listdir(tmp_path) == []
        assert {type(one) for one in ready} == {SharedMemory}
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
    monkeypatch.setattr(segment, "LARGEST_SLOT", 4096)
    monkeypatch.setattr(segment, "SMALLEST_SLOT", 4096)
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


def falls_back(mesh, on_all, directory):
    """All get the mesh itself, and it works."""
    meshes = mesh(3)
    ready = on_all(meshes, lambda one: share_memory(one, directory))
    assert ready == meshes
    assert on_all(ready, lambda one: one.all_sum(np.array(1)).item()) == [3, 3, 3]


def test_no_directory_no_shared_memory(mesh, on_all):
    falls_back(mesh, on_all, "/nowhere")


def test_a_worker_that_does_not_see_the_file_makes_all_use_the_mesh(mesh, on_all, tmp_path, monkeypatch):
    def attach(path, layout):
        return None if threading.current_thread().name.endswith("_1") else segment.attach(path, layout)

    monkeypatch.setattr(shared_memory, "attach", attach)
    falls_back(mesh, on_all, str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_a_file_of_the_same_name_that_is_other_memory_makes_all_use_the_mesh(mesh, on_all, tmp_path, monkeypatch):
    """As in containers of one host with a /dev/shm each, the token and all."""

    def attach(path, layout):
        memory = segment.attach(path, layout)
        copy = type(memory)(-1, layout.size)
        copy[:] = memory[:]
        return copy

    monkeypatch.setattr(shared_memory, "attach", attach)
    falls_back(mesh, on_all, str(tmp_path))


def test_other_hosts_are_told_by_their_boot_id(mesh, on_all, tmp_path, monkeypatch):
    monkeypatch.setattr(shared_memory, "boot_id", lambda: threading.current_thread().name)
    falls_back(mesh, on_all, str(tmp_path))


def test_a_worker_that_leaves_while_memory_is_shared_is_named_and_nothing_is_left(mesh, on_all, tmp_path):
    def act(one: Mesh):
        if one.rank == 2:
            return one.close()
        return failure(lambda: share_memory(one, str(tmp_path)))

    first, second, _ = on_all(mesh(3), act)
    assert "rank 2 (127.0.0.1) left" in first and "rank 2 (127.0.0.1) left" in second
    assert os.listdir(tmp_path) == []
