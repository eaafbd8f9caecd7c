"""Normalizing layers against plain NumPy, and what they keep from training for evaluation."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from sparkdl.bigdl.nn import layer as bigdl
from sparkdl.nn.torch.kernels import normalization
from sparkdl.nn.torch.network import network

RANDOM = np.random.RandomState(3)


def _uniform(*shape: int) -> np.ndarray:
    return RANDOM.uniform(-1, 1, shape).astype(np.float32)


def _near(found: Any, expected: Any, tolerance: float = 1e-5) -> None:
    expected = np.asarray(expected)
    assert np.shape(found) == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1.0, float(np.abs(expected).max())))


@pytest.mark.parametrize(
    ("kind", "shape"), [("BatchNormalization", (6, 3)), ("SpatialBatchNormalization", (4, 3, 5, 2))]
)
def test_statistics_of_batches(kind: str, shape: tuple[int, ...]) -> None:
    layer = getattr(bigdl, kind)(3, 1e-3, 0.3)
    weight, bias = layer.get_weights()
    assert (0 <= weight).all() and (weight <= 1).all() and not bias.any()
    axes, spread = (0, *range(2, len(shape))), (3, *[1] * (len(shape) - 2))
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(3):
        x = _uniform(*shape) * 2 + 1
        centred = x - x.mean(axes).reshape(spread)
        normed = centred / np.sqrt(x.var(axes) + 1e-3).reshape(spread)
        _near(layer.forward(x), normed * weight.reshape(spread))
        mean = 0.7 * mean + 0.3 * x.mean(axes)
        variance = 0.7 * variance + 0.3 * x.var(axes, ddof=1)
    _near(layer.value.states["running_mean"], mean)
    _near(layer.value.states["running_variance"], variance)
    layer.training(False)
    shifted = (x - mean.reshape(spread)) / np.sqrt(variance + 1e-3).reshape(spread)
    _near(layer.forward(x), shifted * weight.reshape(spread))
    _near(layer.value.states["running_mean"], mean)


def test_pass_back_in_evaluation() -> None:
    """On arrays as BigDL has it, with the bias where the deviation is meant; in Keras models as it should be."""
    layer = bigdl.SpatialBatchNormalization(3).training(False)
    weight, bias = _uniform(3), _uniform(3)
    layer.set_weights([weight, bias])
    x, gradient = _uniform(2, 3, 4, 4), _uniform(2, 3, 4, 4)
    layer.zero_grad_parameters()
    layer.forward(x)
    _near(layer.backward(x, gradient), gradient * (weight * bias)[:, None, None])
    assert not layer.value.gradients["weight"].any()
    _near(layer.value.gradients["bias"], gradient.sum((0, 2, 3)))
    model, value = network(layer.value, (3, 4, 4)).model, tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(value)
        y = model(value, training=False)
    _near(tape.gradient(y, value, gradient), gradient * (weight / np.sqrt(1 + 1e-5))[:, None, None])


def test_statistics_come_back_from_a_keras_model() -> None:
    layer = bigdl.SpatialBatchNormalization(2, affine=False)
    assert layer.get_weights() is None
    found, x = network(layer.value, (2, 3, 3)), _uniform(4, 2, 3, 3)
    found.model(x, training=True)
    assert not layer.value.states["running_mean"].any()
    found.read_back()
    _near(layer.value.states["running_mean"], 0.1 * x.mean((0, 2, 3)))


@pytest.mark.parametrize("beta", [0.75, 0.6])
def test_response_normalization_across_channels(beta: float, monkeypatch: pytest.MonkeyPatch) -> None:
    x, gradient = _uniform(2, 6, 3, 4), _uniform(2, 6, 3, 4)
    layer = bigdl.SpatialCrossMapLRN(3, 0.9, beta, 1.5)
    sums = np.stack([np.square(x[:, max(0, c - 1) : c + 2]).sum(1) for c in range(6)], 1)
    _near(layer.forward(x), x / (1.5 + 0.3 * sums) ** beta)
    back = layer.backward(x, gradient)
    monkeypatch.setattr(normalization, "_FEW", 0)  # as if there were many channels
    _near(layer.forward(x), x / (1.5 + 0.3 * sums) ** beta)
    _near(layer.backward(x, gradient), back)


@pytest.mark.parametrize("vector", [False, True])
def test_contrast(vector: bool) -> None:
    kernel = np.array([1.0, 2.0, 0.5]) if vector else RANDOM.uniform(0.5, 1, (3, 5))
    x = _uniform(2, 2, 6, 7)
    whole = np.outer(kernel, kernel) if vector else kernel
    norm = 2 * kernel.sum() ** 2 if vector else 2 * kernel.sum()

    def average(value: np.ndarray) -> np.ndarray:
        high, wide = whole.shape[0] // 2, whole.shape[1] // 2
        padded = np.pad(value, [(0, 0), (0, 0), (high, high), (wide, wide)])
        rows, columns = value.shape[2:]
        parts = [padded[:, :, i : i + rows, j : j + columns] * whole[i, j] / norm for i, j in np.ndindex(*whole.shape)]
        return np.sum(parts, 0).sum(1, keepdims=True)

    subtracted = x - average(x) / average(np.ones_like(x))
    _near(bigdl.SpatialSubtractiveNormalization(2, kernel).forward(x), subtracted)
    for value, kind in (
        (x, bigdl.SpatialDivisiveNormalization),
        (subtracted, bigdl.SpatialContrastiveNormalization),
    ):
        deviation = np.sqrt(average(value**2)) / average(np.ones_like(x))
        threshold = float(np.median(deviation)) + 1e-4
        divisors = np.where(deviation > threshold, deviation, 0.3)
        _near(kind(2, kernel, threshold, 0.3).forward(x), value / divisors)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, sys.float_info.max])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 5, 3, 4)])
def test_norms(p: float, shape: tuple[int, ...]) -> None:
    x, axis = _uniform(*shape), min(1, len(shape) - 1)
    if p == sys.float_info.max:
        expected = np.abs(x).max(axis, keepdims=True)
    else:
        expected = (np.abs(x) ** p).sum(axis, keepdims=True) ** (1 / p)
    _near(bigdl.Normalize(p).forward(x), x / expected)


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5])
def test_gradients_of_norms_keep_away_from_zero(p: float) -> None:
    x, back = _uniform(2, 5), _uniform(2, 5)
    x[0, 1] = 0
    sums = (np.abs(x) ** p).sum(1, keepdims=True) + 1e-3
    slopes = x * (np.abs(x) + 1e-3) ** (p - 2) * (x * back).sum(1, keepdims=True)
    expected = back * sums ** (-1 / p) - slopes * sums ** (-1 / p - 1)
    layer = bigdl.Normalize(p, 1e-3)
    layer.forward(x)
    _near(layer.backward(x, back), expected)


def test_the_norm_of_infinite_order_changes_nothing() -> None:
    x, layer = _uniform(2, 5), bigdl.Normalize(float("inf"))
    _near(layer.forward(x), x)
    _near(layer.backward(x, 2 * x), 2 * x)


def test_layer_normalization() -> None:
    layer, x = bigdl.LayerNormalization(5), _uniform(2, 3, 5)
    layer.set_weights([_uniform(5), _uniform(5)])
    weight, bias = layer.get_weights()
    normed = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    _near(layer.forward(x), normed * weight + bias)
