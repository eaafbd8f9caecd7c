"""Metrics of ranked lists: the rows of a group (a user, a query) in the order of their scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from sparkdl.errors import ArgumentError, DataError
from sparkdl.metrics.base import Metric, Rows, Values, ratio, refuse


@dataclass(frozen=True)
class Lists:
    """The rows of some groups, best score first in each.

    Attributes:
        group: int64 (rows,), from 0, ascending.
        relevance: float64 (rows,), at least 0.
        rank: int64 (rows,), from 0 in each group; of equal scores in any order.
        block: int64 (rows,): number of the run of equal scores in one group that the row is in.
        groups: how many.
    """

    group: np.ndarray
    relevance: np.ndarray
    rank: np.ndarray
    block: np.ndarray
    groups: int

    @classmethod
    def of(cls, rows: Rows, groups: Any) -> Lists:
        """Sorts rows.

        Args:
            rows: one label (how relevant the row is) and one score each.
            groups: (rows,), of any type that can be sorted.

        Raises:
            DataError: for another form, or a negative or infinite label.
        """
        if rows.form != (0, 0):
            raise DataError("metrics of groups need one label and one score per row, received lists: select one.")
        bad = ~((rows.labels >= 0) & (rows.labels < np.inf))
        refuse(bad, rows.labels, "label", "expected how relevant the row is, from 0 (not at all)", rows.where)
        codes = np.unique(np.asarray(groups), return_inverse=True)[1]
        order = np.lexsort((-rows.predictions, codes))
        group, scores = codes[order], rows.predictions[order]
        first = np.append(True, group[1:] != group[:-1])
        block = np.cumsum(first | np.append(True, scores[1:] != scores[:-1])) - 1
        starts = np.flatnonzero(first)
        return cls(group, rows.labels[order], np.arange(len(group)) - starts[group], block, len(starts))

    def per_block(self, values: np.ndarray) -> np.ndarray:
        """Sums over each block."""
        return np.bincount(self.block, values)

    def per_group(self, values: np.ndarray) -> np.ndarray:
        """Sums over each group."""
        return np.bincount(self.group, values, self.groups)


@dataclass(frozen=True)
class GroupMetric(Metric, ABC):
    """A mean over groups, each of which counts once.

    Attributes:
        k: length of the list that is looked at.
        empty: what a group without a relevant row counts: "zero", or "skip" to leave it out.
    """

    k: int = 10
    empty: Literal["zero", "skip"] = "zero"

    def _check(self) -> None:
        self._count("k")
        self._one_of("empty", "zero", "skip")

    def state(self, rows: Rows, groups: Any) -> np.ndarray:
        """Sum of the values of groups, number of groups, and of those without a relevant row; additive.

        All rows of a group must be there. Weights are not looked at.

        Raises:
            DataError: see `Lists.of`.
        """
        lists = Lists.of(rows, groups)
        relevant = lists.per_group(lists.relevance) > 0
        return np.array([self._of_groups(lists)[relevant].sum(), lists.groups, (~relevant).sum()], np.float64)

    def values(self, state: np.ndarray) -> Values:
        """The mean, the number of groups, and of those without a relevant row."""
        total, groups, empty = state
        counted = groups - empty if self.empty == "skip" else groups
        return {
            self.name: float(ratio(total, counted)),
            f"{self.name}_groups": int(groups),
            f"{self.name}_empty_groups": int(empty),
        }

    def compute(self, labels: Any, predictions: Any, group: Any = None) -> Values:
        """The values for arrays in memory, equal to those that `sdl.measure` gives.

        Args:
            labels: (rows,), how relevant a row is; 0 for not at all.
            predictions: (rows,) scores.
            group: (rows,), whose row it is, of any type that can be sorted.

        Raises:
            ArgumentError: there are no groups, or not one per row.
            DataError: see `Lists.of`.
        """
        rows = Rows.of(labels, predictions)
        count = 0 if group is None else len(group)
        if count != len(rows.labels):
            raise ArgumentError(
                f"{type(self).__name__}.compute needs group=, one for each of the {len(rows.labels)} rows, received "
                f"{count or 'none'}: give an array that says whose row it is."
            )
        return self.values(self.state(rows, group))

    @abstractmethod
    def _of_groups(self, lists: Lists) -> np.ndarray:
        """The value of each group; anything where it has no relevant row."""


@dataclass(frozen=True)
class HitRatio(GroupMetric):
    """The share of groups that have a relevant row among the `k` with the highest scores.

    Of equal scores at the end of the list any may be in it: a group counts the probability of a hit.

    Example:
        >>> HitRatio(k=1).compute([1, 0, 0, 1], [0.9, 0.1, 0.9, 0.1], ["ann", "ann", "bob", "bob"])["hit_ratio_at_1"]
        0.5
    """

    usual_name: ClassVar[str] = "hit_ratio_at_{k}"

    def _of_groups(self, lists: Lists) -> np.ndarray:
        starts = np.flatnonzero(np.append(True, lists.block[1:] != lists.block[:-1]))
        size = np.bincount(lists.block)
        relevant = lists.per_block(lists.relevance > 0)
        places = np.clip(self.k - lists.rank[starts], 0, size)
        missed = np.ones(len(size))
        for drawn in range(int(relevant.max(initial=0))):  # each relevant row of a block falls outside
            outside = np.clip(size - places - drawn, 0, None) / np.maximum(size - drawn, 1)
            missed *= np.where(drawn < relevant, outside, 1.0)
        hit = np.ones(lists.groups)
        np.multiply.at(hit, lists.group[starts], missed)
        return 1.0 - hit


@dataclass(frozen=True)
class NDCG(GroupMetric):
    """The normalized discounted cumulative gain of the `k` rows with the highest scores.

    Rows of equal score share their places, as in scikit-learn.

    Attributes:
        gain: what a row of relevance r is worth: "linear" r, "exponential" 2^r - 1.

    Example:
        >>> round(NDCG(k=2).compute([0, 1, 1], [0.9, 0.5, 0.1], [1, 1, 1])["ndcg_at_2"], 6)
        0.386853
    """

    gain: Literal["linear", "exponential"] = "linear"

    usual_name: ClassVar[str] = "ndcg_at_{k}"

    def _check(self) -> None:
        super()._check()
        self._one_of("gain", "linear", "exponential")

    def _of_groups(self, lists: Lists) -> np.ndarray:
        gains = lists.relevance if self.gain == "linear" else np.exp2(lists.relevance) - 1
        discounts = np.where(lists.rank < self.k, 1 / np.log2(lists.rank + 2), 0.0)
        shared = lists.per_block(discounts) / np.bincount(lists.block)
        best = gains[np.lexsort((-gains, lists.group))]
        return ratio(lists.per_group(gains * shared[lists.block]), lists.per_group(best * discounts), 0.0)
