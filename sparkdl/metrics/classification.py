"""What classes were decided for, against what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from sparkdl.errors import DataError
from sparkdl.metrics.base import Rows, SumMetric, Values, averaged, ratio
from sparkdl.metrics.forms import class_numbers, count_classes, decisions, several_labels

Average = Literal["macro", "micro", "weighted", "binary"]


@dataclass(frozen=True)
class Accuracy(SumMetric):
    """The share of rows whose class was found.

    Attributes:
        threshold: what a single score must exceed to mean class 1; None for a half, and for class numbers.
        multi_label: whether a row may have any number of labels; all of them must then be found, and no other.

    Example:
        >>> Accuracy().compute([0, 1, 2], [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.6, 0.3, 0.1]])
        {'accuracy': 0.6666666666666666}
    """

    threshold: float | None = None
    multi_label: bool = False

    usual_name: ClassVar[str] = "accuracy"

    def state(self, rows: Rows) -> np.ndarray:
        """See `SumMetric`: weight of the rows that were found, and of all."""
        if self.multi_label:
            true, found = several_labels(rows, self.threshold)
            right = (true == found).all(axis=1)
        else:
            right = class_numbers(rows) == decisions(rows, self.threshold)
        return np.array([rows.weights @ right, rows.weights.sum()])

    def values(self, state: np.ndarray) -> Values:
        """See `SumMetric`."""
        return {self.name: float(ratio(*state))}


@dataclass(frozen=True)
class TopK(SumMetric):
    """The share of rows whose class is among the `k` with the highest scores.

    Of equal scores the one of the higher class number goes first, as in scikit-learn.

    Attributes:
        k: how many.

    Example:
        >>> TopK(2).compute([0, 2], [[0.5, 0.2, 0.3], [0.5, 0.3, 0.2]])
        {'top_2_accuracy': 0.5}
    """

    k: int = 5

    usual_name: ClassVar[str] = "top_{k}_accuracy"

    def _check(self) -> None:
        self._count("k")

    def state(self, rows: Rows) -> np.ndarray:
        """See `SumMetric`: weight of the rows that were found, and of all."""
        scores = rows.predictions
        if scores.ndim == 1:
            raise DataError(f"{self.name} needs a score for each class, but the predictions have one number per row.")
        classes = class_numbers(rows)
        own = np.take_along_axis(scores, classes[:, None], axis=1)
        later = np.arange(scores.shape[1]) > classes[:, None]
        before = ((scores > own) | ((scores == own) & later)).sum(axis=1)
        return np.array([rows.weights @ (before < self.k), rows.weights.sum()])

    def values(self, state: np.ndarray) -> Values:
        """See `SumMetric`."""
        return {self.name: float(ratio(*state))}


@dataclass(frozen=True)
class ConfusionMatrix(SumMetric):
    """How often a row of one class (its row in the matrix) was taken for another (the column).

    Attributes:
        normalize: None for weights of rows; "true", "predicted" or "all" divides by the sum of the matrix's row,
            of its column, or of everything (0 where there is nothing).
        threshold: as in `Accuracy`.

    Example:
        >>> ConfusionMatrix().compute([0, 0, 1], [0, 1, 1])["confusion_matrix"].tolist()
        [[1.0, 1.0], [0.0, 1.0]]
    """

    normalize: Literal["true", "predicted", "all"] | None = None
    threshold: float | None = None

    usual_name: ClassVar[str] = "confusion_matrix"

    def _check(self) -> None:
        self._one_of("normalize", None, "true", "predicted", "all")

    def state(self, rows: Rows) -> np.ndarray:
        """See `SumMetric`: the matrix."""
        true, found = class_numbers(rows), decisions(rows, self.threshold)
        count = count_classes(rows, true, found)
        matrix = np.bincount(true * count + found, rows.weights, count * count)
        return matrix.reshape(count, count)

    def values(self, state: np.ndarray) -> Values:
        """See `SumMetric`."""
        axis = {"true": 1, "predicted": 0, "all": None}
        if self.normalize is None:
            return {self.name: state}
        return {self.name: ratio(state, state.sum(axis=axis[self.normalize], keepdims=True), 0.0)}


@dataclass(frozen=True)
class _PerClass(SumMetric):
    """A metric made of how often each class was right, predicted, and true: `counts`, (3, classes).

    Attributes:
        average: how the values of the classes become one: "macro" (each alike), "weighted" (by how often it is
            true), "micro" (from the counts of all), or "binary" (class 1 of two).
        threshold: as in `Accuracy`.
        multi_label: whether a row may have any number of labels.
    """

    average: Average = "macro"
    threshold: float | None = None
    multi_label: bool = False

    def _check(self) -> None:
        self._one_of("average", "macro", "micro", "weighted", "binary")

    def state(self, rows: Rows) -> np.ndarray:
        """See `SumMetric`: (3, classes) weights of the rows that were right, predicted so, and so in truth."""
        if self.multi_label:
            true, found = several_labels(rows, self.threshold)
            return np.stack([rows.weights @ (true & found), rows.weights @ found, rows.weights @ true])
        true, found = class_numbers(rows), decisions(rows, self.threshold)
        count = count_classes(rows, true, found)
        pairs = ((true, rows.weights * (true == found)), (found, rows.weights), (true, rows.weights))
        return np.stack([np.bincount(numbers, weights, count) for numbers, weights in pairs])

    def values(self, state: np.ndarray) -> Values:
        """See `SumMetric`: the mean, and the value of each class (NaN where it neither is nor was predicted)."""
        right, predicted, true = state
        per_class = self._value(right, predicted, true)
        if not self.multi_label:
            per_class = np.where(predicted + true > 0, per_class, np.nan)
        if self.average == "micro":
            value = float(self._value(*state.sum(axis=1)))
        else:
            value = float(np.nan_to_num(averaged(per_class, true, self.average, self.name)))
        return {self.name: value, f"{self.name}_per_class": per_class, f"{self.name}_support": true}

    @staticmethod
    def _value(right: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True)
class Precision(_PerClass):
    """Of the rows that were taken for a class, the share that is of it; 0 where none was.

    Example:
        >>> Precision(average="binary").compute([0, 1, 1, 0], [0.1, 0.9, 0.3, 0.8])["precision"]
        0.5
    """

    usual_name: ClassVar[str] = "precision"

    @staticmethod
    def _value(right: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        return ratio(right, predicted, 0.0)


@dataclass(frozen=True)
class Recall(_PerClass):
    """Of the rows of a class, the share that was found; 0 where there is none.

    Example:
        >>> Recall().compute([0, 1, 1, 2], [0, 1, 2, 2])["recall_per_class"].tolist()
        [1.0, 0.5, 1.0]
    """

    usual_name: ClassVar[str] = "recall"

    @staticmethod
    def _value(right: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        return ratio(right, true, 0.0)


@dataclass(frozen=True)
class F1(_PerClass):
    """The harmonic mean of precision and recall.

    Example:
        >>> F1(average="micro").compute([0, 1, 1, 2], [0, 1, 2, 2])["f1"]
        0.75
    """

    usual_name: ClassVar[str] = "f1"

    @staticmethod
    def _value(right: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        return ratio(2 * right, predicted + true, 0.0)
