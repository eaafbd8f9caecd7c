"""The plan of an epoch against a plain sort of all rows."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdl.data.epoch import epoch_plan, permutation, split_rows
from sparkdl.errors import ArgumentError

counts = st.lists(st.integers(0, 60), min_size=1, max_size=7)


def sorted_shares(rows: list[int], batch_size: int) -> list[list[int]]:
    order = sorted((Fraction(2 * k + 1, 2 * n), rank) for rank, n in enumerate(rows) for k in range(n))
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [[sum(owner == rank for _, owner in batch) for batch in batches] for rank in range(len(rows))]


@given(rows=counts, batch_size=st.integers(1, 70))
def test_shares_are_those_of_sorting_all_rows(rows: list[int], batch_size: int) -> None:
    plan = epoch_plan(rows, batch_size)
    assert [plan.shares(rank).tolist() for rank in range(len(rows))] == sorted_shares(rows, batch_size)


@settings(deadline=None)
@given(rows=st.lists(st.integers(0, 10**6), min_size=1, max_size=9), batch_size=st.integers(10**4, 10**6))
def test_every_row_counts_once_in_proportion(rows: list[int], batch_size: int) -> None:
    plan = epoch_plan(rows, batch_size)
    shares = np.array([plan.shares(rank) for rank in range(len(rows))]).reshape(len(rows), plan.steps)
    assert (shares >= 0).all()
    assert shares.sum(axis=1).tolist() == rows
    assert shares.sum(axis=0).tolist() == [plan.batch_rows(step) for step in range(plan.steps)]
    assert all(plan.batch_rows(step) == batch_size for step in range(plan.steps - 1))
    exact = np.outer(rows, [plan.batch_rows(step) / max(sum(rows), 1) for step in range(plan.steps)])
    assert (np.abs(shares - exact) < len(rows) + 1).all()


def test_shares_of_the_documented_example() -> None:
    plan = epoch_plan([1000, 3000, 96], 256)
    assert [sorted(set(plan.shares(rank).tolist())) for rank in range(3)] == [[62, 63], [187, 188], [6]]


def test_equal_workers_get_equal_shares() -> None:
    plan = epoch_plan([1024] * 4, 256)
    assert all(set(plan.shares(rank).tolist()) == {64} for rank in range(4))


def test_no_rows_means_no_steps() -> None:
    plan = epoch_plan([0, 0], 8)
    assert (plan.steps, plan.shares(1).tolist(), plan.offsets(0).tolist()) == (0, [], [0])


@pytest.mark.parametrize("rows", [[500_000] * 100, [1 + 10_000 * rank for rank in range(100)]])
def test_fifty_million_rows_on_a_hundred_workers_take_no_time(rows: list[int]) -> None:
    begin = time.perf_counter()
    plan = epoch_plan(rows, -(-sum(rows) // 10_000))
    offsets = plan.offsets(57)
    assert time.perf_counter() - begin < 2.0
    assert (len(offsets), offsets[-1]) == (plan.steps + 1, rows[57])
    assert plan.steps > 9_990


@pytest.mark.parametrize(("rows", "batch_size"), [([], 1), ([-1], 1), ([3], 0)])
def test_impossible_plans_are_refused(rows: list[int], batch_size: int) -> None:
    with pytest.raises(ArgumentError):
        epoch_plan(rows, batch_size)


def test_ranks_and_steps_out_of_range_are_refused() -> None:
    plan = epoch_plan([4, 4], 4)
    with pytest.raises(ArgumentError, match="rank 2"):
        plan.shares(2)
    with pytest.raises(ArgumentError, match="step 2"):
        plan.batch_rows(2)


@given(st.integers(0, 2**63), st.integers(0, 9), st.integers(0, 9), st.integers(0, 50))
def test_permutation_is_one_and_repeats(seed: int, epoch: int, rank: int, rows: int) -> None:
    order = permutation(seed, epoch, rank, rows)
    assert sorted(order.tolist()) == list(range(rows))
    assert np.array_equal(order, permutation(seed, epoch, rank, rows))


def test_permutation_differs_between_epochs_and_ranks() -> None:
    orders = {tuple(permutation(7, epoch, rank, 30)) for epoch in range(3) for rank in range(3)}
    assert len(orders) == 9


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5])
def test_split_has_the_expected_size_and_ignores_placement(fraction: float) -> None:
    ids = np.concatenate([(part << 33) + np.arange(5000) for part in range(4)])
    chosen = split_rows(fraction, 3, ids)
    assert abs(chosen.mean() - fraction) < 4 * np.sqrt(fraction * (1 - fraction) / len(ids)) + 1e-12
    back = np.argsort(ids[::-1])
    assert np.array_equal(split_rows(fraction, 3, ids[::-1])[back], chosen)


def test_split_depends_on_the_seed_and_refuses_everything() -> None:
    ids = np.arange(1000)
    assert not np.array_equal(split_rows(0.5, 1, ids), split_rows(0.5, 2, ids))
    with pytest.raises(ArgumentError, match="validation_split"):
        split_rows(1.0, 0, ids)
