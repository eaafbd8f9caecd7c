"""Functions of hyper-parameters, as users have them in a module."""

from __future__ import annotations

import keras


def classify(units: int = 8, classes: int = 1, activation: str | None = None, features: int = 2) -> keras.Model:
    """A small classifier, not compiled."""
    last = activation or ("sigmoid" if classes == 1 else "softmax")
    layers = [keras.layers.Dense(units, "relu"), keras.layers.Dense(classes, last)]
    return keras.Sequential([keras.Input((features,)), *layers])


def regress(units: int = 8) -> keras.Model:
    """A small regression, compiled."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def two_outputs() -> keras.Model:
    """A model of two inputs with a scalar and a vector as outputs, compiled."""
    left, right = keras.Input((1,), name="left"), keras.Input((1,), name="right")
    joined = keras.layers.Concatenate()([left, right])
    outputs = [keras.layers.Dense(1, name="first")(joined), keras.layers.Dense(1, name="second")(joined)]
    model = keras.Model([left, right], outputs)
    model.compile("adam", ["mse", "mae"])
    return model
