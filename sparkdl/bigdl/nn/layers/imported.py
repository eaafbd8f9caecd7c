"""Models that other importers made, as BigDL's layers: what their weights are called and how they lie."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from sparkdl.nn.torch.kernels.keras_model import keras_layers
from sparkdl.nn.torch.module import Array, Module

# What BigDL calls weights and statistics.
_NAMES = {
    "kernel": "weight",
    "gamma": "weight",
    "embeddings": "weight",
    "beta": "bias",
    "moving_mean": "runningMean",
    "moving_variance": "runningVar",
}


def parameters_by_layer(module: Module) -> dict[str, dict[str, Array]]:
    """Weights, gradients and statistics of a `KerasModel` by the names of its layers, as BigDL has them.

    Example:
        >>> from sparkdl.nn.torch.kernels.keras_model import keras_module
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="fc")])
        >>> {name: value.shape for name, value in parameters_by_layer(keras_module(model))["fc"].items()}
        {'weight': (3, 2), 'gradWeight': (3, 2), 'bias': (3,), 'gradBias': (3,)}
    """
    layers = {layer.name: layer for layer in keras_layers(module)}
    found: dict[str, dict[str, Array]] = {}
    for path, value in {**module.parameters, **module.states}.items():
        owner, _, own = path.rpartition("/")
        entry, name = found.setdefault(owner or str(module.name), {}), _NAMES.get(own, own)
        layer = layers.get(owner or str(module.name))
        entry[name] = _arranged(layer, own, value)
        if path in module.parameters:
            gradient = module.gradients.get(path, np.zeros_like(value))
            entry["grad" + name[0].upper() + name[1:]] = _arranged(layer, own, gradient)
    return found


def _arranged(layer: Any, name: str, value: Array) -> Array:
    """Outputs before inputs; of convolutions (groups, outputs, inputs, height, width)."""
    if name == "kernel" and isinstance(layer, keras.layers.Dense):
        return np.ascontiguousarray(value.T)
    if name == "kernel" and isinstance(layer, keras.layers.Conv2D):
        height, width, inputs, outputs = value.shape
        groups = layer.groups
        parted = value.reshape(height, width, inputs, groups, outputs // groups)
        return np.ascontiguousarray(parted.transpose(3, 4, 2, 0, 1))
    return value
