"""The forms that labels and predictions come in, read as what a metric needs of them."""

from __future__ import annotations

import numpy as np

from sparkdl.errors import DataError
from sparkdl.metrics.base import Rows, Where, refuse

# Without a list of scores per row, classes are counted by the highest number seen; a larger one is a mistake.
MOST_CLASSES = 4096
# Numbers this close are the same: fast exponentials of float32 end a little above 1.
ROUNDING = 1e-5


def class_numbers(rows: Rows) -> np.ndarray:
    """The class of each row by its label, int64 (rows,); from class numbers or one-hot rows.

    Raises:
        DataError: for another form, or a class that the predictions do not have.
    """
    width = rows.form[1]
    if rows.labels.ndim == 1:
        return _whole(rows.labels, "label", width or MOST_CLASSES, rows.where)
    if width not in (0, rows.labels.shape[1]):
        raise _different(rows)
    refuse_but_zero_and_one(rows)
    refuse(
        (rows.labels.sum(axis=1) != 1),
        rows.labels.sum(axis=1),
        "number of classes",
        "expected exactly one: give multi_label=True, or a metric for several labels per row",
        rows.where,
    )
    return rows.labels.argmax(axis=1)


def decisions(rows: Rows, threshold: float | None) -> np.ndarray:
    """The class that the predictions decide for, int64 (rows,).

    Of several scores it is the highest (the first of equal ones). A single number is a class number where it is
    whole; otherwise it is the probability of class 1, and must exceed a half. With a threshold, it must exceed that.

    Raises:
        DataError: for a single number that is neither, or a label other than 0 and 1 beside one that is compared with
            a threshold: only two classes can be told apart so.
    """
    scores = rows.predictions
    if scores.ndim == 2:
        return scores.argmax(axis=1)
    if threshold is not None:
        _refuse_more_classes(rows)
        return (scores > threshold).astype(np.int64)
    nearest = np.rint(scores)
    whole = (np.abs(scores - nearest) <= ROUNDING) & (nearest >= 0) & (nearest < MOST_CLASSES)
    problem = (
        "neither a class number nor a probability: give threshold= (0.0 for logits), or scores of all classes in an "
        "array"
    )
    refuse(~(whole | ((scores > 0) & (scores < 1))), scores, "prediction", problem, rows.where)
    if not whole.all():
        _refuse_more_classes(rows)
    return np.where(whole, nearest, scores > 0.5).astype(np.int64)


def count_classes(rows: Rows, true: np.ndarray, found: np.ndarray) -> int:
    """How many classes there are: what the widths of labels and predictions say, or the highest number; at least 2."""
    return max(*rows.form, 2, 1 + int(true.max(initial=0)), 1 + int(found.max(initial=0)))


def several_labels(rows: Rows, threshold: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Which labels each row has, and which it is predicted to have: bool (rows, classes) both.

    Raises:
        DataError: where there is not one 0 or 1 and one score for each class.
    """
    if rows.labels.ndim != 2 or rows.labels.shape != rows.predictions.shape:
        raise _different(rows)
    refuse_but_zero_and_one(rows)
    return rows.labels == 1, rows.predictions > (0.5 if threshold is None else threshold)


def check_positives(rows: Rows) -> None:
    """Checks that `positive` can say of each row and class whether the row is of the class.

    Raises:
        DataError: where labels and scores do not belong together.
    """
    if rows.labels.ndim == 2:
        if rows.labels.shape != rows.predictions.shape:
            raise _different(rows)
        refuse_but_zero_and_one(rows)
    elif rows.predictions.ndim == 2:
        class_numbers(rows)
    else:
        refuse_but_zero_and_one(rows)


def positive(rows: Rows, number: int) -> np.ndarray:
    """Whether each row is of a class, bool (rows,); with a single score per row, of the positive class."""
    if rows.labels.ndim == 2:
        return rows.labels[:, number] == 1
    return rows.labels == (number if rows.predictions.ndim == 2 else 1)


def probabilities(rows: Rows, from_logits: bool) -> np.ndarray:
    """Predictions as probabilities, float64 (rows,) of class 1, or (rows, classes).

    Raises:
        DataError: where they are not from 0 to 1.
    """
    if from_logits:
        return _from_logits(rows.predictions.astype(np.float64))
    problem = "expected a probability from 0 to 1: give from_logits=True where the model has no sigmoid or softmax"
    scores = rows.predictions.astype(np.float64)
    refuse((scores < -ROUNDING) | (scores > 1 + ROUNDING), scores, "prediction", problem, rows.where)
    return np.clip(scores, 0.0, 1.0)


def outcomes(rows: Rows) -> np.ndarray:
    """What the probabilities should have been, float64: 0 or 1 for single ones, one-hot rows for several.

    Raises:
        DataError: for labels of another form.
    """
    if rows.predictions.ndim == 2:
        return (class_numbers(rows)[:, None] == np.arange(rows.predictions.shape[1])).astype(np.float64)
    if rows.labels.ndim == 2:
        raise _different(rows)
    refuse_but_zero_and_one(rows)
    return rows.labels


def refuse_but_zero_and_one(rows: Rows) -> None:
    """Raises DataError for a label that is neither 0 nor 1."""
    labels = rows.labels
    problem = "expected 0 or 1" + ("" if labels.ndim == 2 else ", since each row has a single score")
    refuse((labels != 0) & (labels != 1), labels, "label", problem, rows.where)


def _refuse_more_classes(rows: Rows) -> None:
    """Raises DataError for a class other than 0 and 1, by a label of any form."""
    numbers = class_numbers(rows)
    refuse(numbers > 1, numbers, "label", "expected 0 or 1, since each row has a single score", rows.where)


def _from_logits(logits: np.ndarray) -> np.ndarray:
    if logits.ndim == 1:
        power = np.exp(-np.abs(logits))
        return np.where(logits >= 0, 1.0, power) / (1.0 + power)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _whole(values: np.ndarray, what: str, classes: int, where: Where) -> np.ndarray:
    problem = f"expected a class number, a whole number from 0 to {classes - 1}"
    refuse((values != np.floor(values)) | (values < 0) | (values >= classes), values, what, problem, where)
    return values.astype(np.int64)


def _different(rows: Rows) -> DataError:
    label, prediction = (f"{width} numbers" if width else "one number" for width in rows.form)
    return DataError(
        f"the labels have {label} per row and the predictions {prediction}: give a score for each label, or class "
        f"numbers as labels."
    )
