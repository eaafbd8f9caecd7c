"""Numbers of rows of the model's tables (embeddings): whether there are such rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparkdl.errors import DataError


def outside(values: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Which rows hold a number below 0, or not below its limit: bool (rows,).

    Args:
        values: (rows, ...); fractions are cut off, as embeddings do.
        limits: one for all numbers of a row, or for each of them its own.

    Example:
        >>> outside(np.array([[0, 3], [4, 0], [0, -1]]), np.array(4)).tolist()
        [False, True, True]
    """
    rows = len(values)
    # One pass over each end is all that good data cost.
    if not values.size or (values.min() > -1 and values.max() < limits.min()):
        return np.zeros(rows, bool)
    return np.asarray(_wrong(values, limits).reshape(rows, -1).any(axis=1))


def refuse_outside(values: np.ndarray, limits: np.ndarray, title: str, where: Callable[[int], str]) -> None:
    """Raises DataError for the first row that `outside` finds."""
    rows = np.flatnonzero(outside(values, limits))
    if not len(rows):
        return
    first = int(rows[0])
    wrong = _wrong(values[first], limits)
    number, limit = values[first][wrong][0].item(), np.broadcast_to(limits, wrong.shape)[wrong][0]
    raise DataError(
        f"{title} has the index {number} in {where(first)}, but the model looks it up in an embedding of {limit} rows, "
        f"numbered 0 to {limit - 1}: correct or drop such rows, or give the layer a larger input_dim."
    )


def _wrong(values: np.ndarray, limits: np.ndarray) -> np.ndarray:
    return np.asarray((values <= -1) | (values >= limits))
