"""What is made of a model's outputs, against Spark ML's own rules."""

from __future__ import annotations

import numpy as np
import pytest

from sparkdl.ml.outputs import Classes, Numbers, both, choose

ALL = ("rawPrediction", "probability", "prediction")


def test_probabilities_of_one_unit_are_those_of_the_second_class() -> None:
    raw, probability, prediction = Classes("probability", ALL)([np.array([[0.25], [0.75]], "float32")])
    assert raw.tolist() == probability.tolist() == [[0.75, 0.25], [0.25, 0.75]]
    assert probability.dtype == np.float64 and prediction.tolist() == [0.0, 1.0]


def test_logits_are_raw_predictions() -> None:
    raw, probability = both(np.array([[2.0], [-800.0]], "float32"), "logit")
    assert raw.tolist() == [[-2.0, 2.0], [800.0, -800.0]]
    np.testing.assert_allclose(probability[0], [0.11920292202211755, 0.8807970779778823], rtol=1e-15)
    assert probability[1].tolist() == [1.0, 0.0]
    raw, probability = both(np.array([[1.0, 2.0, 1e4]], "float32"), "logit")
    assert raw.tolist() == [[1.0, 2.0, 1e4]] and probability.sum() == 1.0
    assert both(np.zeros(3, "float32"), "logit")[1].shape == (3, 2)


def scala(probability: np.ndarray, thresholds: tuple[float, ...]) -> int:
    """The loop of ProbabilisticClassificationModel.probability2prediction."""
    best, largest = 0, -np.inf
    for index, value in enumerate(probability):
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.float64(value) / np.float64(thresholds[index])
        if scaled > largest:
            best, largest = index, scaled
    return best


@pytest.mark.parametrize("thresholds", [(0.2, 0.3, 0.5), (0.0, 0.5, 0.5), (1.0, 1.0, 1.0)])
def test_thresholds_are_those_of_spark_ml(thresholds: tuple[float, ...]) -> None:
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], 200)
    rows = np.vstack([rows, [[0, 0.5, 0.5], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3]]])
    assert choose(rows, thresholds).tolist() == [scala(row, thresholds) for row in rows]


def test_below_a_confidence_there_is_no_prediction() -> None:
    derive = Classes("probability", ("prediction", "label"), abstain_below=0.8, labels=("no", "yes"))
    prediction, label = derive([np.array([[0.9], [0.5], [0.1], [0.2]])])
    assert prediction.to_pylist() == [1.0, None, 0.0, 0.0] and label.to_pylist() == ["yes", None, "no", "no"]


def test_a_class_without_a_label_has_none() -> None:
    derive = Classes("probability", ("label",), labels=("a",))
    assert derive([np.array([[0.9], [0.1]])])[0].to_pylist() == [None, "a"]


def test_regressions_are_doubles() -> None:
    found = Numbers()([np.array([[0.5], [2.0]], "float32")])[0]
    assert found.dtype == np.float64 and found.tolist() == [0.5, 2.0]
