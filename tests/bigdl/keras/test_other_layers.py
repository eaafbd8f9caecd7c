"""Keras-style layers that Keras 3 lacks or spells otherwise, against numpy; and what all layers share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.bigdl.keras import layers as L
from sparkdl.bigdl.keras import regularizers
from sparkdl.bigdl.keras.autograd import Parameter
from sparkdl.bigdl.nn.layer import Linear
from sparkdl.errors import ArgumentError, DataError

X = np.random.RandomState(3).uniform(-2, 2, (3, 4)).astype(np.float32)
IMAGES = np.random.RandomState(4).uniform(-1, 1, (2, 3, 5, 5)).astype(np.float32)

ELEMENTS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "AddConstant": (L.AddConstant(2), lambda x: x + 2),
    "BinaryThreshold": (L.BinaryThreshold(0.5), lambda x: (x > 0.5) * 1.0),
    "Exp": (L.Exp(), np.exp),
    "HardShrink": (L.HardShrink(1), lambda x: np.where(np.abs(x) > 1, x, 0)),
    "HardTanh": (L.HardTanh(), lambda x: np.clip(x, -1, 1)),
    "Identity": (L.Identity(), lambda x: x),
    "MulConstant": (L.MulConstant(3), lambda x: 3 * x),
    "Negative": (L.Negative(), lambda x: -x),
    "PReLU": (L.PReLU(), lambda x: np.where(x > 0, x, 0.25 * x)),
    "Power": (L.Power(2, 3, 1), lambda x: (1 + 3 * x) ** 2),
    "SoftShrink": (L.SoftShrink(), lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    "Square": (L.Square(), np.square),
    "Threshold": (L.Threshold(0.5, 7), lambda x: np.where(x > 0.5, x, 7)),
    "ThresholdedReLU": (L.ThresholdedReLU(1), lambda x: np.where(x > 1, x, 0)),
    "ExpandDim": (L.ExpandDim(1), lambda x: x[:, None]),
    "GetShape": (L.GetShape(), lambda x: np.array(x.shape)),
    "Max": (L.Max(1), lambda x: x.max(1)),
    "Max_places": (L.Max(1, return_value=False), lambda x: x.argmax(1) + 1),
    "Narrow": (L.Narrow(1, 1, -1), lambda x: x[:, 1:]),
    "Narrow_some": (L.Narrow(1, 1, 2), lambda x: x[:, 1:3]),
    "Select": (L.Select(1, -1), lambda x: x[:, -1]),
    "log_softmax": (L.Activation("log_softmax"), lambda x: x - np.log(np.exp(x).sum(1, keepdims=True))),
    "hard_sigmoid": (L.Activation("hard_sigmoid"), lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    "linear": (L.Activation("linear"), lambda x: x),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements(name: str) -> None:
    layer, expected = ELEMENTS[name]
    np.testing.assert_allclose(layer.forward(X), expected(X), rtol=1e-5, atol=1e-6)


def test_roots_and_logarithms() -> None:
    positive = np.abs(X) + 0.1
    np.testing.assert_allclose(L.Sqrt().forward(positive), np.sqrt(positive), rtol=1e-6)
    np.testing.assert_allclose(L.Log().forward(positive), np.log(positive), rtol=1e-5, atol=1e-6)


def test_trained_arrays() -> None:
    layers = [L.CAdd((4,), input_shape=(4,)), L.CMul((4,), input_shape=(4,)), L.Mul((4,)), L.Scale((4,), (4,))]
    a, m, f, (s, b) = (layer.get_weights() for layer in layers)
    for layer, expected in zip(layers, (X + a[0], X * m[0], X * f[0], X * s + b), strict=True):
        np.testing.assert_allclose(layer.forward(X), expected, rtol=1e-5)


def test_shapes_of_tables() -> None:
    assert L.SelectTable(1, input_shape=[(3,), (2,)]).get_output_shape() == (None, 2)
    assert L.GaussianSampler([(3,), (3,)]).get_output_shape() == (None, 3)
    assert L.Squeeze((1, 3), (1, 4, 1)).get_output_shape() == (None, 4)
    assert L.Squeeze(input_shape=(1, 4, 1)).get_output_shape() == (None, 4)
    assert L.ResizeBilinear(8, 6, input_shape=(3, 4, 4)).get_output_shape() == (None, 3, 8, 6)


def test_masking() -> None:
    x = np.array([[[1.0, 2.0], [7.0, 7.0]], [[7.0, 1.0], [0.0, 0.0]]])
    expected = np.where((x == 7).all(-1, keepdims=True), 0, x)
    assert (L.Masking(7.0).forward(x) == expected).all()


def test_maxout() -> None:
    layer = L.MaxoutDense(3, 2, input_dim=4)
    weight, bias = layer.get_weights()
    expected = (X @ weight.T + bias).reshape(3, 2, 3).max(1)
    np.testing.assert_allclose(layer.forward(X), expected, rtol=1e-5)


def test_highway() -> None:
    layer = L.Highway("tanh", input_dim=4)
    gate, gate_bias, weight, bias = layer.get_weights()
    share = 1 / (1 + np.exp(-(X @ gate.T + gate_bias)))
    expected = share * np.tanh(X @ weight.T + bias) + (1 - share) * X
    np.testing.assert_allclose(layer.forward(X), expected, rtol=1e-4, atol=1e-5)


def test_srelu() -> None:
    layer = L.SReLU(input_shape=(4,))
    assert (layer.get_weights()[0] == 0).all() and (layer.get_weights()[3] == 1).all()
    layer.set_weights([np.full(4, value) for value in (-1.0, 0.5, 1.5, 2.0)])
    high = 0.5  # the right bound is |t| behind the left one
    expected = np.where(X >= high, high + 2 * (X - high), np.where(X <= -1, -1 + 0.5 * (X + 1), X))
    np.testing.assert_allclose(layer.forward(X), expected, rtol=1e-5)


def test_embedding_counts_from_zero() -> None:
    table = np.arange(6.0).reshape(3, 2)
    layer = L.Embedding(3, 2, weights=table, input_length=2)
    numbers = np.array([[0, 2], [1, 1]])
    assert (layer.forward(numbers) == table[numbers]).all()
    layer.backward(numbers, np.ones((2, 2, 2)))
    assert next(iter(layer.parameters().values()))["gradWeight"].tolist() == [[1, 1], [2, 2], [1, 1]]
    from_one = L.Embedding(3, 2, weights=table, zero_based_id=False, trainable=False, input_shape=(2,))
    assert (from_one.forward(numbers + 1) == table[numbers]).all()
    drawn = L.Embedding(50, 8, input_shape=(2,)).get_weights()[0]
    assert 0.03 < np.abs(drawn).max() <= 0.05


def test_sparse_embedding_and_dense() -> None:
    layer = L.SparseEmbedding(5, 2, combiner="mean", input_shape=(3,))
    table = layer.get_weights()[0]
    numbers = np.array([[1, 3, 0], [5, 0, 0]])
    np.testing.assert_allclose(layer.forward(numbers), [(table[0] + table[2]) / 2, table[4]], rtol=1e-5)
    dense = L.SparseDense(3, input_shape=(4,))
    weight, bias = dense.get_weights()
    np.testing.assert_allclose(dense.forward(X), X @ weight.T + bias, rtol=1e-4, atol=1e-5)


def test_word_embedding(tmp_path: Path) -> None:
    file = tmp_path / "glove.6B.2d.txt"
    file.write_text("the 1 2\nof 3 4\nand 5 6\n")
    layer = L.WordEmbedding(str(file), {"and": 1, "nothing": 2, "the": 3}, input_length=4)
    assert layer.forward(np.array([[1, 2, 3, 0]])).tolist() == [[[5, 6], [0, 0], [1, 2], [0, 0]]]
    assert layer.get_weights() is None
    assert L.WordEmbedding.get_word_index(str(file)) == {"the": 1, "of": 2, "and": 3}
    whole = L.prepare_embedding(str(file), normalize=True)
    assert whole.shape == (4, 2) and np.allclose(np.linalg.norm(whole[1:], axis=1), 1)


@pytest.mark.parametrize("x", [X, IMAGES], ids=["vectors", "images"])
def test_batch_normalization(x: Any) -> None:
    layer = L.BatchNormalization(input_shape=x.shape[1:])
    channels = x.shape[1]
    layer.set_weights([np.arange(channels) + 1.0, np.arange(channels) - 1.0])
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    shape = (1, channels) + (1,) * (x.ndim - 2)
    gamma, beta = (part.reshape(shape) for part in layer.get_weights())
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    np.testing.assert_allclose(
        layer.forward(x), gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta, rtol=1e-3, atol=1e-4
    )
    layer.set_running_mean(np.full(channels, 0.5)).set_running_std(np.full(channels, 4.0))
    layer.training(False)
    np.testing.assert_allclose(layer.forward(x), gamma * (x - 0.5) / np.sqrt(4 + 1e-3) + beta, rtol=1e-4, atol=1e-5)
    assert (layer.get_running_mean() == 0.5).all() and (layer.get_running_std() == 4).all()


def test_locally_connected() -> None:
    x = np.random.RandomState(1).rand(2, 5, 4).astype(np.float32)
    layer = L.LocallyConnected1D(3, 2, input_shape=(5, 4))
    weight, bias = layer.get_weights()
    windows = np.stack([x[:, place : place + 2].reshape(2, -1) for place in range(4)], 1)
    expected = np.einsum("npk,pfk->npf", windows, weight) + bias
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-4, atol=1e-5)
    images = L.LocallyConnected2D(2, 3, 3, input_shape=(3, 5, 5))
    weight, bias = images.get_weights()
    patch = IMAGES[:, :, 1:4, 2:5].reshape(2, -1)
    expected = patch @ weight[1 * 3 + 2].T + bias.reshape(2, 9)[:, 1 * 3 + 2]  # as it lies in memory
    np.testing.assert_allclose(images.forward(IMAGES)[:, :, 1, 2], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("mode", "stride"), [("same", 1), ("valid", 1), ("valid", 2)])
def test_conv_lstm(mode: str, stride: int) -> None:
    x = np.random.RandomState(1).rand(2, 4, 2, 6, 6).astype(np.float32)
    arguments = {"border_mode": mode, "subsample": (stride, stride), "return_sequences": True}
    layer = L.ConvLSTM2D(3, 3, 3, inner_activation="sigmoid", input_shape=x.shape[1:], **arguments)
    theirs = keras.layers.ConvLSTM2D(3, 3, strides=stride, padding=mode, return_sequences=True)
    given = tf.constant(np.moveaxis(x, 2, -1))
    theirs(given)
    # For each of the gates f, i, c, o: a filter of the input, its bias and a filter of the state.
    weights = [weight.reshape(weight.shape[-4:]) if weight.ndim > 1 else weight for weight in layer.get_weights()]
    of_gates = dict(zip("fico", [weights[place : place + 3] for place in range(0, 12, 3)], strict=True))
    kernel, bias, recurrent = (np.concatenate([of_gates[gate][place] for gate in "ifco"], 0) for place in (0, 1, 2))
    theirs.set_weights([np.transpose(kernel, (2, 3, 1, 0)), np.transpose(recurrent, (2, 3, 1, 0)), bias])
    expected = np.moveaxis(theirs(given).numpy(), -1, 2)
    assert layer.get_output_shape()[1:] == expected.shape[1:]
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-4, atol=1e-5)


def test_conv_lstm_of_volumes() -> None:
    layer = L.ConvLSTM3D(2, 3, border_mode="same", input_shape=(3, 2, 4, 4, 4))
    assert layer.get_output_shape() == (None, 2, 4, 4, 4)
    assert layer.forward(np.zeros((1, 3, 2, 4, 4, 4))).shape == (1, 2, 4, 4, 4)


def test_steps_of_tables() -> None:
    steps = L.TimeDistributed(L.Merge(mode="dot"), [(5, 4), (5, 4)])
    assert steps.get_output_shape() == (None, 5, 1)
    x = np.random.RandomState(1).rand(2, 3, 5, 4)
    np.testing.assert_allclose(steps.forward([x[0], x[1]])[..., 0], (x[0] * x[1]).sum(-1), rtol=1e-5)


def test_local_response() -> None:
    x = np.abs(IMAGES)
    squares = np.stack([np.square(x[:, max(0, c - 2) : c + 3]).sum(1) for c in range(3)], 1)
    layer = L.LRN2D(alpha=0.5, k=2.0, n=5)
    np.testing.assert_allclose(layer.forward(x), x / (2 + 0.5 / 5 * squares) ** 0.75, rtol=1e-4)
    assert L.WithinChannelLRN2D(3, input_shape=(3, 5, 5)).forward(x).shape == x.shape


@pytest.mark.parametrize(
    "layer",
    [L.Dropout(0.5), L.GaussianDropout(0.5), L.GaussianNoise(0.5), L.SpatialDropout1D(0.5), L.RReLU()],
    ids=lambda layer: type(layer).__name__,
)
def test_noise_is_in_training_only(layer: Any) -> None:
    x = np.ones((4, 5, 6), np.float32) * (-1 if isinstance(layer, L.RReLU) else 1)
    assert np.std(layer.forward(x)) > 0
    layer.training(False)
    assert np.std(layer.forward(x)) < 1e-6


@pytest.mark.parametrize("order", ["th", "tf"])
def test_whole_channels_are_dropped(order: str) -> None:
    for layer, shape in [
        (L.SpatialDropout2D(dim_ordering=order), (8, 6, 5, 7)),
        (L.SpatialDropout3D(dim_ordering=order), (8, 6, 5, 4, 7)),
    ]:
        y = layer.forward(np.ones(shape))
        channels = y.reshape(8, 6, -1) if order == "th" else np.moveaxis(y, -1, 1).reshape(8, 7, -1)
        assert (channels.min(-1) == channels.max(-1)).all() and set(np.unique(channels)) == {0.0, 1.0}


def test_wrapper() -> None:
    linear = Linear(4, 3)
    wrapped = L.KerasLayerWrapper(linear, input_shape=(4,))
    assert wrapped.get_output_shape() == (None, 3) and wrapped.name() == f"{linear.name()}_wrapper"


def test_regularizers_and_parameters() -> None:
    layer = L.Dense(1, W_regularizer=regularizers.l2(0.5), b_regularizer=regularizers.l1(0.25), input_shape=(1,))
    layer.set_weights([np.array([[2.0]]), np.array([3.0])])
    layer.forward(np.zeros((1, 1)))
    layer.backward(np.zeros((1, 1)), np.zeros((1, 1)))
    gradients = next(iter(layer.parameters().values()))
    assert gradients["gradWeight"].tolist() == [[1.0]] and gradients["gradBias"].tolist() == [0.25]
    parameter = Parameter((2, 3), init_weight=np.ones((2, 3)))
    assert parameter.shape == (2, 3) and parameter.get_weight().sum() == 6


def test_initial_values() -> None:
    L.Dense(1).set_seed(7)
    uniform = L.Dense(200, "uniform", (-0.2, 0.1), input_shape=(50,)).get_weights()
    assert -0.2 <= uniform[0].min() < -0.19 and 0.09 < uniform[0].max() <= 0.1 and (uniform[1] == 0).all()
    normal = L.Dense(200, "normal", input_shape=(50,)).get_weights()[0]
    assert abs(normal.std() - 0.05) < 0.002
    glorot = L.Dense(200, input_shape=(50,)).get_weights()[0]
    bound = np.sqrt(6 / 250)
    assert 0.98 * bound < np.abs(glorot).max() <= bound
    assert (L.Dense(2, "one", input_shape=(2,)).get_weights()[0] == 1).all()


def test_freezing_before_the_weights_are_there() -> None:
    layer = L.Dense(2).freeze().training(False)
    layer.connect((None, 3))
    assert all(module.frozen and not module.training for module in layer.value.walk())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L.Dense(3, colour=1), "Dense has no argument 'colour'"),
        (lambda: L.Dense(3, activation="swish", input_shape=(2,)), "no activation 'swish'"),
        (lambda: L.Dense(3, init="he", input_shape=(2,)), "no initial value 'he'"),
        (lambda: L.Convolution2D(3, 2, 2, border_mode="full", input_shape=(1, 5, 5)), "no border_mode 'full'"),
        (lambda: L.Convolution2D(3, 2, 2, dim_ordering="nchw", input_shape=(1, 5, 5)), "no dim_ordering 'nchw'"),
        (lambda: L.AtrousConvolution1D(3, 2, bias=False), "knows bias=True only"),
        (lambda: L.BatchNormalization(mode=1), "knows mode=0 only"),
        (lambda: L.Bidirectional(L.LSTM(3)), "return_sequences=True"),
        (lambda: L.Merge(mode="power"), "has mode='power'"),
        (lambda: L.Merge(mode="sum", input_shape=[(2,), (3,)]), "needs values of one shape"),
        (lambda: L.Select(0, 1, (3,)), "has dim=0"),
        (lambda: L.Reshape((-1, -1)), "can work out one size only"),
        (lambda: L.Dense(3).get_output_shape(), "does not know its shape yet"),
        (lambda: L.Dense(3)(np.zeros((2, 3))), "expected variables"),
        (lambda: L.Dense(3, input_shape=(2,)).set_weights([np.zeros((2, 3)), np.zeros(3)]), "weights of shapes"),
    ],
)
def test_mistakes_of_arguments_are_told(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message.replace("(", r"\(")):
        make()


def test_mistakes_of_shapes_are_told() -> None:
    with pytest.raises(DataError, match="has 4 dimensions, the batch included"):
        L.Convolution2D(3, 2, 2, input_shape=(5, 5))
    with pytest.raises(DataError, match=r"cannot take a value of shape \(None, 5\)"):
        L.Dense(3, input_shape=(4,)).connect((None, 5))
