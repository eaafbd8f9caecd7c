"""What only all workers together can tell about the rows, agreed on before the first step."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from sparkdl.data.store import TRAIN, VALIDATION, PartitionStore
from sparkdl.errors import DataError
from sparkdl.types import Collective

NOTHING = (np.inf, -np.inf)


def check_rows(store: PartitionStore, collective: Collective) -> None:
    """There are rows to train on.

    Raises:
        DataError: on every worker, where there are none.
    """
    training, validation = collective.all_sum(np.array([store.view(TRAIN).rows, store.view(VALIDATION).rows]))
    if training == 0:
        rest = f" (all {validation} rows are for validation)" if validation else ""
        raise DataError(f"fit was given no rows to train on{rest}: check the filters and joins of the data.")


def agree_on_strings(store: PartitionStore, collective: Collective, columns: Sequence[int]) -> dict[str, list[str]]:
    """Gives every string of the training rows of all workers a number, in sorted order.

    Args:
        columns: numbers of the string columns in the order of `spec.columns`.

    Returns:
        for each column, by name, its strings in the order of their numbers.

    Raises:
        DataError: where a validation row holds a string that no training row has.
    """
    agreed = {}
    for column in columns:
        parts = collective.all_gather_bytes(json.dumps(store.vocabulary(column, TRAIN)).encode())
        words = sorted({word for part in parts for word in json.loads(part)})
        store.recode(column, {word: number for number, word in enumerate(words)})
        agreed[store.spec.columns[column].name] = words
    return agreed


def check_labels(store: PartitionStore, collective: Collective, classes: Sequence[int | None]) -> None:
    """Class numbers of every label column lie between 0 and the number of classes.

    Args:
        classes: for each label column the number of classes, None where it holds no class numbers.

    Raises:
        DataError: on every worker, with the one thing to change.
    """
    for index, (count, label) in enumerate(zip(classes, store.spec.labels, strict=False)):
        if count is None:
            continue
        mine = np.array(store.label_range(index) or NOTHING, np.float64)
        ranges = np.array([np.frombuffer(part) for part in collective.all_gather_bytes(mine.tobytes())])
        check_label_range(ranges[:, 0].min(), ranges[:, 1].max(), count, label.name)


def check_label_range(low: float, high: float, classes: int, name: str) -> None:
    """Class numbers are 0 to classes - 1.

    Raises:
        DataError: saying so, and guessing 1-based labels where it looks like that.

    Example:
        >>> check_label_range(0, 9, 10, "digit")
    """
    if low >= 0 and high < classes:
        return
    hint = (
        f"they look 1-based: subtract 1 (withColumn({name!r}, col({name!r}) - 1))"
        if low == 1 and high == classes
        else f"correct the labels, or give the model's last layer at least {high + 1:.0f} units"
    )
    raise DataError(
        f"label column {name!r} holds class numbers from {low:g} to {high:g}, but the model's output has {classes} "
        f"classes, numbered 0 to {classes - 1}: {hint}."
    )
