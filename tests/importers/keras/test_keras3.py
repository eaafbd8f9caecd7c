"""Models of the Keras that is installed, in each of its formats."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import sparkdl as sdl
from tests.importers.keras.places import apart


def operations() -> Any:
    x = keras.Input((4, 6), name="x")
    y = ops.concatenate([x[:, 1:, ::2], ops.relu(x[:, 1:, :3] - 1.0) / 2.0], axis=-1)
    y = ops.mean(ops.where(y > 0.1, y, ops.transpose(y, (0, 1, 2))), axis=1)
    return keras.Model(x, layers.Dense(2, activation=keras.activations.hard_sigmoid)(y))


def nested() -> Any:
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(4)])
    inner.layers[0].trainable = False
    start = keras.Input((4,))
    frozen = keras.Model(start, [layers.Dense(2)(start), layers.BatchNormalization()(start)])
    frozen.trainable = False
    first, second = keras.Input((5,), name="z"), keras.Input((5,), name="a")
    p, q = frozen(inner(first))
    r, s = frozen(inner(second))
    return keras.Model([first, second], [layers.Add()([p, r]), layers.Concatenate()([q, s])])


def recurrent() -> Any:
    x = keras.Input((6, 4))
    y, *state = layers.LSTM(3, return_sequences=True, return_state=True)(x)
    y = layers.Bidirectional(layers.GRU(3, return_sequences=True))(y)
    y = layers.RNN([layers.LSTMCell(2), layers.SimpleRNNCell(3)], return_sequences=True)(y)
    z = layers.LSTM(3, dropout=0.5)(x, initial_state=state)
    y = layers.TimeDistributed(layers.Dense(3, activation="gelu"))(y)
    return keras.Model(x, layers.Concatenate()([layers.Flatten()(y), z]))


def attention() -> Any:
    x = keras.Input((6, 4))
    y = layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    y = layers.GroupNormalization(2)(layers.LayerNormalization()(y + x))
    y = layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")(y)
    return keras.Model(x, layers.GlobalMaxPooling1D()(layers.SpectralNormalization(layers.Conv1D(3, 2))(y)))


def deferred() -> Any:
    model = keras.Sequential([layers.Dense(3, kernel_regularizer="l1l2"), layers.Dropout(0.2), layers.Dense(2)])
    model.build((None, 6))
    return model


@pytest.mark.parametrize("form", ["keras", "h5", "json", "folder"])
@pytest.mark.parametrize("make", [operations, nested, recurrent, attention, deferred], ids=lambda make: make.__name__)
def test_models_of_keras_3(make: Callable[[], Any], form: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    model = make()
    for weight in model.weights:
        if weight.dtype == "float32":
            weight.assign(np.abs(random.normal(size=weight.shape)) + 0.1)
    inputs = [random.normal(size=(2, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]
    model.compile("adam", ["mse"] * len(model.outputs))
    path, weights = tmp_path / f"model.{form}", None
    if form == "json":
        path.write_text(model.to_json())
        weights = tmp_path / "model.weights.h5"
        model.save_weights(weights)
    elif form == "folder":
        keras.src.saving.saving_lib.save_model(model, path, zipped=False)
    else:
        model.save(path)
    found = sdl.inspect(path, weights)
    loaded = sdl.load_keras(path, weights=weights)
    expected = model(inputs if len(inputs) > 1 else inputs[0])
    expected = expected if isinstance(expected, list) else [expected]
    assert apart(loaded, inputs, [np.asarray(item) for item in expected]) < 1e-6
    assert type(loaded.optimizer).__name__ == "Adam"
    assert [item.trainable for item in loaded.weights] == [item.trainable for item in model.weights]
    assert found.supported and found.parameters == sum(math.prod(item.shape) for item in model.weights)


def test_the_optimizer_goes_on(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    inputs, targets = (random.normal(size=(8, size)).astype("float32") for size in (6, 2))
    model = deferred()
    model.compile(keras.optimizers.Adam(0.1), "mse", metrics=["mae"])
    model.fit(inputs, targets, epochs=2, verbose=0, shuffle=False)
    for form in ("keras", "h5"):
        model.save(tmp_path / f"m.{form}")
        loaded = sdl.load_keras(tmp_path / f"m.{form}")
        assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 2
        for one, other in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
            assert np.array_equal(one, other)
        assert loaded.evaluate(inputs, targets, verbose=0) == pytest.approx(model.evaluate(inputs, targets, verbose=0))
