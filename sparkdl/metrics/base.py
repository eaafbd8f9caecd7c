"""What a metric is: how rows become a state, how states merge, and what a state says in the end.

There are three kinds, by what a state must hold. A `SumMetric` needs sums of a fixed size. A `RankMetric`
(`ranking.py`) needs every distinct score, and is told where each of them stands among all others. A `GroupMetric`
(`grouped.py`) needs all rows of a group together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from sparkdl.errors import ArgumentError, DataError

Values = dict[str, Any]
Where = Callable[[int], str]


def _numbered(row: int) -> str:
    return f"row {row}"


@dataclass(frozen=True)
class Rows:
    """Labels, predictions and weights of some rows, checked.

    Attributes:
        labels: float64; (rows,) class numbers or values, or (rows, n) one-hot, multi-label or several values.
        predictions: float32 or float64; (rows,) a score, a class number or a value, or (rows, n).
        weights: float64 (rows,), each at least 0.
        where: names a row, for error messages.
    """

    labels: np.ndarray
    predictions: np.ndarray
    weights: np.ndarray
    where: Where = _numbered

    @classmethod
    def of(cls, labels: Any, predictions: Any, weights: Any = None, where: Where = _numbered) -> Rows:
        """Rows from array-likes; an axis of length 1 behind the rows is dropped.

        Args:
            labels: numbers (rows,) or (rows, n).
            predictions: numbers (rows,) or (rows, n).
            weights: numbers (rows,); None for 1 each.
            where: names a row, for error messages.

        Raises:
            DataError: for no rows, a NaN, a weight that is negative or infinite, a shape that is neither (rows,) nor
                (rows, n), or different lengths.

        Example:
            >>> rows = Rows.of([0, 1], [[0.2], [0.9]])
            >>> rows.predictions.shape, rows.weights.tolist()
            ((2,), [1.0, 1.0])
        """
        labels = _array(labels, "label", where).astype(np.float64, copy=False)
        predictions = _array(predictions, "prediction", where)
        count = len(predictions)
        if not count:
            raise DataError("the metrics were given no rows: check the filters before them.")
        weights = np.ones(count) if weights is None else _array(weights, "weight", where).astype(np.float64, copy=False)
        if weights.shape != (count,) or len(labels) != count:
            raise DataError(
                f"the metrics were given {len(labels)} labels, {count} predictions and weights of shape "
                f"{weights.shape}: expected one of each per row."
            )
        refuse(~((weights >= 0) & (weights < np.inf)), weights, "weight", "expected a number of at least 0", where)
        return cls(labels, predictions, weights, where)

    def __len__(self) -> int:
        return len(self.predictions)

    @property
    def form(self) -> tuple[int, int]:
        """Numbers per row in the labels and in the predictions; 0 where each row holds a single one."""
        return _width(self.labels), _width(self.predictions)


def _width(values: np.ndarray) -> int:
    return values.shape[1] if values.ndim == 2 else 0


def _array(values: Any, what: str, where: Where) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DataError(f"the metrics were given a {what} of type {array.dtype}, expected numbers: convert it first.")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype.kind == "f" and array.dtype.itemsize < 4 else np.float64)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or array.shape[1:] == (0,):
        raise DataError(
            f"the metrics were given a {what} of shape {array.shape[1:]} per row, expected one number or one list of "
            f"numbers: flatten it, or select the part that is to be measured."
        )
    refuse(np.isnan(array), array, what, "which has no place in an order or a mean: drop such rows first", where)
    return array


def refuse(bad: np.ndarray, values: np.ndarray, what: str, problem: str, where: Where) -> None:
    """Raises for the first value that is marked as bad.

    Args:
        bad: bool, of the shape of `values`.
        values: (rows,) or (rows, n).
        what: "label", "prediction" or "weight".
        problem: what was expected, and what to do.
        where: names a row.

    Raises:
        DataError: where any is bad.
    """
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        raise DataError(f"the {what} in {where(first[0])} is {values[first]:g}, {problem}.")


@dataclass(frozen=True)
class Metric:
    """A measure of predictions. Frozen: it holds its parameters, never a state.

    Attributes:
        name: the key of its result; by default the field's usual term.
    """

    name: str = field(default="", kw_only=True)

    usual_name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.usual_name.format(**vars(self)))
        self._check()

    def _check(self) -> None:
        """Raises ArgumentError where a parameter makes no sense."""

    def _one_of(self, parameter: str, *allowed: Any) -> None:
        value = getattr(self, parameter)
        if value not in allowed:
            listed = ", ".join(map(repr, allowed))
            raise ArgumentError(f"{type(self).__name__}({parameter}=) must be one of {listed}, received {value!r}.")

    def _count(self, parameter: str) -> None:
        value = getattr(self, parameter)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ArgumentError(
                f"{type(self).__name__}({parameter}=) must be a whole number of at least 1, received {value!r}."
            )


class SumMetric(Metric, ABC):
    """A metric whose state is an array of sums.

    States of rows that were split in any way, merged in any order, give the same values, to rounding.
    """

    additive: ClassVar[bool] = True
    """Whether merging is adding, element by element."""

    @abstractmethod
    def state(self, rows: Rows) -> np.ndarray:
        """The state of some rows, float64.

        Raises:
            DataError: where they are not what the metric measures.
        """

    def merge(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """One state for the rows of both."""
        return added(first, second)

    @abstractmethod
    def values(self, state: np.ndarray) -> Values:
        """What a state says: the value under the metric's name, details under names that begin with it."""

    def compute(self, labels: Any, predictions: Any, weights: Any = None) -> Values:
        """The values for arrays in memory.

        Args:
            labels: (rows,) or (rows, n).
            predictions: (rows,) or (rows, n).
            weights: (rows,), or None.

        Raises:
            DataError: see `Rows.of` and `state`.
        """
        return self.values(self.state(Rows.of(labels, predictions, weights)))


