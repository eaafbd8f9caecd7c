"""Every metric against scikit-learn, whole and in parts, in any order."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from sparkdl.metrics import (
    AUROC,
    F1,
    MAE,
    MAPE,
    MSE,
    R2,
    RMSE,
    Accuracy,
    AveragePrecision,
    BrierScore,
    ConfusionMatrix,
    ExpectedCalibrationError,
    ExplainedVariance,
    LogLoss,
    Precision,
    Recall,
    TopK,
)
from sparkdl.metrics.base import Rows, SumMetric
from sparkdl.metrics.forms import check_positives
from sparkdl.metrics.ranking import Points, RankMetric, Standing, points_of, totals

CLASSES = 4
Oracle = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]


@st.composite
def cases(draw: Any, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """Labels, predictions, weights, and the numbers of the rows of each part."""
    rows = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    levels = draw(st.sampled_from([3, 10, 10**6]))  # few levels make ties
    present = draw(st.integers(1, CLASSES))
    if kind == "binary":
        labels, scores = rng.integers(0, 2, rows), rng.integers(0, levels + 1, rows) / levels
    elif kind == "classes":
        labels, scores = rng.integers(0, present, rows), rng.integers(1, levels + 1, (rows, CLASSES)) / levels
        scores /= scores.sum(axis=1, keepdims=True)
    elif kind == "labels":
        labels = rng.integers(0, 2, (rows, CLASSES)) * (np.arange(CLASSES) < present)
        scores = rng.integers(0, levels + 1, (rows, CLASSES)) / levels
    else:
        outputs = draw(st.sampled_from([(), (3,)]))
        offset = draw(st.sampled_from([0.0, 1e6]))
        labels, scores = (rng.integers(-50, 50, (rows, *outputs)) / 8 + offset for _ in range(2))
    weights = draw(st.sampled_from([np.ones(rows), rng.integers(1, 5, rows) / 4]))
    cuts = sorted(draw(st.lists(st.integers(0, rows), max_size=4)))
    parts = [part for part in np.split(rng.permutation(rows), cuts) if len(part)]
    return labels, scores.astype(dtype), weights, draw(st.permutations(parts))


def in_parts(metric: Any, labels: Any, scores: Any, weights: Any, parts: list[np.ndarray]) -> dict[str, Any]:
    rows = [Rows.of(labels[part], scores[part], weights[part]) for part in parts]
    if isinstance(metric, SumMetric):
        return metric.values(functools.reduce(metric.merge, [metric.state(part) for part in rows]))
    assert isinstance(metric, RankMetric)
    for part in rows:
        check_positives(part)
    per_part = [[points_of([part], number) for number in range(part.form[1] or 1)] for part in rows]
    whole = [Points.merged([Points.from_bytes(p.to_bytes()) for p in column]) for column in zip(*per_part, strict=True)]
    # Each part adds up its own points, knowing where they stand among those of all parts.
    areas = [sum(area_of(metric, mine, column) for mine in column) for column in zip(*per_part, strict=True)]
    return metric.values(np.array(areas, float), *totals(whole))


def area_of(metric: RankMetric, mine: Points, all_parts: tuple[Points, ...]) -> float:
    standings = [Standing.among(mine, part) for part in all_parts]
    return metric.area(mine, functools.reduce(Standing.__add__, standings))


def nan_where_absent(score: Callable[..., float], needs_negatives: bool) -> Oracle:
    def per_class(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
        values = []
        for number in range(scores.shape[1] if scores.ndim == 2 else 1):
            column = scores[:, number] if scores.ndim == 2 else scores
            flags = (labels[:, number] if labels.ndim == 2 else labels == (number if scores.ndim == 2 else 1)) > 0
            known = flags.any() and (not needs_negatives or not flags.all())
            values.append(score(flags, column, sample_weight=weights) if known else np.nan)
        return np.array(values)

    return per_class


def mean_of_present(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def log_loss(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    eps = np.finfo(scores.dtype).eps  # scikit-learn computes in the dtype of the scores; we clip by it
    clipped = np.clip(scores.astype(float), eps, 1 - eps)
    return sk.log_loss(labels, clipped, sample_weight=weights, labels=range(CLASSES if scores.ndim == 2 else 2))


def calibration_error(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    true, predicted = calibration_curve(labels, scores, n_bins=15)
    places = np.searchsorted(np.linspace(0, 1, 16)[1:-1], scores)
    counts = np.bincount(places, minlength=15)
    return float(counts[counts > 0] @ np.abs(true - predicted) / len(labels))


def decided(function: Callable[..., Any], **arguments: Any) -> Oracle:
    def oracle(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Any:
        found = scores.argmax(axis=1) if scores.ndim == 2 and labels.ndim == 1 else scores > 0.5
        return function(labels, found, sample_weight=weights, **arguments)

    return oracle


def matrix(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, **arguments: Any) -> np.ndarray:
    found = scores.argmax(axis=1)
    return sk.confusion_matrix(labels, found, sample_weight=weights, labels=range(CLASSES), **arguments)


def top_k(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    return sk.top_k_accuracy_score(labels, scores, k=2, sample_weight=weights, labels=range(CLASSES))


def weighted(function: Callable[..., Any], **arguments: Any) -> Oracle:
    return lambda labels, scores, weights: function(labels, scores, sample_weight=weights, **arguments)


def brier(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    return sk.brier_score_loss(
        labels, scores.astype(float), sample_weight=weights, labels=range(CLASSES) if scores.ndim == 2 else None
    )


AVERAGES = ("macro", "micro", "weighted")
TABLE: list[tuple[str, Any, Oracle]] = [
    ("binary", Accuracy(), decided(sk.accuracy_score)),
    ("classes", Accuracy(), decided(sk.accuracy_score)),
    ("labels", Accuracy(multi_label=True), decided(sk.accuracy_score)),
    ("classes", TopK(2), top_k),
    ("classes", ConfusionMatrix(), matrix),
    ("classes", ConfusionMatrix("true"), functools.partial(matrix, normalize="true")),
    ("classes", ConfusionMatrix("predicted"), functools.partial(matrix, normalize="pred")),
    ("classes", ConfusionMatrix("all"), functools.partial(matrix, normalize="all")),
    ("binary", LogLoss(), log_loss),
    ("classes", LogLoss(), log_loss),
    ("binary", BrierScore(), brier),
    ("classes", BrierScore(), brier),
    ("values", MSE(), weighted(sk.mean_squared_error)),
    ("values", RMSE(), weighted(sk.root_mean_squared_error)),
    ("values", MAE(), weighted(sk.mean_absolute_error)),
    ("values", MAPE(), weighted(sk.mean_absolute_percentage_error)),
    ("values", R2(), weighted(sk.r2_score)),
    ("values", ExplainedVariance(), weighted(sk.explained_variance_score)),
]
for metric, function in ((Precision, sk.precision_score), (Recall, sk.recall_score), (F1, sk.f1_score)):
    for average in AVERAGES:
        for kind in ("binary", "classes", "labels"):
            oracle = decided(function, average=average, zero_division=0.0)
            TABLE.append((kind, metric(average=average, multi_label=kind == "labels"), oracle))
    TABLE.append(("binary", metric(average="binary"), decided(function, average="binary", zero_division=0.0)))


def agree(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("kind", "metric", "oracle"), TABLE, ids=lambda item: str(item) if not callable(item) else "")
def test_sums_are_those_of_scikit_learn(kind: str, metric: Any, oracle: Oracle) -> None:
    @settings(max_examples=25, deadline=None)
    @given(cases(kind))
    def check(case: Any) -> None:
        labels, scores, weights, parts = case
        found = in_parts(metric, labels, scores, weights, parts)[metric.name]
        exact = scores if isinstance(metric, LogLoss) else scores.astype(float)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            agree(found, oracle(labels, exact, weights))

    check()


RANKS = [
    (AUROC, nan_where_absent(sk.roc_auc_score, True)),
    (AveragePrecision, nan_where_absent(sk.average_precision_score, False)),
]


@pytest.mark.parametrize(("metric", "oracle"), RANKS, ids=["auroc", "average_precision"])
@pytest.mark.parametrize("kind", ["binary", "classes", "labels"])
def test_ranks_are_those_of_scikit_learn(kind: str, metric: Any, oracle: Oracle) -> None:
    @settings(max_examples=60, deadline=None)
    @given(cases(kind))
    def check(case: Any) -> None:
        labels, scores, weights, parts = case
        found = in_parts(metric(), labels, scores, weights, parts)
        expected = np.asarray(oracle(labels, scores, weights))
        agree(found[f"{metric().name}_per_class"], expected)
        agree(found[metric().name], mean_of_present(expected))
        whole = metric().compute(labels, scores, weights)
        agree(whole[metric().name], found[metric().name])
        agree(found[f"{metric().name}_positives"] + found[f"{metric().name}_negatives"], weights.sum())

    check()


@settings(max_examples=40, deadline=None)
@given(cases("binary"))
def test_calibration_is_that_of_scikit_learns_curve(case: Any) -> None:
    labels, scores, _, parts = case
    found = in_parts(ExpectedCalibrationError(), labels, scores, np.ones(len(labels)), parts)
    agree(found["ece"], calibration_error(labels, scores.astype(float), np.ones(len(labels))))
