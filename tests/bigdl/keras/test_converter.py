"""Keras models in BigDL's way: their layers, weights, losses and optimizers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.bigdl.keras.converter import DefinitionLoader, LayerConverter, WeightLoader, WeightsConverter
from sparkdl.bigdl.keras.optimization import OptimConverter
from sparkdl.bigdl.keras.ToBigDLHelper import to_bigdl_2d_padding, to_bigdl_3d_ordering, to_bigdl_reg
from sparkdl.errors import ArgumentError, UnsupportedError

X = np.random.RandomState(0).rand(3, 4).astype(np.float32)


def small() -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh"), keras.layers.BatchNormalization()])
    model.set_weights([np.random.RandomState(1).rand(*weight.shape) for weight in model.get_weights()])
    return model


def test_models_and_weights(tmp_path: Path) -> None:
    kmodel = small()
    layer = DefinitionLoader.from_kmodel(kmodel).evaluate()
    np.testing.assert_allclose(layer.forward(X), kmodel.predict(X, verbose=0), rtol=1e-5)
    other = keras.models.clone_model(kmodel)
    WeightLoader.load_weights_from_kmodel(layer, other)
    np.testing.assert_allclose(layer.forward(X), other.predict(X, verbose=0), rtol=1e-5)
    kmodel.save(tmp_path / "model.h5")
    read = DefinitionLoader.from_hdf5_path(str(tmp_path / "model.h5")).evaluate()
    np.testing.assert_allclose(read.forward(X), kmodel.predict(X, verbose=0), rtol=1e-5)
    assert DefinitionLoader.from_json_str(kmodel.to_json()).forward(X).shape == (3, 3)
    with pytest.raises(ArgumentError, match="was not made of the Keras model"):
        WeightLoader.load_weights_from_kmodel(layer, keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]))


def test_single_layers() -> None:
    dense = keras.layers.Dense(2, name="fc")
    layer = LayerConverter(dense, None, (None, 4)).create_dense()
    np.testing.assert_allclose(layer.forward(X), dense(X).numpy(), rtol=1e-5)
    converter = LayerConverter(dense, {"config": {}}, (None, 4))
    assert converter.get_value_from_init("one", (2, 3)).tolist() == [[1] * 3] * 2
    fused = converter.fuse(layer, "relu")
    np.testing.assert_allclose(fused.forward(X), np.maximum(dense(X).numpy(), 0), rtol=1e-5)
    assert converter.fuse(layer, "linear") is layer and fused.name() == layer.name()
    cell = converter.generate_lstm_cell(keras.layers.LSTM(5, recurrent_activation="sigmoid"), None, (None, 6, 4))
    assert [weight.shape for weight in cell.get_weights()] == [(20, 4), (20,), (20, 5)]


def test_weights_of_keras_1() -> None:
    parts = [np.full(shape, gate) for gate in range(4) for shape in ((3, 2), (2, 2), (2,))]
    kernel, bias, state = WeightsConverter.convert_lstm(None, parts)
    assert kernel.shape == (8, 3) and state.shape == (8, 2) and bias.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    kernel, bias, gates, candidate = WeightsConverter.convert_gru(None, parts[:9])
    assert bias.tolist() == [1, 1, 0, 0, 2, 2] and gates.shape == (4, 2) and (candidate == 2).all()
    assert WeightsConverter.convert_convolution2d(None, [np.zeros((3, 2, 5, 5)), np.zeros(3)])[0].shape == (
        1,
        3,
        2,
        5,
        5,
    )
    assert WeightsConverter.get_bigdl_weights_from_klayer(small().layers[0])[0].shape == (3, 4)
    with pytest.raises(UnsupportedError, match="no conversion of the weights of a Swish"):
        WeightsConverter.get_converter("Swish")


def test_what_was_compiled() -> None:
    sgd = OptimConverter.to_bigdl_optim_method(keras.optimizers.SGD(0.5, momentum=0.9, nesterov=True))
    assert (sgd.learningrate, sgd.momentum, sgd.nesterov) == (0.5, 0.9, True)
    assert OptimConverter.to_bigdl_optim_method("adam").beta1 == 0.9
    assert OptimConverter.to_bigdl_criterion("mse").value.kind == "MSECriterion"
    assert (
        OptimConverter.to_bigdl_criterion(keras.losses.CategoricalCrossentropy()).value.kind
        == "CategoricalCrossEntropy"
    )
    with pytest.raises(UnsupportedError, match="focal"):
        OptimConverter.to_bigdl_criterion("focal")
    with pytest.raises(UnsupportedError, match="'auc'"):
        OptimConverter.to_bigdl_metrics(["auc"])


def test_words() -> None:
    assert to_bigdl_2d_padding("same") == (-1, -1) and to_bigdl_2d_padding("valid", 1, 2) == (0, 0)
    assert to_bigdl_2d_padding("same", 7, 3, 1, 2) == (2, 0)
    assert to_bigdl_3d_ordering("tf") == "channel_last" and to_bigdl_reg(None) is None
    assert to_bigdl_reg({"l1": 0.5, "l2": 0.0}).l1 == 0.5
