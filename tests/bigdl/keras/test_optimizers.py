"""Optimization methods, validation methods and regularizers of Keras-style models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.bigdl.keras import metrics, regularizers
from sparkdl.bigdl.keras.optimizers import Adam, AdamWeightDecay, PolyEpochDecay
from sparkdl.bigdl.keras.words import to_bigdl_metrics, to_bigdl_optim_method
from sparkdl.bigdl.optim.method_files import describe_method, method_of
from sparkdl.bigdl.optim.methods import OptimMethod
from sparkdl.bigdl.optim.schedules import Start
from sparkdl.errors import ArgumentError, DataError

GRADIENTS = np.random.RandomState(0).normal(size=(20, 5)).astype(np.float32)


def weights_after(method: Any) -> Any:
    optimizer, weights = method.optimizer(10), keras.Variable(np.arange(5.0))
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weights])
    return weights.numpy()


def test_adam() -> None:
    weights, mean, square = np.arange(5.0), 0.0, 0.0
    for step, gradient in enumerate(GRADIENTS, 1):
        gradient = gradient + 0.1 * weights
        mean, square = 0.9 * mean + 0.1 * gradient, 0.99 * square + 0.01 * gradient**2
        rate = 0.05 / (1 + 0.2 * (step - 1)) * np.sqrt(1 - 0.99**step) / (1 - 0.9**step)
        weights = weights - rate * mean / (np.sqrt(square) + 1e-8)
    found = weights_after(Adam(0.05, 0.9, 0.99, decay=0.2, weight_decay=0.1))
    np.testing.assert_allclose(found, weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("total", [-1, 40])
def test_adam_for_bert(total: int) -> None:
    weights, mean, square = np.arange(5.0), 0.0, 0.0
    for step, gradient in enumerate(GRADIENTS):
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        part = step / total
        factor = 1.0 if total < 0 else part / 0.25 if part < 0.25 else 1 - part
        weights = weights - 0.05 * factor**2 * (mean / (np.sqrt(square) + 1e-6) + 0.01 * weights)
    found = weights_after(AdamWeightDecay(0.05, 0.25, total))
    np.testing.assert_allclose(found, weights, rtol=1e-5, atol=1e-6)


def test_rates_of_epochs() -> None:
    rates = PolyEpochDecay(2.0, 4).rates(Start(1.0, 0.0, 0, 2))
    assert [round(float(rates(step)), 4) for step in range(0, 10, 2)] == [0.5625, 0.25, 0.0625, 0.0, 0.0]


def test_methods_in_files() -> None:
    found = method_of(describe_method(Adam(0.05, schedule=PolyEpochDecay(2.0, 4))), OptimMethod)
    assert type(found) is Adam and found.lr == 0.05 and found.schedule.max_epochs == 4


def test_words() -> None:
    assert to_bigdl_optim_method("SGD").learningrate == 0.01
    names = [
        type(metric).__name__
        for metric in to_bigdl_metrics(["acc", "mae", "loss", "top5acc"], "sparse_categorical_crossentropy")
    ]
    assert names == ["SparseCategoricalAccuracy", "MAE", "Loss", "Top5Accuracy"]
    assert type(to_bigdl_metrics(["accuracy"], "binary_crossentropy")[0]) is metrics.BinaryAccuracy
    with pytest.raises(ArgumentError, match="known are linear, cosine, constant"):
        AdamWeightDecay(schedule="poly")
    assert (regularizers.l1l2().l1, regularizers.l1l2().l2) == (0.01, 0.01)


def measured(method: Any, output: Any, target: Any) -> tuple[float, int]:
    """Of two minibatches."""
    half = len(output) // 2
    parts = [method.measure(output[:half], target[:half]), method.measure(output[half:], target[half:])]
    return method.number(method.merge(*parts))


def test_accuracies() -> None:
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    labels = np.array([1, 0, 0, 1])
    assert measured(metrics.SparseCategoricalAccuracy(), scores, labels) == (0.5, 4)
    assert measured(metrics.Accuracy(), scores, labels) == (0.5, 4)
    assert measured(metrics.Accuracy(zero_based_label=False), scores, labels + 1) == (0.5, 4)
    assert measured(metrics.CategoricalAccuracy(), scores, np.eye(2)[labels]) == (0.5, 4)
    assert measured(metrics.BinaryAccuracy(), scores[:, 1:], labels) == (0.5, 4)
    wide = np.tile(np.arange(6.0), (4, 1))
    assert measured(metrics.Top5Accuracy(), wide, np.array([0, 1, 5, 5])) == (0.75, 4)
    with pytest.raises(DataError, match="labels are one-hot rows"):
        metrics.CategoricalAccuracy().measure(scores, labels)


def test_differences() -> None:
    output, target = np.array([[1.0], [2.0], [3.0], [5.0]]), np.zeros((4, 1))
    assert measured(metrics.MAE(), output, target) == (2.75, 2)
    assert measured(metrics.MSE(), output, target[:, 0]) == (9.75, 2)


def test_area_under_the_curve() -> None:
    random = np.random.RandomState(1)
    labels = random.randint(0, 2, 4000).astype(float)
    scores = np.clip(0.3 * labels + random.uniform(0, 0.7, 4000), 0, 1)
    area, count = measured(metrics.AUC(), scores[:, None], labels[:, None])
    pairs = scores[labels == 1][:, None] > scores[labels == 0][None]
    assert abs(area - pairs.mean()) < 5e-3 and count == 4000
    both, _ = measured(metrics.AUC(), np.stack([scores, labels], 1), np.stack([labels, labels], 1))
    assert abs(both - (area + 1) / 2) < 5e-3
    with pytest.raises(DataError, match="are 0 or 1"):
        metrics.AUC().measure(scores, labels + 1)
