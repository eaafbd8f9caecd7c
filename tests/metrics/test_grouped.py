from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdl.errors import ArgumentError, DataError
from sparkdl.metrics import NDCG, HitRatio
from sparkdl.metrics.base import Rows

Group = tuple[list[int], list[int]]


@st.composite
def groups(draw: Any) -> list[Group]:
    sizes = draw(st.lists(st.integers(2, 6), min_size=1, max_size=6))
    return [
        (
            draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)),
            draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)),
        )
        for n in sizes
    ]


def flat(lists: list[Group]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    numbers = np.repeat(np.arange(len(lists)), [len(labels) for labels, _ in lists])
    labels, scores = (np.concatenate(parts).astype(float) for parts in zip(*lists, strict=True))
    return labels, scores, numbers


def in_two_parts(metric: Any, lists: list[Group], rng: np.random.Generator) -> dict[str, Any]:
    """Whole groups in either part, their rows in any order."""
    labels, scores, numbers = flat(lists)
    sides = rng.integers(0, 2, len(lists))[numbers]
    states = []
    for side in (0, 1):
        chosen = rng.permutation(np.flatnonzero(sides == side))
        if len(chosen):
            states.append(metric.state(Rows.of(labels[chosen], scores[chosen]), numbers[chosen]))
    return metric.values(np.sum(states, axis=0))


@settings(max_examples=100, deadline=None)
@given(groups(), st.integers(1, 7), st.integers(0, 2**32 - 1), st.sampled_from(["linear", "exponential"]))
def test_ndcg_is_that_of_scikit_learn(lists: list[Group], k: int, seed: int, gain: Any) -> None:
    gains = [np.exp2(labels) - 1 if gain == "exponential" else np.array(labels, float) for labels, _ in lists]
    each = [sk.ndcg_score([worth], [scores], k=k) for worth, (_, scores) in zip(gains, lists, strict=True)]
    found = in_two_parts(NDCG(k, gain=gain), lists, np.random.default_rng(seed))
    assert found[f"ndcg_at_{k}"] == pytest.approx(np.mean(each), abs=1e-9)
    assert found[f"ndcg_at_{k}_groups"] == len(lists)
    present = [value for value, (labels, _) in zip(each, lists, strict=True) if any(labels)]
    skipped = in_two_parts(NDCG(k, "skip", gain=gain), lists, np.random.default_rng(seed))
    assert skipped[f"ndcg_at_{k}"] == pytest.approx(np.mean(present) if present else np.nan, abs=1e-9, nan_ok=True)
    assert found[f"ndcg_at_{k}_empty_groups"] == len(lists) - len(present)


@settings(max_examples=60, deadline=None)
@given(groups(), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_a_hit_is_as_probable_as_over_all_orders_of_equal_scores(lists: list[Group], k: int, seed: int) -> None:
    def probability(labels: list[int], scores: list[int]) -> float:
        orders = [p for p in itertools.permutations(range(len(labels))) if sorted(p, key=lambda i: -scores[i]) == [*p]]
        return float(np.mean([any(labels[i] for i in order[:k]) for order in orders]))

    found = in_two_parts(HitRatio(k), lists, np.random.default_rng(seed))
    assert found[f"hit_ratio_at_{k}"] == pytest.approx(np.mean([probability(*one) for one in lists]), abs=1e-9)


def test_arrays_in_memory_are_computed_by_group() -> None:
    labels, scores, users = [1, 0, 0, 1], [0.9, 0.1, 0.9, 0.1], ["ann", "ann", "bob", "bob"]
    assert HitRatio(1).compute(labels, scores, group=users)["hit_ratio_at_1"] == 0.5
    assert NDCG(2).compute(labels, scores, group=np.array(users)) == NDCG(2).compute(labels, scores, users)
    for group, received in ((None, "none"), (users[:3], "3")):
        with pytest.raises(
            ArgumentError, match=f"compute needs group=, one for each of the 4 rows, received {received}"
        ):
            HitRatio(1).compute(labels, scores, group=group)


def test_lists_are_refused() -> None:
    with pytest.raises(DataError, match="one label and one score per row"):
        NDCG().compute([1, 0], [[0.1, 0.2], [0.3, 0.4]], [1, 1])
    with pytest.raises(DataError, match=r"label in row 1 is -1, expected how relevant"):
        NDCG().compute([1, -1], [0.1, 0.2], [1, 1])
    with pytest.raises(ArgumentError, match=r"NDCG\(k=\) must be a whole number of at least 1, received 0"):
        NDCG(0)
