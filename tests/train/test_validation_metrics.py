from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdl.errors import DataError
from sparkdl.metrics import AUROC, F1, MSE, R2, Accuracy, AveragePrecision, ExplainedVariance, LogLoss, Precision
from sparkdl.train.validation_metrics import MeasuredOutput, ValidationMeter
from sparkdl.types import Batch
from tests.collective.threads import threads

METRICS = {
    "classes": (AUROC(), Accuracy(), AveragePrecision(average="weighted"), F1(), LogLoss()),
    "numbers": (Accuracy(), Precision()),  # the highest class is met by some workers alone
    "values": (MSE(), R2(), ExplainedVariance()),
}


def measured(metrics: Any, parts: list[list[Batch]]) -> list[dict[str, float]]:
    """What every worker gets; a batch's only feature is the prediction."""

    def work(collective: Any) -> dict[str, float]:
        meter = ValidationMeter([MeasuredOutput(metrics)], collective.rank)
        for batch in parts[collective.rank]:
            meter.add(batch, batch.features)
        return meter.results(collective)

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(work, threads(len(parts))))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 50), st.integers(1, 4), st.sampled_from(list(METRICS)), st.booleans())
def test_all_rows_of_all_workers_count(seed: int, rows: int, workers: int, kind: str, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    predictions = rng.dirichlet(np.ones(3), rows).round(2).astype(np.float32)
    if kind == "numbers":
        predictions = rng.integers(0, 3, rows).astype(np.float32)
    elif kind == "values":
        labels, predictions = rng.normal(1e3, 1, rows), rng.normal(1e3, 1, rows)
    weights = rng.integers(1, 5, rows).astype(np.float32) if weighted else None
    places = rng.integers(0, workers, rows)
    parts: list[list[Batch]] = [[] for _ in range(workers)]
    for number in range(0, rows, 7):
        for rank in range(workers):
            part = number + np.flatnonzero(places[number : number + 7] == rank)
            if len(part):
                mine = None if weights is None else weights[part]
                parts[rank].append(Batch((predictions[part],), (labels[part],), mine))
    found = measured(METRICS[kind], parts)
    assert all(repr(one) == repr(found[0]) for one in found)  # NaN differs from itself
    expected = {metric.name: metric.compute(labels, predictions, weights)[metric.name] for metric in METRICS[kind]}
    assert found[0] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def test_no_rows_have_no_value() -> None:
    found = measured(METRICS["classes"], [[], []])
    assert list(found[0]) == ["auroc", "accuracy", "average_precision", "f1", "log_loss"]
    assert all(np.isnan(value) for value in found[1].values())


def test_several_outputs_have_names_of_their_own() -> None:
    outputs = [MeasuredOutput((MSE(),), 0, 1, "left_"), MeasuredOutput((MSE(),), 1, 0, "right_")]
    meter = ValidationMeter(outputs, 0)
    meter.add(Batch((np.zeros(2),), (np.zeros(2), np.ones(2))), [np.zeros(2), np.full(2, 3.0)])
    assert meter.results(threads(1)[0]) == {"left_mse": 1.0, "right_mse": 9.0}


def test_a_bad_prediction_is_named_by_worker_and_row() -> None:
    meter = ValidationMeter([MeasuredOutput((LogLoss(),))], 3)
    meter.add(Batch((np.zeros(2),), (np.array([0, 1]),)), [np.array([0.1, 0.2])])
    with pytest.raises(
        DataError, match="the prediction in validation row 3 of worker 3 is 1.5, expected a probability"
    ):
        meter.add(Batch((np.zeros(2),), (np.array([0, 1]),)), [np.array([0.1, 1.5])])


def test_predictions_that_became_nan_make_their_metrics_nan() -> None:
    good, bad = (Batch((np.array(scores),), (np.array([0, 1]),)) for scores in ([0.1, 0.2], [0.1, np.nan]))
    for one in measured(METRICS["classes"][:2], [[good], [good, bad], []]):
        assert np.isnan(one["auroc"]) and np.isnan(one["accuracy"])
