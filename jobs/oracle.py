"""The best score that any model can reach on windows of `telemetry`'s process.

By the Neyman-Pearson lemma no score separates two classes better than their likelihood ratio. Both
likelihoods are known here: without a drift, what remains of a gauge after its drivers, base and
daily cycle is Gaussian with the covariance of offset + wander + noise; a drift of a known course
moves its mean and nothing else. Counts are Poisson with a gamma-distributed rate, which integrates
out in closed form. Unknown are only mode, severity, duration and the slots left until the failure:
few values each, all equally likely, so the sum over them is exact. Missing readings are lost
independently of everything, so they simply drop out. The AUROC of this ratio on the same windows
is the best score; what a model misses to it is the model's fault, not the data's.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np
from telemetry import Counter, Gauge, Process, daily_cycle, ramp

MISSING = 1e6  # Variance of an unknown reading, in units of the known ones: as good as infinite.


def log_likelihood_ratio(
    process: Process, values: np.ndarray, slots: np.ndarray, leads: Iterable[int], chunk: int = 512
) -> np.ndarray:
    """Log of p(window | fails within the horizon) / p(window | healthy).

    Args:
        process: where the readings come from.
        values: (windows, length, sensors) readings, NaN where missing.
        slots: (windows, length) slot numbers since the epoch.
        leads: the slots from the end of a window to the failure that occur, equally often.
        chunk: windows computed at once.

    Returns:
        (windows,) float64.
    """
    parts = [
        _ratio(process, values[start : start + chunk], slots[start : start + chunk], tuple(leads))
        for start in range(0, len(values), chunk)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Exact area under the ROC curve: the chance that a positive scores above a negative (ties count half)."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(np.sum(labels == 1))
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def roc_curve(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates over all thresholds, from (0, 0) to (1, 1)."""
    order = np.argsort(-scores, kind="stable")
    hits = labels[order] == 1
    last_of_ties = np.append(np.diff(scores[order]) != 0, True)
    found, alarms = (np.cumsum(group)[last_of_ties] / max(group.sum(), 1) for group in (hits, ~hits))
    return np.insert(alarms, 0, 0.0), np.insert(found, 0, 0.0)


def _ratio(process: Process, values: np.ndarray, slots: np.ndarray, leads: tuple[int, ...]) -> np.ndarray:
    courses = _courses(process, leads, values.shape[1])
    terms = []
    gauges = {gauge.name: gauge for gauge in process.gauges}
    counters = {counter.name: counter for counter in process.counters}
    residuals = _residuals(process, values, slots)
    moments = {name: _moments(gauges[name], residuals[name], courses) for name in _drifting(process) & gauges.keys()}
    for mode, severity in product(process.modes, process.severities):
        total = np.zeros((len(values), len(courses)))
        for name, size in mode.drifts:
            if name in gauges:
                linear, square = moments[name]
                total += severity * size * linear - 0.5 * (severity * size) ** 2 * square
            else:
                counts = values[:, :, process.sensors.index(name)]
                total += _count_ratio(counters[name], counts, severity * size * courses)
        terms.append(total)
    stacked = np.concatenate(terms, axis=1)
    peak = stacked.max(axis=1)
    return peak + np.log(np.mean(np.exp(stacked - peak[:, None]), axis=1))


def _drifting(process: Process) -> set[str]:
    return {name for mode in process.modes for name, _ in mode.drifts}


def _courses(process: Process, leads: tuple[int, ...], length: int) -> np.ndarray:
    """(durations x leads, length): how far the drift has come at each slot of the window."""
    back = np.arange(length)[::-1]
    return np.stack([ramp(process, back + lead, duration) for duration in process.durations for lead in leads])


def _residuals(process: Process, values: np.ndarray, slots: np.ndarray) -> dict[str, np.ndarray]:
    column = {name: values[:, :, index] for index, name in enumerate(process.sensors)}
    return {
        gauge.name: column[gauge.name]
        - gauge.base
        - daily_cycle(gauge, slots)
        - sum((gain * column[name] for name, gain in gauge.drivers), np.zeros(1))
        for gauge in process.gauges
    }


def _moments(gauge: Gauge, residual: np.ndarray, courses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per window and course: course' K^-1 residual, and course' K^-1 course."""
    length = residual.shape[1]
    lag = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    covariance = gauge.offset**2 + gauge.wander**2 * gauge.memory**lag + gauge.noise**2 * np.eye(length)
    missing = np.isnan(residual)
    penalty = missing[:, :, None] * np.eye(length) * (MISSING * covariance[0, 0])
    solved = np.linalg.solve(covariance + penalty, np.broadcast_to(courses.T, (len(residual), *courses.T.shape)))
    known = np.where(missing, 0.0, residual)
    linear = np.einsum("nlc,nl->nc", solved, known)
    return linear, np.einsum("cl,nlc->nc", courses, solved)


def _count_ratio(counter: Counter, counts: np.ndarray, log_rates: np.ndarray) -> np.ndarray:
    """Log ratio (windows, courses) of counts at a rate times exp(log_rates), with the base rate integrated out."""
    known = ~np.isnan(counts)
    filled = np.where(known, counts, 0.0)
    rate = counter.shape / counter.mean
    healthy = rate + known.sum(axis=1, keepdims=True)
    drifting = rate + known.astype(float) @ np.exp(log_rates).T
    events = counter.shape + filled.sum(axis=1, keepdims=True)
    return filled @ log_rates.T + events * (np.log(healthy) - np.log(drifting))
