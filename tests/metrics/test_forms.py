from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparkdl.metrics as metrics
from sparkdl.errors import ArgumentError, DataError
from sparkdl.metrics import (
    AUROC,
    F1,
    MSE,
    R2,
    Accuracy,
    AveragePrecision,
    BrierScore,
    ConfusionMatrix,
    ExpectedCalibrationError,
    LogLoss,
    TopK,
)
from sparkdl.metrics.base import Rows

ONE_HOT = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
SCORES = [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.6, 0.3, 0.1], [0.2, 0.6, 0.2]]


@pytest.mark.parametrize("metric", [Accuracy(), TopK(2), ConfusionMatrix(), F1(), AUROC(), LogLoss(), BrierScore()])
def test_one_hot_labels_are_class_numbers(metric: Any) -> None:
    expected, found = metric.compute([0, 1, 2, 1], SCORES), metric.compute(ONE_HOT, SCORES)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def test_single_numbers_are_class_numbers_or_probabilities_or_logits() -> None:
    assert Accuracy().compute([0, 3, 2], [0, 3, 1])["accuracy"] == pytest.approx(2 / 3)
    assert Accuracy().compute([0, 1, 1], [0.2, 0.7, 1.0])["accuracy"] == 1.0
    assert Accuracy(threshold=0.0).compute([0, 1, 1], [-3.1, 7.2, -0.1])["accuracy"] == pytest.approx(2 / 3)
    with pytest.raises(DataError, match=r"prediction in row 1 is 7.2, neither a class number nor a probability"):
        Accuracy().compute([0, 1], [0.5, 7.2])


@pytest.mark.parametrize("metric", [LogLoss, BrierScore, ExpectedCalibrationError])
def test_logits_are_turned_into_probabilities(metric: Any) -> None:
    logits = np.array([[2.0, -1.0, 0.5], [0.0, 800.0, 1.0]])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = metric().compute([2, 1], powers / powers.sum(axis=1, keepdims=True))
    found = metric(from_logits=True).compute([2, 1], logits)
    assert list(found.values())[0] == pytest.approx(list(expected.values())[0], abs=1e-12)
    single = metric(from_logits=True).compute([0, 1, 1], [-800.0, 0.3, 800.0])
    expected = metric().compute([0, 1, 1], [0.0, 1 / (1 + np.exp(-0.3)), 1.0])
    assert list(single.values())[0] == pytest.approx(list(expected.values())[0], abs=1e-12)


def test_absent_classes_have_no_area_and_are_counted() -> None:
    found = AUROC().compute([0, 1, 1, 0], SCORES)
    np.testing.assert_array_equal(np.isnan(found["auroc_per_class"]), [False, False, True])
    assert found["auroc_positives"].tolist() == [2, 2, 0] and found["auroc_negatives"].tolist() == [2, 2, 4]
    assert np.isnan(AUROC().compute([1, 1], [0.1, 0.2])["auroc"])
    assert AveragePrecision().compute([1, 1], [0.1, 0.2])["average_precision"] == 1.0
    assert np.isnan(AveragePrecision().compute([0, 0], [0.1, 0.2])["average_precision"])


def test_equal_values_have_no_variance_however_they_are_split() -> None:
    values = np.full(7, 0.1)
    state = R2().state(Rows.of(values[:3], values[:3] + 1))
    state = R2().merge(state, R2().state(Rows.of(values[3:], values[3:] + 1)))
    assert R2().values(state) == {"r2": 0.0}
    assert np.isnan(R2().compute([1.0], [2.0])["r2"])


def test_states_grow_with_the_classes_that_are_met() -> None:
    metric = ConfusionMatrix()
    state = metric.merge(metric.state(Rows.of([0], [1])), metric.state(Rows.of([3], [3])))
    assert metric.values(state)["confusion_matrix"].tolist()[3] == [0, 0, 0, 1] and state.shape == (4, 4)


