"""Validation methods against BigDL's results, in its minibatches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sparkdl.bigdl.nn import criterion
from sparkdl.bigdl.optim import average_precision, validation
from sparkdl.bigdl.optim.average_precision import MeanAveragePrecision, MeanAveragePrecisionObjectDetection
from sparkdl.bigdl.optim.validation import checked
from sparkdl.errors import ArgumentError, DataError

GOLDEN = Path(__file__).parents[2] / "golden/bigdl"
CASES = json.loads((GOLDEN / "validation.json").read_text())
ARRAYS = np.load(GOLDEN / "validation.npz")
NAMES = vars(criterion) | vars(validation) | vars(average_precision)


def batches(case: str, size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    output, target = ARRAYS[f"{case}/output"], ARRAYS[f"{case}/target"]
    return [(output[start : start + size], target[start : start + size]) for start in range(0, len(output), size)]


@pytest.mark.parametrize("item", CASES["items"], ids=lambda item: f"{item['id']}-{item['method']}")
def test_results_are_bigdls(item: dict) -> None:  # type: ignore[type-arg]
    method = eval(item["method"], dict(NAMES))
    states = [method.measure(*batch) for batch in batches(item["id"], item["batch"])]
    state = states[0]
    for other in states[1:]:
        state = method.merge(state, other)
    result = method.result(state)
    assert result.result == pytest.approx(item["result"], rel=2e-7)
    assert (result.total_num, result.method) == (item["total"], item["name"])
    expected = f"Evaluated result: {result.result}, total_num: {item['total']}, method: {item['name']}"
    assert str(result) == expected


def test_labels_that_bigdl_refuses() -> None:
    failed = CASES["failed"][0]
    with pytest.raises(DataError, match="class numbers from 0 to 6"):
        eval(failed["method"], dict(NAMES)).measure(*batches(failed["id"], 11)[0])


def test_average_precision_of_classes() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    method = MeanAveragePrecision(4, 2)
    first, second = method.measure(scores[:2], np.array([0, 1])), method.measure(scores[2:], np.array([1, 0]))
    # Of class 0 the rows 0, 3 are right, and come first and third; of class 1 rows 2, 1: first and third.
    expected = ((1 + 2 / 3) / 2 + (1 + 2 / 3) / 2) / 2
    assert method.number(method.merge(first, second)) == (pytest.approx(expected), 1)
    assert method.name == "MAP@4"


def test_average_precision_of_boxes() -> None:
    truth = np.array([[[0, 0, 0, 0, 9, 9], [1, 1, 20, 20, 29, 29], [-1, 0, 0, 0, 0, 0]]], np.float32)
    detections = [[0, 0.9, 0, 0, 9, 9], [0, 0.8, 1, 1, 9, 9], [1, 0.7, 20, 20, 29, 29], [1, 0.1, 50, 50, 59, 59]]
    output = np.concatenate([[4.0], np.ravel(detections), np.zeros(6)])[None]
    method = MeanAveragePrecisionObjectDetection(2)
    table, positives = method.measure(output, truth)
    assert table[:, 0].tolist() == [0, 0, 1] and table[:, 2].tolist() == [1, 0, 0]
    assert positives.tolist() == [1, 0]
    assert method.number([table, positives]) == (0.5, 1)
    assert MeanAveragePrecisionObjectDetection(2, skip_class=1).number([table, positives]) == (1.0, 1)
    assert MeanAveragePrecisionObjectDetection(2, use_voc2007=True).number([table, positives])[0] == 0.5


def test_distances_to_several_labels_of_a_row_add_up() -> None:
    outputs, labels = np.array([[2.0, 1], [1, 2]]), np.array([[5.0, 7], [2, 1]])
    assert validation.MAE().number(validation.MAE().measure(outputs, labels)) == (5.5, 1)
    assert validation.MAE().number(validation.MAE().measure(outputs, labels[:, 0])) == (2.0, 1)


def test_mistakes_are_told() -> None:
    with pytest.raises(ArgumentError, match="expected Top1Accuracy"):
        checked(["Top2Accuracy"])
    assert [method.name for method in checked(["Top1Accuracy", validation.MAE()])] == ["Top1Accuracy", "MAE"]
    with pytest.raises(DataError, match="batches of 101 rows"):
        validation.HitRatio().measure(np.zeros(4), np.ones(4))
    with pytest.raises(DataError, match="at least 5 classes"):
        validation.Top5Accuracy().measure(np.zeros((2, 3)), np.ones(2))
