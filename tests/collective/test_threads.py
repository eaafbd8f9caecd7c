from __future__ import annotations

import time

import numpy as np
import pytest

from sparkdl.errors import ArgumentError, CollectiveError
from tests.collective.threads import threads


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_contract(case, on_all, size):
    on_all(threads(size), case)


def failure(action):
    with pytest.raises(CollectiveError) as caught:
        action()
    return str(caught.value)


def test_a_rank_that_leaves_is_named_at_once(on_all):
    ranks = threads(3)

    def act(collective):
        collective.barrier()
        if collective.rank == 1:
            time.sleep(0.1)
            return collective.close()
        return failure(lambda: collective.all_sum(np.ones(2)))

    started = time.monotonic()
    assert on_all(ranks, act) == ["rank 1 left during all_sum."] + [None] + ["rank 1 left during all_sum."]
    assert time.monotonic() - started < 5


def test_a_silent_rank_is_named_after_the_deadline(on_all):
    ranks = threads(3, deadline=0.2)
    messages = on_all(ranks[:2], lambda collective: failure(collective.barrier))
    assert messages == ["rank 2 did not answer within 0.2 s during barrier."] * 2
    assert "closed" in failure(ranks[0].barrier)


def test_leaving_after_the_last_operation_disturbs_nobody(on_all):
    for _ in range(50):

        def act(collective):
            collective.all_sum(np.ones(1))
            collective.close()
            collective.close()

        on_all(threads(3), act)


def test_wrong_arguments_are_refused():
    collective = threads(2)[0]
    with pytest.raises(ArgumentError, match="float32"):
        collective.reduce_scatter(np.zeros(4), (0, 2, 4), np.zeros(1))
    with pytest.raises(ArgumentError, match="3 rising bounds"):
        collective.all_gather(np.zeros(4, np.float32), (0, 4))
    with pytest.raises(ArgumentError, match="rising bounds"):
        collective.all_gather(np.zeros(4, np.float32), (0, 3, 2))
    with pytest.raises(ArgumentError, match="float64"):
        collective.reduce_scatter(np.zeros(4, np.float32), (0, 2, 4), np.zeros(1, np.float32))
    with pytest.raises(ArgumentError, match="between 0 and 1, but received 2"):
        collective.broadcast(b"", 2)
    with pytest.raises(ArgumentError, match="object"):
        collective.all_sum(np.array([object()]))
