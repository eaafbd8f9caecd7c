"""Between spatial layers values stay channels last in Keras models, and mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.bigdl.nn import layer as bigdl
from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.layout import is_last
from sparkdl.nn.torch.module import namespace
from sparkdl.nn.torch.network import network

RANDOM = np.random.RandomState(5)


def _row(*layers: Any) -> Any:
    row = bigdl.Sequential()
    for layer in layers:
        row.add(layer)
    return row


def _convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> Any:
    return bigdl.SpatialConvolution(inputs, outputs, size, size, stride, stride, size // 2, size // 2)


def _residual(channels: int) -> Any:
    inside = _row(_convolution(channels, channels), bigdl.SpatialBatchNormalization(channels), bigdl.ReLU(True))
    table = bigdl.ConcatTable().add(inside).add(bigdl.Identity())
    return _row(table, bigdl.CAddTable(True), bigdl.ReLU(True))


def _inception(channels: int) -> Any:
    joined = bigdl.Concat(2)
    joined.add(_row(_convolution(channels, 3, 1), bigdl.ReLU(True)))
    joined.add(_row(bigdl.SpatialMaxPooling(3, 3, 1, 1, 1, 1, True), _convolution(channels, 2, 1)))
    return joined


def _graph() -> Any:
    node = bigdl.Input()
    one = _convolution(3, 4)(node)
    other = bigdl.SpatialDropout2D(0.3)(_convolution(3, 4)(node))
    joined = bigdl.JoinTable(1, 3)([bigdl.CMulTable()([one, other]), bigdl.Normalize(2.0)(one)])
    return bigdl.Model([node], [joined, bigdl.View([4 * 6 * 6])(one)])


def _normed() -> Any:
    return _row(
        _convolution(3, 4),
        bigdl.NormalizeScale(2.0, 3.0, [1, 4, 1, 1]),
        bigdl.Scale([1, 4, 1, 1]),
        bigdl.PReLU(4),
        bigdl.LogSoftMax(),
        bigdl.UpSampling2D([2, 2]),
    )


def _mixed() -> Any:
    """A layer of the other order is called on what its axes are taken for."""
    return _row(_convolution(3, 4), bigdl.SpatialMaxPooling(2, 2, 1, 1, format="NHWC"), _convolution(3, 2))


NETS = {
    "residual": (lambda: _row(_convolution(3, 4), _residual(4), _residual(4)), 2),
    "inception": (lambda: _row(_convolution(3, 4), _inception(4), bigdl.SpatialCrossMapLRN(3), bigdl.Dropout(0.5)), 2),
    "graph": (_graph, 3),
    "normed": (_normed, 2),
    "mixed": (_mixed, 4),
    "flat": (lambda: _row(_convolution(3, 4), bigdl.Reshape([144]), bigdl.Linear(144, 5)), 2),
    "last": (lambda: _row(bigdl.Transpose([(2, 3), (3, 4)]), bigdl.SpatialMaxPooling(2, 2, 2, 2, format="NHWC")), 0),
}


@pytest.mark.parametrize("name", NETS)
def test_values_are_turned_round_only_at_the_ends(name: str, tmp_path: Path) -> None:
    build, turns = NETS[name]
    tree, x = build(), RANDOM.randn(2, 3, 6, 6).astype(np.float32)
    model = network(tree.value, (3, 6, 6)).model
    assert sum(isinstance(layer, keras.layers.Permute) for layer in model.layers) == turns
    tree.training(False)
    expected = keras.tree.flatten(tree.forward(x))
    model.save(tmp_path / "model.keras")
    for made in (model, keras.models.load_model(tmp_path / "model.keras")):
        for mine, theirs in zip(keras.tree.flatten(made(x, training=False)), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


def test_gradients_of_a_model_are_those_of_the_tree() -> None:
    tree, x = _row(_convolution(3, 4, 3, 2), _residual(4), _inception(4)), RANDOM.randn(2, 3, 6, 6).astype(np.float32)
    made = network(tree.value, (3, 6, 6))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(made.model(x, training=True)))
    weights = [[weight.value for weight in layer.trainable_weights] for _, layer in made.layers]
    found = tape.gradient(loss, weights)
    tree.zero_grad_parameters()
    tree.backward(x, 2 * tree.forward(x))
    for (module, _), gradients in zip(made.layers, found, strict=True):
        for theirs, mine in zip(module.gradients.values(), gradients, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


def test_a_layer_at_two_places_has_one_set_of_weights() -> None:
    shared = _convolution(3, 3)
    model = network(_row(shared, bigdl.ReLU(), shared).value, (3, 4, 4)).model
    assert len(model.trainable_weights) == 2


def test_unknown_orders_are_refused() -> None:
    with pytest.raises(ArgumentError, match="'NCWH'"):
        is_last(namespace(bigdl.Identity().value, {"data_format": "NCWH"}))


def test_what_a_layer_cannot_take_is_told_in_its_own_words() -> None:
    tree = _row(_convolution(3, 4).set_name("first"), _convolution(5, 2).set_name("second"))
    with pytest.raises(
        DataError, match=r"^second takes 5 channels, but was given 4: .*; its input has the shape \(None, 4, 6, 6\)"
    ):
        network(tree.value, (3, 6, 6))
