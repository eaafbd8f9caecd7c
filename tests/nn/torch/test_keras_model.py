"""A Keras model among Torch-like modules computes, learns and keeps what Keras itself does."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.eager import forward
from sparkdl.nn.torch.kernels.keras_model import keras_module
from sparkdl.nn.torch.module import Module
from sparkdl.nn.torch.network import network

pytestmark = pytest.mark.tf
X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    normalization = keras.layers.BatchNormalization(name="bn")
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), normalization, keras.layers.Dense(2)])


def test_forward_and_backward_are_those_of_keras() -> None:
    net = model()
    module = keras_module(net)
    recording = forward(module, X)
    gradient = recording.backward(np.ones((6, 2)))
    x = tf.Variable(X)
    with tf.GradientTape() as tape:
        expected = net(x, training=True)
    of_input, *of_weights = tape.gradient(expected, [x, *net.trainable_variables])
    np.testing.assert_allclose(recording.output, expected, atol=1e-6)
    np.testing.assert_allclose(gradient, of_input, atol=1e-6)
    for (owner, name), expected_gradient in zip(module.weights(), of_weights, strict=True):
        np.testing.assert_allclose(owner.gradients[name], expected_gradient, atol=1e-5)
    np.testing.assert_allclose(module.states["bn/moving_mean"], net.layers[1].moving_mean, atol=1e-6)


def test_it_is_trained_as_the_model_it_is_and_among_others() -> None:
    for tree in (keras_module(model()), make("Sequential", [keras_module(model()), make("Tanh")])):
        module = tree if tree.kind == "KerasModel" else tree.children[0]
        made = network(tree, (4,))
        made.model.compile("sgd", "mse")
        before = [owner.parameters[name].copy() for owner, name in tree.weights()]
        made.model.fit(X, np.zeros((6, 2), np.float32), verbose=0)
        made.read_back()
        assert all((owner.parameters[n] != old).any() for (owner, n), old in zip(tree.weights(), before, strict=True))
        tree.training = module.training = False
        np.testing.assert_allclose(forward(tree, X).output, made.model(X), atol=1e-6)


def test_its_description_makes_it_again() -> None:
    module = keras_module(model())
    again = Module.from_description(module.description())
    again.parameters, again.states = module.parameters, module.states
    module.training = again.training = False
    np.testing.assert_array_equal(forward(again, X).output, forward(module, X).output)


def test_a_frozen_one_stays() -> None:
    module = keras_module(model())
    module.frozen = True
    made = network(make("Sequential", [module, make("Linear", input_size=2, output_size=2)]), (4,))
    assert len(made.model.trainable_variables) == 2
    states = {name: value.copy() for name, value in module.states.items()}
    forward(module, X)
    for name, value in states.items():
        np.testing.assert_array_equal(module.states[name], value)
