"""Convolutions with steps and kernels of one element, against Keras's own code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.engine.replica import KerasReplica
from sparkdl.engine.strided_convolution import BLOCK, elements_taken_first
from sparkdl.types import Batch, SampleSpec, TensorSpec

Conv1D, Conv2D, Conv3D = keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D


class Standardized(Conv2D):
    """A layer as users write it: its own products, the rest Keras's."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        return super().convolution_op(inputs, kernel / (1.0 + keras.ops.std(kernel)))


class Padded(Conv2D):
    """It moves the elements, and so which of them the windows see."""

    def call(self, inputs: Any) -> Any:
        return super().call(keras.ops.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0))))


ROWS = 4  # Keras's own code, which is the oracle, meets the fault with odd ones
CASES: dict[str, tuple[tuple[int, ...], Callable[[], Any]]] = {
    "frames": ((9, 5), lambda: Conv1D(4, 1, strides=2)),
    "frames, causal": ((10, 5), lambda: Conv1D(4, 1, strides=3, padding="causal")),
    "images": ((10, 11, 8), lambda: Conv2D(6, 1, strides=2, activation="tanh")),
    "images, same": ((10, 8, 3), lambda: Conv2D(6, 1, strides=(3, 2), padding="same", use_bias=False)),
    "one step": ((7, 8, 3), lambda: Conv2D(6, 1, strides=(1, 2))),
    "a class of the user's": ((8, 9, 4), lambda: Standardized(4, 1, strides=2)),
    "volumes": ((5, 6, 7, 3), lambda: Conv3D(2, 1, strides=(2, 3, 1))),
}
OTHERS: dict[str, tuple[tuple[int, ...], Callable[[], Any]]] = {
    "no steps": ((8, 8, 4), lambda: Conv2D(4, 1)),
    "wider kernel": ((8, 8, 4), lambda: Conv2D(4, (1, 3), strides=2)),
    "groups": ((8, 8, 4), lambda: Conv2D(4, 1, strides=2, groups=2)),
    "whole blocks of channels": ((8, 8, BLOCK), lambda: Conv2D(4, 1, strides=2)),
    "a call of the user's": ((8, 8, 4), lambda: Padded(4, 1, strides=2)),
}


def model_of(shape: tuple[int, ...], layer: Any) -> keras.Model:
    inputs = keras.Input(shape)
    inner = keras.Sequential([keras.Input(shape), layer])  # layers of models in models too
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inner(inputs))))
    random = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(random.normal(size=weight.shape))
    model.compile("sgd", "mse")
    return model


def trained(shape: tuple[int, ...], model: keras.Model) -> tuple[np.ndarray, np.ndarray, set[tuple[int, ...]]]:
    """Gradient and loss of a training step, and the steps of the convolutions in it."""
    spec = SampleSpec((TensorSpec("x", shape, "float32"),), (TensorSpec("y", (1,), "float32"),))
    replica = KerasReplica(model, spec)
    random = np.random.default_rng(0)
    x, y = (random.normal(size=(ROWS, *size)).astype("float32") for size in (shape, (1,)))
    gradient, scalars = replica.gradients(Batch((x,), (y,)), ROWS, 1.0)
    graph = replica._train.trace().call.__self__.graph
    convolutions = [
        each for each in graph.get_operations() if each.type.startswith("Conv") and "strides" in each.node_def.attr
    ]
    return np.array(gradient), scalars, {tuple(each.get_attr("strides")) for each in convolutions}


@pytest.mark.parametrize("case", CASES)
def test_steps_are_those_of_keras_without_convolutions_that_stride(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, make = CASES[case]
    gradient, loss, strides = trained(shape, model_of(shape, make()))
    assert {max(each) for each in strides} == {1}
    monkeypatch.setattr("sparkdl.engine.strided_convolution._is_concerned", lambda layer: False)
    expected, expected_loss, kept = trained(shape, model_of(shape, make()))
    assert {max(each) for each in kept} != {1}
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("case", OTHERS)
def test_other_convolutions_stay_as_they_are(case: str) -> None:
    shape, make = OTHERS[case]
    layer = make()
    model = model_of(shape, layer)
    with elements_taken_first(model):
        assert "call" not in vars(layer)


def test_channels_that_come_first_stay_as_they_are() -> None:
    layer = Conv2D(4, 1, strides=2, data_format="channels_first")
    layer.build((None, 4, 8, 8))
    with elements_taken_first(keras.Sequential([layer])):
        assert "call" not in vars(layer)


def test_the_layer_keeps_its_own_code() -> None:
    shape, make = CASES["images"]
    layer = make()
    model = model_of(shape, layer)
    with pytest.raises(ZeroDivisionError), elements_taken_first(model):
        assert "call" in vars(layer)
        raise ZeroDivisionError
    assert "call" not in vars(layer)
