"""How fast predictors are, side by side on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparkdl.types import Predictor

SINGLE_CALLS, BATCH_CALLS = 200, 20
SECONDS = 3.0  # of all calls of one kind, about


@dataclass(frozen=True)
class Speed:
    """What a caller sees.

    Attributes:
        p50_ms: milliseconds of a call of one row, in the middle.
        p99_ms: that 99 of 100 such calls stay below.
        rows_per_second: of calls of many rows.
    """

    p50_ms: float
    p99_ms: float
    rows_per_second: float


def measure_speed(predictors: Sequence[Predictor], features: tuple[np.ndarray, ...]) -> list[Speed]:
    """The speed of each predictor; they take turns, so that all see the same machine.

    Args:
        predictors: of one model.
        features: rows for the calls of many rows, (rows, ...) each; the first is that of the calls of one row.
    """
    rows = len(features[0])
    single = _seconds(predictors, tuple(column[:1] for column in features), SINGLE_CALLS)
    batch = _seconds(predictors, features, BATCH_CALLS)
    return [
        Speed(
            1e3 * float(np.percentile(alone, 50)),
            1e3 * float(np.percentile(alone, 99)),
            rows / statistics.median(together),
        )
        for alone, together in zip(single, batch, strict=True)
    ]


def _seconds(predictors: Sequence[Predictor], features: tuple[np.ndarray, ...], calls: int) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in predictors]
    for predictor in predictors:  # makes room for so many rows
        predictor.predict(features)
    end = time.perf_counter() + SECONDS
    for call in range(calls):
        for predictor, own in zip(predictors, times, strict=True):
            start = time.perf_counter()
            predictor.predict(features)
            own.append(time.perf_counter() - start)
        if time.perf_counter() > end and call >= 2:
            break
    return times
