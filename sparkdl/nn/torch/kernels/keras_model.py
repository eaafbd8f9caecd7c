"""A Keras model as a module: what other importers made, among modules of Torch's manner."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import keras
import tensorflow as tf

from sparkdl.nn.torch.kinds import Call, Kind
from sparkdl.nn.torch.module import Module

KIND = "KerasModel"
# Models stay small without their weights; they are made again when others crowded them out.
_KEPT = 16


def keras_module(model: keras.Model) -> Module:
    """A module that computes what a Keras model computes, with copies of its weights.

    Trained weights are the module's parameters and the others its states, by their paths.

    Args:
        model: a built model; functional, or of a class that Keras can make from its config.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="fc")])
        >>> {name: value.shape for name, value in keras_module(model).parameters.items()}
        {'fc/kernel': (2, 3), 'fc/bias': (3,)}
    """
    config = json.dumps(keras.saving.serialize_keras_object(model))
    module = Module(KIND, {"config": config}, name=model.name)
    for weight, name in zip(model.weights, _names(model), strict=True):
        held = module.parameters if weight.trainable else module.states
        held[name] = keras.ops.convert_to_numpy(weight)
    return module


def keras_layer(module: Module) -> keras.Model:
    """A new Keras model of such a module, with its values."""
    model = _made(module.arguments["config"])
    for weight, name in zip(model.weights, _names(model), strict=True):
        weight.assign(module.parameters[name] if name in module.parameters else module.states[name])
    for layer in model.layers:
        if layer.name in module.arguments.get("frozen", ()):
            layer.trainable = False
    if module.frozen:
        model.trainable = False
    return model


def layer_names(module: Module) -> list[str]:
    """The names of the Keras layers of such a module.

    Example:
        >>> layer_names(keras_module(keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="fc")])))
        ['fc']
    """
    return [layer.name for layer in keras_layers(module)]


def keras_layers(module: Module) -> list[keras.Layer]:
    """The Keras layers of such a module, whose values mean nothing."""
    return list(_shared(module.arguments["config"]).layers)


def freeze(module: Module, name: str, frozen: bool) -> None:
    """Keeps a Keras layer of such a module from training, or no longer."""
    names = set(module.arguments.get("frozen", ()))
    module.arguments["frozen"] = sorted(names | {name} if frozen else names - {name})


def read_back(model: keras.Model, module: Module) -> None:
    """Copies the values of such a Keras model into its module."""
    for weight, name in zip(model.weights, _names(model), strict=True):
        held = module.parameters if name in module.parameters else module.states
        held[name] = keras.ops.convert_to_numpy(weight)


def _names(model: keras.Model) -> list[str]:
    """The paths of the weights below the model, each once."""
    paths = [weight.path.removeprefix(f"{model.name}/") for weight in model.weights]
    return [path if paths.count(path) == 1 else f"{path}_{place}" for place, path in enumerate(paths)]


def _made(config: str) -> keras.Model:
    model = keras.saving.deserialize_keras_object(json.loads(config))
    assert isinstance(model, keras.Model)  # noqa: S101  (for the type checker: only models are written)
    return model


_shared = lru_cache(_KEPT)(_made)


def _call(call: Call, x: Any) -> Any:
    model = _shared(call.module.arguments["config"])
    values = dict(zip([weight.path for weight in model.weights], _names(model), strict=True))
    trained = [call[values[variable.path]] for variable in model.trainable_variables]
    others = []
    for variable in model.non_trainable_variables:
        name = values.get(variable.path)
        others.append(call.state(name) if name in call.module.states else tf.convert_to_tensor(variable))
    training = call.training and not call.module.frozen
    outputs, updated = model.stateless_call(trained, others, x, training=training)
    if training:
        for variable, value in zip(model.non_trainable_variables, updated, strict=True):
            name = values.get(variable.path)
            if name in call.module.states:
                call.set_state(name, value)
    return list(outputs) if isinstance(outputs, (list, tuple)) else outputs


KINDS = {KIND: Kind(_call)}
