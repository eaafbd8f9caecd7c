"""Metrics of the order that scores put rows into: exact, with ties, without all rows in one place.

Of each class the distinct scores are kept, with the weights of its rows (positives) and of all others (negatives)
that have it. Such `Points` merge. A metric adds up a term for each point, which depends on the point and on how much
lies above it and level with it; so the points may lie in parts, and each part is told what the others hold.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from sparkdl.metrics.base import Metric, Rows, Values, averaged, ratio
from sparkdl.metrics.forms import check_positives, positive

_HEADER = struct.Struct("<Q3s")


@dataclass(frozen=True)
class Points:
    """The distinct scores of a class, ascending, with the weights of its rows and of all others.

    Attributes:
        scores: float32 or float64 (n,).
        positives: float64 (n,).
        negatives: float64 (n,).
    """

    scores: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> Points:
        """The points of some rows; those of weight 0 leave none.

        Example:
            >>> Points.of(np.array([0.5, 0.1, 0.5]), np.array([True, False, False]), np.ones(3)).scores.tolist()
            [0.1, 0.5]
        """
        return _summed(scores, weights * positive, weights * ~positive)

    @classmethod
    def merged(cls, parts: Sequence[Points]) -> Points:
        """The points of all parts together."""
        if not parts:
            return cls(np.zeros(0), np.zeros(0), np.zeros(0))
        if len(parts) == 1:
            return parts[0]
        columns = [(part.scores, part.positives, part.negatives) for part in parts]
        return _summed(*(np.concatenate(column) for column in zip(*columns, strict=True)))

    def __len__(self) -> int:
        return len(self.scores)

    def part(self, first: int, last: int) -> Points:
        """The points from number `first` to before `last`."""
        return Points(self.scores[first:last], self.positives[first:last], self.negatives[first:last])

    def to_bytes(self) -> bytes:
        """A compact form: counts mostly fit into a byte."""
        columns = [self.scores, _narrow(self.positives), _narrow(self.negatives)]
        kinds = "".join(column.dtype.char for column in columns).encode()
        return _HEADER.pack(len(self), kinds) + b"".join(column.tobytes() for column in columns)

    @classmethod
    def from_bytes(cls, payload: bytes) -> Points:
        """Reads what `to_bytes` gave."""
        count, kinds = _HEADER.unpack_from(payload)
        columns, start = [], _HEADER.size
        for kind in kinds.decode():
            column = np.frombuffer(payload, kind, count, start)
            columns.append(column)
            start += column.nbytes
        return cls(columns[0], columns[1].astype(np.float64), columns[2].astype(np.float64))


def _summed(scores: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> Points:
    present = positives + negatives > 0
    if not present.all():
        scores, positives, negatives = scores[present], positives[present], negatives[present]
    if not len(scores):
        return Points(scores, positives, negatives)
    order = np.argsort(scores, kind="stable")
    scores = scores[order] + scores.dtype.type(0)  # so that -0.0 and 0.0 have the same bytes
    starts = np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))
    return Points(scores[starts], np.add.reduceat(positives[order], starts), np.add.reduceat(negatives[order], starts))


def _narrow(values: np.ndarray) -> np.ndarray:
    """The same numbers, as small integers where they are."""
    if len(values) and (values == np.floor(values)).all() and values.max() < 2**32:
        return values.astype(np.min_scalar_type(int(values.max())))
    return values


@dataclass(frozen=True)
class Standing:
    """Of each of some points, the weights of positives and negatives that lie above it, and level with it."""

    positives_above: np.ndarray
    negatives_above: np.ndarray
    positives_level: np.ndarray
    negatives_level: np.ndarray

    @classmethod
    def among(cls, points: Points, others: Points) -> Standing:
        """Where points stand among others (which may be themselves)."""
        first = np.searchsorted(others.scores, points.scores, "left")
        last = np.searchsorted(others.scores, points.scores, "right")
        sums = []
        for counts in (others.positives, others.negatives):
            from_here = np.append(np.cumsum(counts[::-1])[::-1], 0.0)
            level = np.append(counts, 0.0)[first] * (last > first)
            sums.append((from_here[last], level))
        (positives_above, positives_level), (negatives_above, negatives_level) = sums
        return cls(positives_above, negatives_above, positives_level, negatives_level)

    def __add__(self, other: Standing) -> Standing:
        return Standing(
            self.positives_above + other.positives_above,
            self.negatives_above + other.negatives_above,
            self.positives_level + other.positives_level,
            self.negatives_level + other.negatives_level,
        )

    def below(self, positives: float, negatives: float) -> Standing:
        """The same points under so much more."""
        above = (self.positives_above + positives, self.negatives_above + negatives)
        return Standing(*above, self.positives_level, self.negatives_level)


class RankMetric(Metric, ABC):
    """A metric of the order of the scores of each class against the rest."""

    average: str

    @abstractmethod
    def area(self, points: Points, standing: Standing) -> float:
        """The sum of the terms of some points."""

    @abstractmethod
    def per_class(self, areas: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
        """The value of each class, NaN where it has none; all (classes,)."""

    def values(self, areas: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> Values:
        """The mean, the value per class, and the weights of positives and negatives of each.

        Args:
            areas: (classes,), of all points of each class.
            positives: (classes,), in all.
            negatives: (classes,), in all.
        """
        per_class = self.per_class(areas, positives, negatives)
        return {
            self.name: averaged(per_class, positives, self.average, self.name),
            f"{self.name}_per_class": per_class,
            f"{self.name}_positives": positives,
            f"{self.name}_negatives": negatives,
        }

    def compute(self, labels: object, predictions: object, weights: object = None) -> Values:
        """The values for arrays in memory; arguments and errors as in `SumMetric.compute`."""
        rows = Rows.of(labels, predictions, weights)
        check_positives(rows)
        points = [points_of([rows], number) for number in range(rows.form[1] or 1)]
        areas = [self.area(part, Standing.among(part, part)) for part in points]
        positives, negatives = totals(points)
        return self.values(np.array(areas), positives, negatives)

    def _check(self) -> None:
        self._one_of("average", "macro", "weighted", "binary")


def points_of(parts: Sequence[Rows], number: int) -> Points:
    """The points of a class, of rows that `check_positives` has passed; at least one part."""
    scores = [part.predictions if part.predictions.ndim == 1 else part.predictions[:, number] for part in parts]
    flags = [positive(part, number) for part in parts]
    return Points.of(np.concatenate(scores), np.concatenate(flags), np.concatenate([part.weights for part in parts]))


def totals(points: Sequence[Points]) -> tuple[np.ndarray, np.ndarray]:
    """Positives and negatives of each."""
    return np.array([part.positives.sum() for part in points]), np.array([part.negatives.sum() for part in points])


@dataclass(frozen=True)
class AUROC(RankMetric):
    """The area under the ROC curve: how probably a row of the class has a higher score than one that is not of it.

    Of equal scores it is a half. One score per row is that of class 1; several are one class against the rest each,
    with class numbers, one-hot rows or several labels as labels. A class without positives or negatives is NaN.

    Attributes:
        average: how the values of the classes become one: "macro" (each alike), "weighted" (by positives), or
            "binary" (class 1 of two).

    Example:
        >>> AUROC().compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])["auroc"]
        0.75
    """

    average: Literal["macro", "weighted", "binary"] = "macro"

    usual_name: ClassVar[str] = "auroc"

    def area(self, points: Points, standing: Standing) -> float:
        """See `RankMetric`: pairs in the right order."""
        return float(points.negatives @ (standing.positives_above + 0.5 * standing.positives_level))

    def per_class(self, areas: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
        """See `RankMetric`."""
        return ratio(areas, positives * negatives)


@dataclass(frozen=True)
class AveragePrecision(RankMetric):
    """The mean over the rows of a class of the precision at their score, which sums up the curve of precision and
    recall. A class without positives is NaN.

    Attributes:
        average: as in `AUROC`.

    Example:
        >>> round(AveragePrecision().compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])["average_precision"], 6)
        0.833333
    """

    average: Literal["macro", "weighted", "binary"] = "macro"

    usual_name: ClassVar[str] = "average_precision"

    def area(self, points: Points, standing: Standing) -> float:
        """See `RankMetric`: precisions, weighted by positives."""
        positives = standing.positives_above + standing.positives_level
        return float(
            points.positives @ ratio(positives, positives + standing.negatives_above + standing.negatives_level)
        )

    def per_class(self, areas: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
        """See `RankMetric`."""
        return ratio(areas, positives)
