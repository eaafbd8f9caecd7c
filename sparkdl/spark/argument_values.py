"""What values the arguments of the verbs take: one table, looked at on the driver before anything starts."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparkdl.errors import ArgumentError

Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """What an argument may be, in words that follow "must be", and as a test."""

    expected: str
    holds: Test


def check_values(verb: str, **given: Any) -> None:
    """Compares arguments of a verb with its rules.

    Raises:
        ArgumentError: naming the first that has another value.

    Example:
        >>> check_values("fit", epochs=3, workers=None, validation_split=0.25)
        >>> check_values("fit", epochs=0)
        Traceback (most recent call last):
        ...
        sparkdl.errors.ArgumentError: epochs must be a whole number of at least 1, received 0.
    """
    for name, value in given.items():
        rule = RULES[verb][name]
        if not rule.holds(value):
            raise ArgumentError(f"{name} must be {rule.expected}, received {value!r}.")


def drawn_part(split: float, data: Any, indicator: str | None) -> float:
    """The fraction of the rows that is drawn for validation: as in Keras, none where there is `validation_data`.

    Raises:
        ArgumentError: a column says already which rows are held out.
    """
    if split and indicator is not None:
        raise ArgumentError(
            f"fit was given validation_split={split!r} and validation_indicator={indicator!r}, and both hold rows out: "
            f"give one of them."
        )
    return 0.0 if data is not None else split


def _is_whole(value: Any, least: int, below: float = math.inf) -> bool:
    # Python's own alone: numbers travel as JSON, which does not know numpy's.
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < below


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _or_none(holds: Test) -> Test:
    return lambda value: value is None or holds(value)


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike)) and bool(str(value))


def _is_verbosity(value: Any) -> bool:
    return isinstance(value, (str, int)) and value in ("auto", 0, 1, 2)


def _is_class_weight(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_integral(number) and _is_finite(weight) and weight >= 0 for number, weight in value.items()
    )


def _is_integral(value: Any) -> bool:
    """A whole number of Python's or numpy's."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    """A number of Python's or numpy's."""
    return isinstance(value, (int, float, np.integer, np.floating)) and math.isfinite(value)


def _is_shape(value: Any) -> bool:
    sizes: Sequence[Any] = value if isinstance(value, Sequence) and not isinstance(value, str) else ["none"]
    return all(_is_integral(size) and size >= 0 for size in sizes)


def _is_dtype(value: Any) -> bool:
    try:
        np.dtype(value)
    except TypeError:
        return False
    return value is not None  # of which numpy makes float64


def _by_column(holds: Test) -> Test:
    return lambda value: (
        isinstance(value, Mapping) and all(isinstance(name, str) and holds(item) for name, item in value.items())
    )


_COUNT = Rule("a whole number of at least 1", lambda value: _is_whole(value, 1))
_COUNT_OR_NONE = Rule(_COUNT.expected, _or_none(_COUNT.holds))
_FROM_ZERO = Rule("a whole number of at least 0", lambda value: _is_whole(value, 0))

_COLUMNS: Mapping[str, Rule] = {
    "shapes": Rule(
        'a dict of column names and their shapes per row, with all sizes, such as {"pixels": (28, 28)}',
        _or_none(_by_column(_is_shape)),
    ),
    "dtypes": Rule(
        'a dict of column names and their numpy types, such as {"pixels": "uint8"}', _or_none(_by_column(_is_dtype))
    ),
}
_FIT: Mapping[str, Rule] = {
    "batch_size": _COUNT_OR_NONE,
    "epochs": _COUNT,
    "initial_epoch": _FROM_ZERO,
    "steps_per_epoch": _COUNT_OR_NONE,
    "validation_steps": _COUNT_OR_NONE,
    "validation_batch_size": _COUNT_OR_NONE,
    "validation_freq": _COUNT,
    "validation_split": Rule("a number of at least 0 and below 1", lambda value: _is_number(value) and 0 <= value < 1),
    "verbose": Rule('0, 1, 2 or "auto"', _is_verbosity),
    "class_weight": Rule(
        "a dict of class numbers (int) and their weights, finite and not negative, such as {0: 1.0, 1: 5.0}",
        _or_none(_is_class_weight),
    ),
    "workers": _COUNT_OR_NONE,
    "cores_per_worker": _COUNT_OR_NONE,
    "seed": Rule("a whole number of at least 0 and below 2**64", lambda value: _is_whole(value, 0, 2**64)),
    "max_failures": _FROM_ZERO,
    "resume": Rule("the path or URL of a Checkpoint", _or_none(_is_path)),
    "deadline": Rule("a finite number of seconds above 0", lambda value: _is_number(value) and value > 0),
    "memory_limit": Rule("a whole number of bytes of at least 1, such as 4 * 2**30", _COUNT_OR_NONE.holds),
    "spill_directory": Rule("the path of a local directory of the executors", _or_none(_is_path)),
}

RULES: Mapping[str, Mapping[str, Rule]] = {
    "fit": {**_FIT, **_COLUMNS},
    "evaluate": {"batch_size": _COUNT, **_COLUMNS},
    "predict": _COLUMNS,
}
