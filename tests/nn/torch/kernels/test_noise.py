"""What modules do in training: shares of zeros, noise, and what they add to gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from sparkdl.bigdl.nn import layer as layers
from sparkdl.nn.torch.network import network

ONES = np.ones((200, 30), np.float32)


def test_dropout_keeps_the_mean_and_masks_the_gradient() -> None:
    layer = layers.Dropout(0.3)
    output = layer.forward(ONES)
    assert set(np.unique(output)) == {0.0, np.float32(1 / 0.7)}
    assert abs((output == 0).mean() - 0.3) < 0.03
    assert np.array_equal(layer.backward(ONES, ONES), output)
    assert not np.array_equal(layer.forward(ONES), output)
    assert set(np.unique(layers.Dropout(0.3, scale=False).forward(ONES))) == {0.0, 1.0}


def test_random_numbers_follow_the_seed() -> None:
    layer = layers.Dropout(0.5)
    outputs = [layer.set_seed(seed).forward(ONES) for seed in (7, 7, 8)]
    assert np.array_equal(outputs[0], outputs[1]) and not np.array_equal(outputs[0], outputs[2])
    weights = [layer.set_seed(3) and layers.Linear(4, 3).get_weights()[0] for _ in range(2)]
    assert np.array_equal(*weights)


@pytest.mark.parametrize(
    ("expression", "shape", "together"),
    [
        ("SpatialDropout1D(0.4)", (50, 6, 7), (1,)),
        ("SpatialDropout1D(0.4)", (6, 70), (0,)),
        ("SpatialDropout2D(0.4)", (50, 7, 3, 3), (2, 3)),
        ("SpatialDropout2D(0.4, 'NHWC')", (50, 3, 3, 7), (1, 2)),
        ("SpatialDropout2D(0.4)", (90, 3, 3), (1, 2)),
        ("SpatialDropout3D(0.4)", (50, 7, 2, 2, 2), (2, 3, 4)),
        ("SpatialDropout3D(0.4, 'NHWC')", (50, 2, 2, 2, 7), (1, 2, 3)),
        ("SpatialDropout3D(0.4)", (90, 2, 2, 2), (1, 2, 3)),
    ],
)
def test_whole_channels_are_dropped(expression: str, shape: tuple[int, ...], together: tuple[int, ...]) -> None:
    layer = eval(expression, vars(layers).copy())
    output = layer.forward(np.ones(shape))
    assert set(np.unique(output)) == {0.0, 1.0}
    means = output.mean(together)
    assert set(np.unique(means)) == {0.0, 1.0}  # all or nothing
    assert abs(means.mean() - 0.6) < 0.15


def test_gaussian_noise() -> None:
    dropped = layers.GaussianDropout(0.2).forward(ONES)
    assert abs(dropped.mean() - 1) < 0.03 and abs(dropped.std() - 0.5) < 0.03
    noisy = layers.GaussianNoise(0.5).forward(ONES)
    assert abs(noisy.mean() - 1) < 0.03 and abs(noisy.std() - 0.5) < 0.03
    sampler = layers.GaussianSampler()
    drawn = sampler.forward([ONES, np.full_like(ONES, np.log(4.0))])
    assert abs(drawn.mean() - 1) < 0.1 and abs(drawn.std() - 2) < 0.1
    mean, log_variance = sampler.backward([ONES, np.full_like(ONES, np.log(4.0))], ONES)
    assert np.array_equal(mean, ONES)
    np.testing.assert_allclose(log_variance, 0.5 * (drawn - 1), rtol=1e-4, atol=1e-5)


def test_leaks_are_random_in_training() -> None:
    layer = layers.RReLU(0.1, 0.3)
    output = layer.forward(-ONES)
    assert -0.3 <= output.min() and output.max() <= -0.1 and output.std() > 0.04
    np.testing.assert_allclose(layer.backward(-ONES, ONES), -output, rtol=1e-6)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("L1Penalty(3)", lambda x, g: g + 3 * np.sign(x)),
        ("L1Penalty(3, True)", lambda x, g: g + 3 * np.sign(x) / x.size),
        ("L1Penalty(3, provide_output=False)", lambda x, g: 3 * np.sign(x)),
        ("ActivityRegularization(0.1, 0.2)", lambda x, g: g + 0.1 * np.sign(x) + 0.4 * x),
        ("NegativeEntropyPenalty(0.5)", lambda x, g: g + 0.5 * (np.log(x) + 1)),
        ("GradientReversal(0.3)", lambda x, g: -0.3 * g),
        ("BinaryThreshold(0.5)", lambda x, g: g * (x > 0.5)),
        ("HardTanh(0.25, 0.5)", lambda x, g: g * (x > 0.25) * (x < 0.5)),
        ("SelectTable(-1)", None),
    ],
)
def test_gradients_of_their_own(expression: str, expected: Any) -> None:
    x = np.array([[0.25, 0.5, 1.0]], np.float32)
    g = np.array([[1.0, 2.0, 3.0]], np.float32)
    layer = eval(expression, vars(layers).copy())
    if expected is None:
        # BigDL gives the last element but one and the gradient to the last; in training the two agree.
        assert np.array_equal(layer.forward([x, 2 * x]), x)
        assert [part.tolist() for part in layer.backward([x, 2 * x], g)] == [(0 * g).tolist(), g.tolist()]
        return
    layer.forward(x)
    np.testing.assert_allclose(layer.backward(x, g), expected(x, g), rtol=1e-6)
    model = network(layer.value, (3,)).model
    with tf.GradientTape() as tape:
        value = tf.constant(x)
        tape.watch(value)
        loss = tf.reduce_sum(model(value, training=True) * g)
    np.testing.assert_allclose(tape.gradient(loss, value), expected(x, g), rtol=1e-6)


def test_keras_models_drop_in_training_alone() -> None:
    model = network(layers.Dropout(0.5).value, (30,)).model
    assert np.array_equal(model(ONES), ONES)
    assert not np.array_equal(model(ONES, training=True), model(ONES, training=True))
