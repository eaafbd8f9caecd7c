"""The likelihood ratio against scipy's densities, against numeric integration, and against its own promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracle
import pytest
import telemetry
from scipy import integrate, stats
from sklearn.metrics import roc_auc_score
from telemetry import PROCESS, Counter, Gauge, Mode, Process

LEADS = range(0, 20, 4)


def process(gauges: tuple[Gauge, ...], counters: tuple[Counter, ...], drift: tuple[str, float]) -> Process:
    return Process(gauges, counters, (Mode("m", (drift,)),), (1.5,), (10,), 1.0, 0, 0, 1, 0, 0, 0.5)


def test_gauge_ratio_is_scipys_difference_of_log_densities() -> None:
    gauge = Gauge("g", 5.0, 2.0, 6.0, 1.0, 0.8, 0.7, 0.5)
    made = process((gauge,), (), ("g", 2.0))
    rng = np.random.default_rng(0)
    values, slots = rng.normal(5, 2, (3, 8, 1)), np.arange(8) + np.array([[0], [40], [90]])
    values[1, [2, 5], 0] = np.nan
    lag = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    covariance = 1.0 + 0.64 * 0.7**lag + 0.25 * np.eye(8)
    course = 1.5 * 2.0 * np.clip(1 - (np.arange(8)[::-1] + 3) / 10, 0, None)
    got = oracle.log_likelihood_ratio(made, values, slots, [3], chunk=2)
    for row in range(3):
        known = ~np.isnan(values[row, :, 0])
        rest = (values[row, :, 0] - 5.0 - 2.0 * np.cos(2 * np.pi * (slots[row] % 96 / 4 - 6) / 24))[known]
        normal = stats.multivariate_normal(np.zeros(known.sum()), covariance[np.ix_(known, known)])
        assert got[row] == pytest.approx(normal.logpdf(rest - course[known]) - normal.logpdf(rest), abs=1e-4)


def test_counter_ratio_is_the_integral_over_the_unknown_rate() -> None:
    counter = Counter("c", 2.0, 0.5)
    made = process((), (counter,), ("c", 0.8))
    counts = np.array([0.0, 1, np.nan, 2, 4])
    course = 1.5 * 0.8 * np.clip(1 - np.arange(5)[::-1] / 10, 0, None)
    known = ~np.isnan(counts)
    prior = stats.gamma(2.0, scale=0.25)

    def likelihood(course: np.ndarray) -> float:
        def density(rate: float) -> float:
            return prior.pdf(rate) * np.prod(stats.poisson.pmf(counts[known], rate * np.exp(course[known])))

        return integrate.quad(density, 0, 20, limit=200)[0]

    got = oracle.log_likelihood_ratio(made, counts[None, :, None], np.arange(5)[None], [0])
    assert got[0] == pytest.approx(np.log(likelihood(course) / likelihood(0 * course)), rel=1e-6)


def windows(devices: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One window per device, so that they are independent: half of them healthy, the others at all leads alike."""
    fleet = telemetry.simulate(PROCESS, devices, 72, np.random.default_rng(5))
    lead = np.arange(devices) * 4 % 20
    places = 71 - lead[:, None] + np.arange(-47, 1)
    values = fleet.values[np.arange(devices)[:, None], places]
    return values, fleet.first[:, None] + places, fleet.failed.astype(int)


def test_ratio_is_calibrated() -> None:
    values, slots, failed = windows(1500)
    scores = oracle.log_likelihood_ratio(PROCESS, values, slots, LEADS)
    chance = 1 / (1 + np.exp(-scores))
    spread = np.sqrt((chance * (1 - chance)).sum())
    assert abs((failed - chance).sum()) < 4 * spread
    undecided = (chance > 0.1) & (chance < 0.9)
    off = (failed - chance)[undecided].sum() / np.sqrt((chance * (1 - chance))[undecided].sum())
    assert abs(off) < 4
    assert 0.98 < oracle.auroc(scores, failed) < 1


def test_a_score_that_knows_fewer_modes_is_worse() -> None:
    values, slots, failed = windows(600)
    all_modes, two = (
        oracle.auroc(oracle.log_likelihood_ratio(known, values, slots, LEADS), failed)
        for known in (PROCESS, replace(PROCESS, modes=PROCESS.modes[:2]))
    )
    assert all_modes > two + 0.05


def test_auroc_equals_scikit_learns_with_ties() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 300), rng.integers(0, 20, 300) / 7
    expected = roc_auc_score(labels, scores)
    assert oracle.auroc(scores, labels) == pytest.approx(expected, abs=1e-12)
    alarms, found = oracle.roc_curve(scores, labels)
    assert np.trapezoid(found, alarms) == pytest.approx(expected, abs=1e-12)
    assert (alarms[0], found[0], alarms[-1], found[-1]) == (0, 0, 1, 1)
    assert np.isnan(oracle.auroc(scores, np.ones(300)))