@pytest.mark.parametrize(
    ("metric", "labels", "scores", "sentence"),
    [
        (AUROC(), [0, 1], [0.1, np.nan], "prediction in row 1 is nan, which has no place"),
        (AUROC(), [0, np.nan], [0.1, 0.2], "label in row 1 is nan"),
        (AUROC(), [0, 2], [0.1, 0.2], "label in row 1 is 2, expected 0 or 1, since each row has a single score"),
        *(
            (metric, [0, 2], [0.1, 0.9], "label in row 1 is 2, expected 0 or 1, since each row has a single score")
            for metric in (Accuracy(), Accuracy(threshold=0.3), ConfusionMatrix(), F1())
        ),
        (Accuracy(), [[0, 1, 0], [0, 0, 1]], [0.1, 0.9], "label in row 1 is 2, expected 0 or 1, since each row has a"),
        (AUROC(), [0, 3], SCORES[:2], "label in row 1 is 3, expected a class number, a whole number from 0 to 2"),
        (AUROC(), [[0, 1], [1, 0]], SCORES[:2], "labels have 2 numbers per row and the predictions 3 numbers"),
        (AUROC(), ["a", "b"], [0.1, 0.2], "a label of type <U1, expected numbers"),
        (R2(), [], [], "the metrics were given no rows"),
        (AUROC(), [0, 1], np.zeros((2, 0)), "a prediction of shape \\(0,\\) per row, expected one number or one list"),
        (AUROC(), np.zeros((2, 2, 2)), [0.1, 0.2], "shape \\(2, 2\\) per row, expected one number or one list"),
        (Accuracy(), [0, 1, 2], [0.1, 0.2], "given 3 labels, 2 predictions"),
        (Accuracy(), [[1, 1, 0], [0, 1, 0]], SCORES[:2], "number of classes in row 0 is 2, expected exactly one"),
        (Accuracy(), [0.5, 1], [0, 1], "label in row 0 is 0.5, expected a class number"),
        (Accuracy(multi_label=True), [0, 1], SCORES[:2], "labels have one number per row and the predictions 3"),
        (TopK(), [0, 1], [0.1, 0.2], "needs a score for each class"),
        (LogLoss(), [0, 1], [0.1, 1.2], "prediction in row 1 is 1.2, expected a probability from 0 to 1"),
        (MSE(), [1.0, 2.0], SCORES[:2], "a regression needs a prediction for each value"),
        (MSE(), [1.0, np.inf], [1.0, 2.0], "label in row 1 is inf, expected a finite number"),
        (F1(average="binary"), [0, 1, 2, 1], SCORES, "measures class 1 of two, but there are 3 classes"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(metric: Any, labels: Any, scores: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        metric.compute(labels, scores)


def test_weights_and_parameters_are_checked() -> None:
    with pytest.raises(DataError, match="weight in row 1 is -1, expected a number of at least 0"):
        Accuracy().compute([0, 1], [0, 1], [1, -1])
    with pytest.raises(ArgumentError, match=r"F1\(average=\) must be one of 'macro', .* received 'mean'"):
        F1(average="mean")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"TopK\(k=\) must be a whole number of at least 1, received 1.5"):
        TopK(1.5)  # type: ignore[arg-type]


def test_every_metric_is_in_the_table_of_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs/metrics.md").read_text()
    documented = re.findall(r"^\| `(\w+)\(", page, re.MULTILINE)
    assert sorted(documented) == sorted(set(metrics.__all__) - {"Metric"})


def test_every_metric_is_a_value_with_a_name() -> None:
    made = [getattr(metrics, name)() for name in metrics.__all__ if name != "Metric"]
    assert len({metric.name for metric in made}) == len(made)
    for metric in made:
        assert pickle.loads(pickle.dumps(metric)) == metric and hash(metric) is not None
        assert type(metric)(name="own").name == "own" and metric.name
