"""What only all workers together can tell about the rows, agreed on before the first step."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparkdl.data.store import TRAIN, VALIDATION, PartitionStore
from sparkdl.errors import DataError
from sparkdl.types import Collective

logger = logging.getLogger("sparkdl")
NOTHING = (np.inf, -np.inf)


def check_rows(store: PartitionStore, collective: Collective, validation_split: float | None = None) -> None:
    """There are rows to train on, and not all of them count nothing; where some were given, rows to validate on too.

    Args:
        store: this worker's rows.
        collective: of all workers.
        validation_split: the share drawn for validation, 0 where rows were given for it, None where there are none.

    Raises:
        DataError: on every worker, where there are none.
    """
    mine = (store.view(TRAIN).rows, store.view(VALIDATION).rows, store.counting(TRAIN))
    training, validation, counting = collective.all_sum(np.array(mine))
    if training == 0:
        rest = f" (all {validation} rows are for validation)" if validation else ""
        raise DataError(f"fit was given no rows to train on{rest}: check the filters and joins of the data.")
    if counting == 0:
        raise DataError(
            f"the weights of all {training} rows to train on are 0, expected some above 0, as nothing is learnt of "
            f"rows that count nothing: correct the weights, or give none."
        )
    if validation == 0 and validation_split is not None:
        given = f"validation_split={validation_split:g}" if validation_split else "validation_data= (or its indicator)"
        raise DataError(
            f"fit was given {given} and {training} rows to train on, but no rows to validate on, so that there is no "
            f"val_loss: correct it, or leave it out."
        )


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


def agree_on_fingerprint(store: PartitionStore, collective: Collective) -> dict[str, int]:
    """A number for the training rows of each source partition, whatever the number of workers they are spread over."""
    mine = store.view(TRAIN).fingerprint()
    total: dict[str, int] = {}
    for part in collective.all_gather_bytes(json.dumps(mine).encode()):
        for partition, number in json.loads(part).items():
            total[partition] = (total.get(partition, 0) + number) % 2**64
    return total


def warn_of_changed_rows(info: Mapping[str, Any], now: Mapping[str, int]) -> None:
    """Warns where a run goes on in the middle of an epoch with other rows; from the end of one it may well do so.

    Args:
        info: of the state that it goes on from.
        now: the fingerprint of the rows.
    """
    if info["step"] and (warning := changed_rows(info["fingerprint"], now)):
        logger.warning("%s", warning)


def changed_rows(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """What to say where a run goes on with other rows than it began with; nothing where they are the same.

    Example:
        >>> changed_rows({"0": 17, "1": 4}, {"0": 17, "1": 5})[:61]
        'the training rows of partition 1 are not those that the run b'
    """
    changed = sorted(int(name) for name in {*before, *now} if before.get(name) != now.get(name))
    if not changed:
        return ""
    first = ", ".join(map(str, changed[:5])) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
    partitions = "partition" if len(changed) == 1 else "partitions"
    return (
        f"the training rows of {partitions} {first} are not those that the run began with: the rest of this epoch may "
        "repeat or leave out rows. Write the data out before the training, or sort what makes it, so that Spark "
        "computes the same rows every time."
    )
