from __future__ import annotations

import functools
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sparkdl.collective.mesh import Mesh
from sparkdl.collective.wire import Link
from sparkdl.errors import ArgumentError, CollectiveError
from sparkdl.train.gradient_exchange import GradientExchange


@pytest.fixture
def mesh(mesh, own_identity):
    """Everything here must hold with TLS and without."""
    return functools.partial(mesh, identity=own_identity)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_contract(case, mesh, on_all, size):
    on_all(mesh(size), case)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_contract_where_numbers_are_rounded(case, mesh, on_all, precision):
    ranks = mesh(3)
    for rank in ranks:
        rank.round_to(precision)
    on_all(ranks, case)


def test_half_as_many_bytes_travel(mesh, on_all, monkeypatch):
    sent = []
    send = Link.send

    def counted(self, kind, sequence, *buffers):
        sent.append(sum(buffer.nbytes for buffer in buffers))
        send(self, kind, sequence, *buffers)

    monkeypatch.setattr(Link, "send", counted)

    def step(collective):
        exchange, weights = GradientExchange(collective, [(0, 500, 1000)]), np.zeros(1000, np.float32)
        exchange.reduce(np.ones(1000, np.float32), np.zeros(0))
        with exchange.sharing(weights):
            weights[:] = 1.0
        exchange.close()

    counts = {}
    for precision in ("float32", "bf16", "fp16"):
        ranks = mesh(2)
        sent.clear()
        for rank in ranks:
            rank.round_to(precision)
        on_all(ranks, step)
        counts[precision] = sum(sent)
    assert counts == {"float32": 8000, "bf16": 4000, "fp16": 4016}


def test_workers_that_round_otherwise_are_told(mesh, on_all):
    ranks = mesh(2)
    ranks[0].round_to("bf16")
    told = on_all(ranks, lambda rank: failure(lambda: rank.reduce_scatter(np.ones(8, "f4"), (0, 4, 8), np.zeros(1))))
    assert any("sent something else than reduce_scatter number 1 of the expected size" in text for text in told)


def failure(action):
    with pytest.raises(CollectiveError) as caught:
        action()
    return str(caught.value)


OPERATIONS = {
    "reduce_scatter": lambda rank: rank.reduce_scatter(np.ones(8, np.float32), (0, 2, 4, 8), np.zeros(1)),
    "all_gather": lambda rank: rank.all_gather(np.ones(8, np.float32), (0, 2, 4, 8)),
    "all_sum": lambda rank: rank.all_sum(np.ones(3)),
    "all_gather_bytes": lambda rank: rank.all_gather_bytes(b"abc"),
    "broadcast": lambda rank: rank.broadcast(b"abc", 1),
    "barrier": Mesh.barrier,
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_rank_that_leaves_is_named_at_once(mesh, on_all, operation):
    def act(collective):
        collective.barrier()
        if collective.rank == 1:
            time.sleep(0.05)
            return collective.close()
        return failure(lambda: [OPERATIONS[operation](collective) for _ in range(3)])

    started = time.monotonic()
    first, _, third = on_all(mesh(3), act)
    assert time.monotonic() - started < 5
    assert first == third == f"rank 1 (127.0.0.1) left during {operation}."


def test_a_rank_that_leaves_in_the_middle_of_a_large_message_is_named(mesh, on_all):
    values = np.ones(8_000_000, np.float32)

    def act(collective):
        if collective.rank == 2:
            link = collective._links[0]
            link.send(1, 1, memoryview(bytes(24)), memoryview(bytes(1000)))  # it promises less than it owes
            link.step()
            return collective.close()
        return failure(lambda: collective.reduce_scatter(values, (0, 3_000_000, 6_000_000, 8_000_000), np.zeros(3)))

    first, second, _ = on_all(mesh(3), act)
    assert "rank 2 (127.0.0.1)" in first and "rank 2 (127.0.0.1)" in second


def test_a_silent_rank_is_named_after_the_deadline_and_its_victims_follow(mesh, on_all):
    ranks = mesh(3, deadline=0.3)

    def act(collective):
        if collective.rank == 2:
            time.sleep(0.8)
            collective.barrier()  # what the others sent before they gave up is still there
        return failure(collective.barrier)

    started = time.monotonic()
    messages = on_all(ranks, act)
    assert time.monotonic() - started < 2
    assert set(messages) == {"rank 2 (127.0.0.1) did not answer within 0.3 s during barrier."}


def test_workers_that_disagree_are_told(mesh, on_all):
    def act(collective):
        length = 4 if collective.rank else 5
        return failure(lambda: [collective.all_sum(np.ones(length)) for _ in range(2)])

    for message in on_all(mesh(2), act):
        assert "all_sum number 1" in message and "same sizes" in message or "left" in message


def test_after_a_failure_every_call_says_why(mesh, on_all):
    first, second = mesh(2)
    second.close()
    assert failure(first.barrier) == "rank 1 (127.0.0.1) left during barrier."
    assert failure(first.barrier).endswith("is closed: rank 1 (127.0.0.1) left during barrier.")
    assert failure(second.barrier).endswith("is closed: it was closed")


def test_leaving_after_the_last_operation_disturbs_nobody(mesh, on_all):
    def act(collective):
        collective.all_gather_bytes(b"x" * 1000)
        collective.close()
        collective.close()

    for _ in range(10):
        on_all(mesh(3), act)


def test_who_left_is_noticed_without_reading(mesh):
    first, second, third = mesh(3)
    assert first.lost([1, 2]) is None
    third.close()
    time.sleep(0.05)
    assert first.lost([1]) is None
    error = first.lost([1, 2])
    assert str(error) == "rank 2 left"
    assert str(first.fail(error, "waiting")) == "rank 2 (127.0.0.1) left during waiting."
    time.sleep(0.05)
    assert str(second.lost([0])) == "rank 2 left"


def test_closing_wakes_a_thread_that_waits(mesh):
    first, second = mesh(2, deadline=120)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(first.barrier)
        while first._sequence == 0:
            time.sleep(0.01)
        time.sleep(0.1)
        started = time.monotonic()
        first.close()
        with pytest.raises((CollectiveError, OSError, ValueError)):
            waiting.result(20)
    assert time.monotonic() - started < 5


def test_wrong_arguments_are_refused_before_anything_is_sent(mesh):
    first = mesh(2)[0]
    with pytest.raises(ArgumentError, match="float32"):
        first.reduce_scatter(np.zeros(4), (0, 2, 4), np.zeros(1))
    with pytest.raises(ArgumentError, match="between 0 and 1, but received -1"):
        first.broadcast(b"", -1)
    assert first._sequence == 0


def test_all_gather_refuses_read_only_arrays(mesh):
    values = np.ones(2, np.float32)
    values.flags.writeable = False
    with pytest.raises(ArgumentError, match="read-only"):
        mesh(2)[0].all_gather(values, (0, 1, 2))


def test_no_memory_is_allocated_per_step(mesh, on_all):
    """The pieces of the second step arrive where those of the first one did."""
    ranks = mesh(3)
    bounds = (0, 100, 200, 300)

    def act(collective):
        parts = [collective.reduce_scatter(np.ones(300, np.float32), bounds, np.zeros(2))[0] for _ in range(3)]
        return {part.__array_interface__["data"][0] for part in parts}

    assert [len(addresses) for addresses in on_all(ranks, act)] == [1, 1, 1]
