"""Several metrics over rows that come in batches: what one process has seen of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparkdl.errors import ArgumentError, DataError
from sparkdl.metrics.base import Metric, Rows, SumMetric
from sparkdl.metrics.forms import check_positives
from sparkdl.metrics.ranking import Points, RankMetric, points_of


def check_metrics(metrics: Any, argument: str) -> tuple[Metric, ...]:
    """Metrics as a tuple, each under a name of its own.

    Args:
        metrics: one, or several.
        argument: how messages call it.

    Raises:
        ArgumentError: for anything else, none, or two of one name.
    """
    given = (metrics,) if isinstance(metrics, Metric) else metrics
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise ArgumentError(
            f"{argument} must be a list of metrics such as [sdl.metrics.AUROC()], received {metrics!r}."
        )
    for metric in given:
        if not isinstance(metric, Metric):
            hint = ": call it" if isinstance(metric, type) and issubclass(metric, Metric) else ""
            raise ArgumentError(
                f"{argument} must hold objects of sdl.metrics such as sdl.metrics.AUROC(), received {metric!r}{hint}."
            )
    names = [metric.name for metric in given]
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(f"{argument} holds two metrics named {name!r}: give one of them another name=.")
    return tuple(given)


class Meter:
    """The states of `SumMetric`s, and the points that `RankMetric`s need, over batches of rows.

    Args:
        metrics: of these kinds; others are left out.

    Attributes:
        form: see `Rows.form`; None before the first row.
        rows: how many were seen.

    Example:
        >>> from sparkdl.metrics import Accuracy, AUROC
        >>> meter = Meter([Accuracy(), AUROC()])
        >>> meter.add(Rows.of([0, 1], [0.2, 0.6]))
        >>> meter.states[0].tolist(), len(meter.points(0))
        ([2.0, 2.0], 2)
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.sums = [metric for metric in metrics if isinstance(metric, SumMetric)]
        self.ranks = [metric for metric in metrics if isinstance(metric, RankMetric)]
        self.states: list[np.ndarray] = []
        self.form: tuple[int, int] | None = None
        self.rows = 0
        self._kept: list[Rows] = []

    def add(self, rows: Rows) -> None:
        """Takes a batch of at least one row.

        Raises:
            DataError: where it is not what the metrics measure, or not like the batches before.
        """
        self.form = same_form(self.form, rows.form)
        self.rows += len(rows)
        states = [metric.state(rows) for metric in self.sums]
        if self.states:
            pairs = zip(self.sums, self.states, states, strict=True)
            states = [metric.merge(before, state) for metric, before, state in pairs]
        self.states = states
        if self.ranks:
            check_positives(rows)
            self._kept.append(rows)

    @property
    def classes(self) -> int:
        """Classes that have points: one where each row has a single score."""
        return max(1, self.form[1]) if self.form is not None else 0

    def points(self, number: int) -> Points:
        """The points of a class, of all rows that are kept."""
        return points_of(self._kept, number) if self._kept else Points.merged([])

    def forget_scores(self) -> None:
        """Keeps no scores any more; the states stay."""
        self._kept = []


def same_form(first: tuple[int, int] | None, second: tuple[int, int]) -> tuple[int, int]:
    """The form of rows that are to be measured together.

    Raises:
        DataError: where it differs.
    """
    if first is not None and first != second:
        raise DataError(
            f"some rows have {first[0] or 1} numbers in the label and {first[1] or 1} in the prediction, others "
            f"{second[0] or 1} and {second[1] or 1}: each row must have as many."
        )
    return second
