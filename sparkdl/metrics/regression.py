"""How far predicted numbers are from true ones; of several numbers per row, the mean over them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sparkdl.errors import DataError
from sparkdl.metrics.base import Rows, SumMetric, Values, ratio, refuse


def pairs(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted values, float64 (rows, outputs) both.

    Raises:
        DataError: where their shapes differ, or one is infinite.
    """
    if rows.labels.shape != rows.predictions.shape:
        label, prediction = (f"{width} numbers" if width else "one number" for width in rows.form)
        raise DataError(
            f"the labels have {label} per row and the predictions {prediction}: a regression needs a prediction for "
            f"each value."
        )
    for what, values in (("label", rows.labels), ("prediction", rows.predictions)):
        refuse(np.isinf(values), values, what, "expected a finite number", rows.where)
    count = len(rows)
    return rows.labels.reshape(count, -1), rows.predictions.astype(np.float64).reshape(count, -1)


@dataclass(frozen=True)
class _MeanError(SumMetric):
    """A weighted mean over rows."""

    def state(self, rows: Rows) -> np.ndarray:
        """See `SumMetric`: weighted errors per output, then the weights."""
        return np.append(rows.weights @ self._errors(*pairs(rows)), rows.weights.sum())

    def values(self, state: np.ndarray) -> Values:
        """See `SumMetric`."""
        return _per_output(self.name, self._finished(ratio(state[:-1], state[-1])))

    @staticmethod
    @abstractmethod
    def _errors(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """The error of each row and output."""

    @staticmethod
    def _finished(means: np.ndarray) -> np.ndarray:
        return means


def _per_output(name: str, values: np.ndarray) -> Values:
    mean = {name: float(values.mean()) if values.size else float("nan")}
    return mean if len(values) == 1 else {**mean, f"{name}_per_output": values}


@dataclass(frozen=True)
class MSE(_MeanError):
    """The mean squared error.

    Example:
        >>> MSE().compute([3.0, 5.0], [2.5, 6.0])
        {'mse': 0.625}
    """

    usual_name: ClassVar[str] = "mse"

    @staticmethod
    def _errors(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return (true - predicted) ** 2


@dataclass(frozen=True)
class RMSE(MSE):
    """The root of the mean squared error.

    Example:
        >>> RMSE().compute([3.0, 5.0], [2.0, 6.0])
        {'rmse': 1.0}
    """

    usual_name: ClassVar[str] = "rmse"

    @staticmethod
    def _finished(means: np.ndarray) -> np.ndarray:
        return np.sqrt(means)


@dataclass(frozen=True)
class MAE(_MeanError):
    """The mean absolute error.

    Example:
        >>> MAE().compute([3.0, 5.0], [2.5, 6.0])
        {'mae': 0.75}
    """

    usual_name: ClassVar[str] = "mae"

    @staticmethod
    def _errors(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return np.abs(true - predicted)


@dataclass(frozen=True)
class MAPE(_MeanError):
    """The mean absolute error as a share of the true value, which counts as no less than 2.2e-16.

    Example:
        >>> MAPE().compute([2.0, 4.0], [1.0, 5.0])
        {'mape': 0.375}
    """

    usual_name: ClassVar[str] = "mape"

    @staticmethod
    def _errors(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return np.abs(true - predicted) / np.maximum(np.abs(true), np.finfo(np.float64).eps)


def moments(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What the variance of values follows from, without the cancellation of a sum of squares.

    Args:
        values: (rows, outputs), at least one row.
        weights: (rows,).

    Returns:
        (4, outputs): sum of weights, an origin (the first value), the mean from there, and the sum of weighted
        squares around the mean. From their own origin equal values lie at 0 exactly.

    Example:
        >>> moments(np.array([[1e9], [1e9 + 2]]), np.ones(2)).T.tolist()
        [[2.0, 1000000000.0, 1.0, 2.0]]
    """
    total, origin = weights.sum(), values[0]
    shifted = values - origin
    mean = ratio(weights @ shifted, total, 0.0)
    squares = weights @ (shifted - mean) ** 2
    return np.stack([np.full_like(origin, total), origin, mean, squares])


def merged_moments(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The moments of the values of both."""
    total = first[0] + second[0]
    share = ratio(second[0], total, 0.0)
    apart = (second[1] - first[1]) + (second[2] - first[2])
    return np.stack([total, first[1], first[2] + share * apart, first[3] + second[3] + first[0] * share * apart**2])


@dataclass(frozen=True)
class _Explained(SumMetric):
    """One minus a part of the variance of the true values."""

    additive: ClassVar[bool] = False

    def merge(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """See `SumMetric`: rows and squared errors add up, moments merge."""
        if first.shape != second.shape:
            raise DataError(f"{self.name} was given rows with different numbers of values.")
        spreads = [merged_moments(first[at : at + 4], second[at : at + 4]) for at in range(2, len(first), 4)]
        return np.concatenate([first[:2] + second[:2], *spreads])

    def state(self, rows: Rows) -> np.ndarray:
        """See `SumMetric`: (10, outputs) rows, squared errors, moments of the true values and of the errors."""
        true, predicted = pairs(rows)
        errors = true - predicted
        sums = np.stack([np.full(true.shape[1], float(len(rows))), rows.weights @ errors**2])
        return np.concatenate([sums, moments(true, rows.weights), moments(errors, rows.weights)])

    @staticmethod
    def _score(unexplained: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """1 where nothing is left to explain, 0 where there was nothing to explain."""
        return np.where(unexplained == 0, 1.0, 1.0 - ratio(unexplained, spread, 1.0))


@dataclass(frozen=True)
class R2(_Explained):
    """The share of the squared distances from the mean that the predictions explain; NaN for fewer than two rows.

    Example:
        >>> R2().compute([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
        {'r2': 0.5}
    """

    usual_name: ClassVar[str] = "r2"

    def values(self, state: np.ndarray) -> Values:
        """See `SumMetric`."""
        scores = self._score(state[1], state[5])
        return _per_output(self.name, np.where(state[0] < 2, np.nan, scores))


@dataclass(frozen=True)
class ExplainedVariance(_Explained):
    """The share of the variance that the predictions explain; a constant error costs nothing.

    Example:
        >>> ExplainedVariance().compute([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
        {'explained_variance': 1.0}
    """

    usual_name: ClassVar[str] = "explained_variance"

    def values(self, state: np.ndarray) -> Values:
        """See `SumMetric`."""
        return _per_output(self.name, self._score(state[9], state[5]))
