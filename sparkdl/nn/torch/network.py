"""A tree of modules as an ordinary Keras model, with one layer for each module that computes something."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from sparkdl.errors import DataError
from sparkdl.nn.torch.build import kind_of
from sparkdl.nn.torch.kinds import Call
from sparkdl.nn.torch.module import Module
from sparkdl.nn.torch_layer import TorchLayer

Shape = tuple[int | None, ...]


@dataclass
class Network:
    """A Keras model made of a tree, and the way back.

    Attributes:
        model: the Keras model; its inputs are those of the tree, with the batch in front.
        layers: the layer of each module that has one.
    """

    model: keras.Model
    layers: list[tuple[Module, TorchLayer]]

    def read_back(self) -> None:
        """Copies the weights and states of the Keras model into the tree."""
        for module, layer in self.layers:
            layer.read_back(module)


def network(module: Module, shapes: Sequence[Shape] | Shape, name: str | None = None) -> Network:
    """Makes a Keras model of a tree.

    Args:
        module: the tree; the model starts with its weights.
        shapes: the shape of one row of the input, or a list of them for a table.
        name: of the model.

    Raises:
        DataError: if the tree cannot take such rows.

    Example:
        >>> from sparkdl.nn.torch.build import make
        >>> tree = make("Sequential", [make("Linear", input_size=4, output_size=3), make("ReLU")])
        >>> network(tree, (4,)).model.output_shape
        (None, 3)
    """
    table = isinstance(shapes, list)
    inputs = [keras.Input(shape) for shape in (shapes if table else [shapes])]
    symbolic = _Symbolic(_Names())
    outputs = symbolic.apply(module, inputs if table else inputs[0])
    model = keras.Model(inputs if table else inputs[0], outputs, name=name)
    return Network(model, list(symbolic.layers.values()))


@dataclass
class _Names:
    """Names that Keras accepts, each once."""

    taken: set[str] = field(default_factory=set)

    def __call__(self, module: Module) -> str:
        stem = re.sub(r"[^A-Za-z0-9_.\-]+", "_", module.name or module.kind.lower())
        name, count = stem, 1
        while name in self.taken:
            name, count = f"{stem}_{count}", count + 1
        self.taken.add(name)
        return name


@dataclass
class _Symbolic:
    """Runs modules on the symbolic tensors of a Keras model; see `Runner`."""

    names: _Names
    layers: dict[int, tuple[Module, TorchLayer]] = field(default_factory=dict)

    def apply(self, module: Module, value: Any) -> Any:
        kind = kind_of(module.kind)
        if kind.dissolves:
            return kind.call(Call(module, self, kind.arguments(module)), value)
        if id(module) not in self.layers:
            self.layers[id(module)] = module, TorchLayer(module, name=self.names(module))
        try:
            return self.layers[id(module)][1](value)
        except (ValueError, TypeError) as error:
            raise DataError(_refusal(module, value, error)) from error

    def parameter(self, module: Module, name: str) -> Any:
        raise NotImplementedError(f"{module.kind} dissolves and has no weights of its own.")

    state = parameter

    def set_state(self, module: Module, name: str, value: Any) -> None:
        raise NotImplementedError(f"{module.kind} dissolves and has no states of its own.")

    def training(self, module: Module) -> Any:
        raise NotImplementedError(f"{module.kind} dissolves and does not know whether it is trained.")

    def seed(self) -> Any:
        raise NotImplementedError("a module that dissolves draws no random numbers.")


def _refusal(module: Module, value: Any, error: Exception) -> str:
    shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape), value)
    arguments = ", ".join(f"{name}={given}" for name, given in module.arguments.items())
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith("Exception encountered")]
    return (
        f"{module.name or module.kind}({arguments}) cannot take a value of shape {shapes} (None is the batch): "
        f"{telling[0] if telling else type(error).__name__} Check the shape of the features against the layers before "
        "this one."
    )