def added(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The sum of two states; one that has met more classes is longer, and the other gets zeros.

    Example:
        >>> added(np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0])).tolist()
        [2.0, 4.0, 3.0]
    """
    if first.shape == second.shape:
        return first + second
    shape = np.maximum(first.shape, second.shape)
    return grown(first, shape) + grown(second, shape)


def grown(state: np.ndarray, shape: Any) -> np.ndarray:
    """The state with zeros behind it in every axis, up to a shape."""
    pairs = zip(shape, state.shape, strict=True)
    return np.pad(state, [(0, int(wanted) - size) for wanted, size in pairs])


def ratio(numerator: Any, denominator: Any, otherwise: float = np.nan) -> Any:
    """A quotient, element by element, with another value where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(np.asarray(numerator, np.float64), denominator)
    out = np.full(numerator.shape, otherwise)
    return np.divide(numerator, denominator, out=out, where=denominator != 0)[()]


def averaged(per_class: np.ndarray, counts: np.ndarray, how: str, name: str) -> float:
    """The mean over the classes that have a value.

    Args:
        per_class: NaN where a class has none.
        counts: what each class counts with how="weighted".
        how: "macro" (each class alike), "weighted", or "binary" (class 1 of two, or the only one).
        name: of the metric, for the message.

    Raises:
        DataError: for how="binary" and more than two classes.

    Example:
        >>> averaged(np.array([0.5, np.nan, 1.0]), np.array([3.0, 0.0, 1.0]), "weighted", "auroc")
        0.625
    """
    if how == "binary":
        if len(per_class) > 2:
            raise DataError(
                f'{name} with average="binary" measures class 1 of two, but there are {len(per_class)} classes: give '
                f'average="macro" or "weighted".'
            )
        return float(per_class[-1])
    present = ~np.isnan(per_class)
    weights = counts[present] if how == "weighted" else np.ones(int(present.sum()))
    return float(ratio(per_class[present] @ weights, weights.sum()))
