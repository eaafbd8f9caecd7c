"""How good predicted probabilities are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sparkdl.metrics.base import Rows, SumMetric, Values, ratio
from sparkdl.metrics.forms import class_numbers, outcomes, probabilities


@dataclass(frozen=True)
class LogLoss(SumMetric):
    """The mean of the negative logarithm of the probability that was given to what is true.

    Probabilities of 0 and 1 are moved inside by the precision of their type, as in scikit-learn.

    Attributes:
        from_logits: whether predictions are those of a model without sigmoid or softmax.

    Example:
        >>> round(LogLoss().compute([0, 1], [0.1, 0.8])["log_loss"], 6)
        0.164252
    """

    from_logits: bool = False

    usual_name: ClassVar[str] = "log_loss"

    def state(self, rows: Rows) -> np.ndarray:
        """See `SumMetric`: weighted losses, and weights."""
        epsilon = float(np.finfo(rows.predictions.dtype).eps)
        given = np.clip(probabilities(rows, self.from_logits), epsilon, 1 - epsilon)
        if given.ndim == 2:
            chosen = np.take_along_axis(given, class_numbers(rows)[:, None], axis=1)[:, 0]
        else:
            chosen = np.where(outcomes(rows) == 1, given, 1 - given)
        return np.array([-(rows.weights @ np.log(chosen)), rows.weights.sum()])

    def values(self, state: np.ndarray) -> Values:
        """See `SumMetric`."""
        return {self.name: float(ratio(*state))}


@dataclass(frozen=True)
class BrierScore(SumMetric):
    """The mean squared distance of the probabilities from what is true.

    With more than two classes the squares of all classes are added up, so that the worst value is 2.

    Attributes:
        from_logits: as in `LogLoss`.

    Example:
        >>> round(BrierScore().compute([0, 1, 1], [0.1, 0.9, 0.6])["brier_score"], 6)
        0.06
    """

    from_logits: bool = False

    usual_name: ClassVar[str] = "brier_score"

    def state(self, rows: Rows) -> np.ndarray:
        """See `SumMetric`: weighted squares, and weights."""
        squares = (probabilities(rows, self.from_logits) - outcomes(rows)) ** 2
        if squares.ndim == 2:
            squares = squares.sum(axis=1) * (0.5 if squares.shape[1] == 2 else 1.0)
        return np.array([rows.weights @ squares, rows.weights.sum()])

    def values(self, state: np.ndarray) -> Values:
        """See `SumMetric`."""
        return {self.name: float(ratio(*state))}


@dataclass(frozen=True)
class ExpectedCalibrationError(SumMetric):
    """How far confidence and accuracy lie apart, on average over bins of equal width.

    With several classes the confidence of a row is its highest probability, and the row is right where that is of
    its class. With a single probability it is that of class 1, and the accuracy is the share of class 1.

    Attributes:
        bins: how many; a bin holds its upper edge and not its lower one.
        from_logits: as in `LogLoss`.

    Example:
        >>> found = ExpectedCalibrationError(bins=2).compute([0, 1, 1, 1], [0.2, 0.4, 0.9, 0.9])
        >>> round(found["ece"], 6), found["ece_count"].tolist()
        (0.15, [2.0, 2.0])
    """

    bins: int = 15
    from_logits: bool = False

    usual_name: ClassVar[str] = "ece"

    def _check(self) -> None:
        self._count("bins")

    def state(self, rows: Rows) -> np.ndarray:
        """See `SumMetric`: (3, bins) weights, weighted confidences, weights of what is right."""
        given = probabilities(rows, self.from_logits)
        if given.ndim == 2:
            confidence, right = given.max(axis=1), (given.argmax(axis=1) == class_numbers(rows)).astype(np.float64)
        else:
            confidence, right = given, outcomes(rows)
        places = np.searchsorted(np.linspace(0, 1, self.bins + 1)[1:-1], confidence)
        weighted = (rows.weights, rows.weights * confidence, rows.weights * right)
        return np.stack([np.bincount(places, values, self.bins) for values in weighted])

    def values(self, state: np.ndarray) -> Values:
        """See `SumMetric`: the error, and for each bin its count, mean confidence and accuracy (NaN where empty)."""
        count, confidence, right = state
        return {
            self.name: float(ratio(np.abs(confidence - right).sum(), count.sum())),
            f"{self.name}_count": count,
            f"{self.name}_confidence": ratio(confidence, count),
            f"{self.name}_accuracy": ratio(right, count),
        }
