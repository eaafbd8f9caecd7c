"""Weights in the layout of Keras 2: a group per layer of the model, with the names of its arrays in their order.

Layers are found by their names. In which order a model within a model has its arrays depends on what was frozen when
it was saved; the arrays' own names tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from sparkdl.engine.layer_assets import follow_weights
from sparkdl.errors import ImporterError
from sparkdl.importers.keras import hdf5
from sparkdl.importers.keras.nodes import Origin
from sparkdl.importers.keras.sources import Weights

_STATE = "rnn_state"  # Keras 3 keeps the states of stateful layers among the weights; Keras 2 did not
_GATES = {"LSTMCell": 4, "GRUCell": 3}
_FLIPPED = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2DCell")


@dataclass(frozen=True, slots=True)
class Stored:
    """One array of the file, not read yet."""

    name: str
    dataset: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.dataset.shape)

    @property
    def role(self) -> str:
        """What the array is in its layer: "kernel" of "dense_1/kernel:0"."""
        return re.sub(r"(_\d+)?(:\d+)?$", "", self.name.rpartition("/")[2])


def fill(model: keras.Model, weights: Weights, origin: Origin, names: Mapping[str, str]) -> None:
    """Gives a model the weights of a file.

    Args:
        model: the model, built.
        weights: the file.
        origin: who wrote the architecture.
        names: what layers of the file are called in the model, where it is not the same.

    Raises:
        ImporterError: where they do not fit; it names every layer.
    """
    with hdf5.opened(weights.content, weights.path) as file:
        group = hdf5.child(file, weights.by_layer or "", weights.path)
        stored = {name: _stored(group, name, weights) for name in hdf5.names(group, "layer_names", weights.path)}
        stored = {name: arrays for name, arrays in stored.items() if arrays}
        if "top_level_model_weights" in group:
            own = _stored(group, "top_level_model_weights", weights)
            _fill_layer(_Own(model), own, origin, weights) if own else None
        pairs = _pairs(model, stored, names, weights.path)
        wrong = [line for layer, arrays in pairs for line in _misfits(layer, arrays)]
        if wrong:
            raise weights.misfit(wrong, origin)
        for layer, arrays in pairs:
            _fill_layer(layer, arrays, origin, weights)


@dataclass(frozen=True, slots=True)
class _Own:
    """The variables of a model that belong to none of its layers."""

    model: Any

    @property
    def name(self) -> str:
        return str(self.model.name)

    @property
    def weights(self) -> list[Any]:
        own = self.model._trainable_variables + self.model._non_trainable_variables
        return [variable for variable in own if any(variable is other for other in self.model.weights)]

    @property
    def trainable_weights(self) -> list[Any]:
        return self.weights

    @property
    def non_trainable_weights(self) -> list[Any]:
        return []

    def _flatten_layers(self) -> list[Any]:
        return []


def _stored(group: Any, name: str, weights: Weights) -> list[Stored]:
    inside = hdf5.child(group, name, weights.path)
    found = [
        Stored(item, hdf5.child(inside, item, weights.path))
        for item in hdf5.names(inside, "weight_names", weights.path)
    ]
    for item in found:
        hdf5.check_dataset(item.dataset, weights.size, weights.path)
    return found


def _pairs(
    model: keras.Model, stored: Mapping[str, Sequence[Stored]], names: Mapping[str, str], path: str
) -> list[tuple[Any, Sequence[Stored]]]:
    """Which layer gets which arrays: by name, or where the names are of another model by order, as Keras does it."""
    layers = [layer for layer in model.layers if any(_STATE not in weight.name for weight in layer.weights)]
    by_name = {names.get(name, name): arrays for name, arrays in stored.items()}
    if {layer.name for layer in layers} == set(by_name):
        return [(layer, by_name[layer.name]) for layer in layers]
    if len(layers) != len(stored):
        missing = [layer.name for layer in layers if layer.name not in by_name]
        extra = [name for name in by_name if name not in {layer.name for layer in layers}]
        raise ImporterError(
            f"{path} has weights for {len(stored)} layers; expected {len(layers)}"
            + (f"; it has none for {', '.join(missing[:5])}" if missing else "")
            + (f"; the model has no {', '.join(extra[:5])}" if extra else "")
            + "."
        )
    return list(zip(layers, stored.values(), strict=True))


def _orders(layer: Any) -> Iterator[list[Any]]:
    """The orders in which Keras may have written the weights of a layer, the likeliest first."""
    born = {id(item) for inner in layer._flatten_layers() for item in inner._trainable_variables}
    every = layer.weights
    by_birth = [item for item in every if id(item) in born] + [item for item in every if id(item) not in born]
    for order in (layer.trainable_weights + layer.non_trainable_weights, every, by_birth):
        yield order
        yield [item for item in order if item.name != _STATE]


def _order(layer: Any, arrays: Sequence[Stored]) -> list[Any] | None:
    """The variables for arrays: in an order in which the names fit too, if there is one."""
    owners = _owners(layer)
    fitting = [
        order
        for order in _orders(layer)
        if len(order) == len(arrays)
        and all(_fits(variable, item, owners) for variable, item in zip(order, arrays, strict=True))
    ]
    named = (
        order
        for order in fitting
        if all(variable.name == item.role for variable, item in zip(order, arrays, strict=True))
    )
    return next(named, fitting[0] if fitting else None)


def _owners(layer: Any) -> dict[int, str]:
    """The class of the innermost layer that has a variable."""
    return {
        id(variable): type(inner).__name__
        for inner in layer._flatten_layers()
        for variable in inner._trainable_variables + inner._non_trainable_variables
    }


def _fits(variable: Any, item: Stored, owners: Mapping[int, str]) -> bool:
    return tuple(variable.shape) == item.shape or _is_cudnn(variable, item, owners)


def _is_cudnn(variable: Any, item: Stored, owners: Mapping[int, str]) -> bool:
    """Whether an array is a bias in the layout of cuDNN, which has two for each gate, in one row."""
    gates = _GATES.get(owners.get(id(variable), ""))
    if gates is None or variable.name != "bias":
        return False
    units = variable.shape[-1] // gates
    return item.shape == (2 * gates * units,)


def _misfits(layer: Any, arrays: Sequence[Stored]) -> Iterator[str]:
    if _order(layer, arrays) is not None:
        return
    kind = type(layer).__name__
    expected = [item for item in layer.trainable_weights + layer.non_trainable_weights if item.name != _STATE]
    if len(expected) != len(arrays):
        yield f"layer {layer.name!r} ({kind}): {len(arrays)} arrays, expected {len(expected)}"
        return
    for variable, item in zip(expected, arrays, strict=True):
        if tuple(variable.shape) != item.shape:
            yield (
                f"layer {layer.name!r} ({kind}): {item.name!r} has shape {item.shape}, expected "
                f"{tuple(variable.shape)} of {variable.path}"
            )


def _fill_layer(layer: Any, arrays: Sequence[Stored], origin: Origin, weights: Weights) -> None:
    order, owners = _order(layer, arrays), _owners(layer)
    if order is None:
        raise ImporterError(f"{weights.path}: the arrays of {layer.name!r} do not fit the model of {origin.path}.")
    pairs = list(zip(order, arrays, strict=True))
    turned = _from_cudnn(layer, [variable for variable, item in pairs if _is_cudnn(variable, item, owners)])
    for variable, item in pairs:
        value = hdf5.array_of(item.dataset, weights.size, weights.path)
        if id(variable) in turned:
            value = rearrange_cudnn(value, variable.name, turned[id(variable)], tuple(variable.shape))
        elif origin.backend == "theano" and owners.get(id(variable)) in _FLIPPED and "kernel" in variable.name:
            value = np.flip(value, axis=tuple(range(value.ndim - 2)))  # Theano's convolution is one, and no correlation
        variable.assign(value)
    follow_weights(layer)


def _from_cudnn(layer: Any, biases: Sequence[Any]) -> dict[int, int]:
    """The number of gates for each variable of a cell whose bias is in the layout of cuDNN."""
    found = {}
    for inner in layer._flatten_layers():
        variables = inner._trainable_variables + inner._non_trainable_variables
        if any(variable is bias for variable in variables for bias in biases):
            found.update({id(variable): _GATES[type(inner).__name__] for variable in variables})
    return found


def rearrange_cudnn(value: np.ndarray, role: str, gates: int, shape: tuple[int, ...]) -> np.ndarray:
    """An array of CuDNNLSTM or CuDNNGRU as LSTM and GRU have it.

    cuDNN's matrices are transposed, and stand in memory gate by gate; it adds one bias before and one behind the
    recurrent product, which GRU keeps apart and LSTM does not.

    Example:
        >>> rearrange_cudnn(np.arange(8.0).reshape(1, 8), "bias", 1, (4,)).tolist()
        [4.0, 6.0, 8.0, 10.0]
    """
    if role == "bias":
        value = value.reshape(2, -1)
        return value.reshape(shape) if len(shape) == 2 else value.sum(axis=0)
    parts = np.split(value, gates, axis=-1)
    return np.concatenate([part.reshape(-1).reshape(part.shape[::-1]).T for part in parts], axis=-1)
