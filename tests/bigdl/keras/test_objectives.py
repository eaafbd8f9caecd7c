"""The Keras-style losses, against numbers of BigDL 2.4."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.keras import objectives
from sparkdl.errors import DataError

P = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])


def _nll(*probabilities: float) -> float:
    return float(-np.mean(np.log(probabilities)))


@pytest.mark.parametrize(
    ("arguments", "labels", "expected"),
    [
        ({}, [1, 0], _nll(0.5, 0.6)),
        ({"zero_based_label": False}, [2, 1], _nll(0.5, 0.6)),
        ({"log_prob_as_input": True}, [1, 0], -0.55),
        ({"weights": np.array([1.0, 3.0, 2.0])}, [1, 0], (3 * _nll(0.5) + _nll(0.6)) / 4),
        ({"size_average": False}, [1, 0], 2 * _nll(0.5, 0.6)),
        ({}, [-2, 0], _nll(0.6)),  # what BigDL compares -1 with
        ({}, [-1, 0], _nll(0.6)),  # what its documentation says
        ({"padding_value": 2}, [1, 0], _nll(0.6)),
    ],
)
def test_sparse_categorical_cross_entropy(arguments: dict[str, Any], labels: list[int], expected: float) -> None:
    loss = objectives.SparseCategoricalCrossEntropy(**arguments)
    assert loss.forward(P, np.array(labels)) == pytest.approx(expected, rel=1e-6)


def test_labels_from_1_are_named() -> None:
    with pytest.raises(DataError, match="label 3, but its classes are 0 to 2 .*: take 1 from labels"):
        objectives.SparseCategoricalCrossEntropy().forward(P, np.array([3, 1]))


@pytest.mark.parametrize("shape", [(2, 2, 1), (2, 3)])
def test_rank_hinge_compares_the_first_two(shape: tuple[int, ...]) -> None:
    x = np.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    expected = np.mean(x[:, 1] - x[:, 0] + 1)
    loss = objectives.RankHinge()
    assert loss.forward(x, np.zeros(shape)) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(loss.backward(x, np.zeros(shape)).reshape(shape)[:, 0], -0.5)
    with pytest.raises(DataError, match="expected \\[batch, 2, ...\\]"):
        loss.forward(np.zeros((4, 1)), np.zeros((4, 1)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MAE", 0.3),
        ("mse", 0.10666666),
        ("MAPE", 150000016.0),
        ("MSLE", 0.052091494),
        ("Hinge", 0.81666666),
        ("SquaredHinge", 4.41),
        ("BinaryCrossEntropy", 0.37430444),
        ("CategoricalCrossEntropy", 0.6019864),
        ("CosineProximity", -0.28262648),
        ("KullbackLeiblerDivergence", 0.6019835),
        ("Poisson", 0.53399533),
    ],
)
def test_others(name: str, expected: float) -> None:
    target = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    criterion = getattr(objectives, name)()
    assert criterion.forward(P, target) == pytest.approx(expected, rel=1e-6)
    assert objectives.LossFunction.of(criterion.value).forward(P, target) == criterion.forward(P, target)
