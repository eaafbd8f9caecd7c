"""Validation methods of Keras-style models."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparkdl.bigdl.keras.base import ZooKerasCreator
from sparkdl.bigdl.optim import validation
from sparkdl.bigdl.optim.validation import State, mean
from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.errors import DataError


class SparseCategoricalAccuracy(validation.Top1Accuracy, ZooKerasCreator):
    """The share of rows whose greatest output is that of their class; classes count from 0."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def correct(self, scores: Any, labels: Any) -> Any:
        """See `Top1Accuracy`."""
        return super().correct(scores, labels + 1)


class Accuracy(validation.Top1Accuracy, ZooKerasCreator):
    """The share of rows whose greatest output is that of their class; with a single output, 1 from 0.5 on, else 0."""

    def __init__(self, zero_based_label: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.zero_based_label = zero_based_label

    def correct(self, scores: Any, labels: Any) -> Any:
        """See `Top1Accuracy`."""
        return super().correct(scores, labels + 1 if self.zero_based_label and scores.shape[1] > 1 else labels)


class BinaryAccuracy(validation.Top1Accuracy, ZooKerasCreator):
    """The share of rows whose single output is on the side of 0.5 of their label (0 or 1)."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)


class CategoricalAccuracy(validation.Top1Accuracy, ZooKerasCreator):
    """The share of rows whose greatest output is where their one-hot label is."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def pairs(self, output: Any, target: Any) -> Any:
        """See `Top1Accuracy`."""
        if target.ndim != 2 or target.shape != output.shape:
            raise DataError(
                f"CategoricalAccuracy got labels of shape {target.shape} for outputs of {output.shape}: labels are "
                "one-hot rows; for numbers of classes there is the loss 'sparse_categorical_crossentropy'."
            )
        return output, target.argmax(1) + 1


class Top5Accuracy(validation.Top5Accuracy, ZooKerasCreator):
    """The share of rows whose class is among the five greatest outputs."""

    def __init__(self, zero_based_label: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.zero_based_label = zero_based_label

    def correct(self, scores: Any, labels: Any) -> Any:
        """See `Top1Accuracy`."""
        return super().correct(scores, labels + 1 if self.zero_based_label else labels)


class MAE(validation.ValidationMethod, ZooKerasCreator):
    """The mean absolute difference, averaged over minibatches."""

    name = "MAE"

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def measure(self, output: Any, target: Any) -> State:
        """See `ValidationMethod`."""
        return mean(float(np.mean(np.abs(_difference(output, target)))), 1)


class MSE(validation.ValidationMethod, ZooKerasCreator):
    """The mean squared difference, averaged over minibatches."""

    name = "MSE"

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def measure(self, output: Any, target: Any) -> State:
        """See `ValidationMethod`."""
        return mean(float(np.mean(np.square(_difference(output, target)))), 1)


def _difference(output: Any, target: Any) -> Any:
    one, other = np.asarray(output, np.float32), np.asarray(target, np.float32)
    return one - other.reshape(one.shape)


class AUC(validation.ValidationMethod):
    """The area under the curve of true over false positives at evenly spaced thresholds; labels are 0 or 1.

    With several columns, the mean of their areas.
    """

    name = "AucScore"

    def __init__(self, threshold_num: int = 200, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.threshold_num = threshold_num

    def measure(self, output: Any, target: Any) -> State:
        """True positives, false positives (threshold, column), and numbers of positives and negatives (column)."""
        scores, labels = (np.asarray(part, np.float32) for part in (output, target))
        scores, labels = (part.reshape(len(part), -1) for part in (scores, labels))
        if scores.shape != labels.shape or not np.isin(labels, (0, 1)).all():
            raise DataError(
                f"AUC got outputs of shape {np.shape(output)} and labels of {np.shape(target)}: labels have the shape "
                "of the outputs, and are 0 or 1."
            )
        count = self.threshold_num
        thresholds = (np.arange(count, dtype=np.float32) + 1) / np.float32(count - 1)
        thresholds[0], thresholds[-1] = -1e-7, 1 + 1e-7
        above = scores[None] >= thresholds[:, None, None]
        true, false = (above & (labels == wanted)[None] for wanted in (1, 0))
        return [true.sum(1), false.sum(1), (labels == 1).sum(0), (labels == 0).sum(0)]

    def number(self, state: State) -> tuple[float, int]:
        """See `ValidationMethod`."""
        true, false, positives, negatives = (np.asarray(part, np.float64) for part in state)
        rates, alarms = (true + 1e-6) / (positives + 1e-6), false / (negatives + 1e-6)
        areas = ((rates[:-1] + rates[1:]) * (alarms[:-1] - alarms[1:])).sum(0) / 2
        return float(areas.mean()), int(positives.flat[0] + negatives.flat[0])
