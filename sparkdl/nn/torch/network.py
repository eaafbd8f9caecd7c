"""A tree of modules as an ordinary Keras model, with one layer for each module that computes something."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from sparkdl.errors import DataError
from sparkdl.nn.torch.build import kind_of
from sparkdl.nn.torch.kernels import keras_model
from sparkdl.nn.torch.kinds import Call
from sparkdl.nn.torch.layout import takes_last
from sparkdl.nn.torch.module import Module
from sparkdl.nn.torch.refusals import refusal
from sparkdl.nn.torch_layer import TorchLayer

Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """How a kind of module becomes a Keras layer, and how the layer's values come back into the module."""

    layer: Callable[[Module, str], Any]
    read_back: Callable[[Any, Module], None]


_FORM = Form(lambda module, name: TorchLayer(module, name=name), TorchLayer.read_back)
_FORMS: Mapping[str, Form] = {
    keras_model.KIND: Form(lambda module, name: keras_model.keras_layer(module), keras_model.read_back)
}


@dataclass
class Network:
    """A Keras model made of a tree, and the way back.

    Attributes:
        model: the Keras model; its inputs are those of the tree, with the batch in front.
        layers: the layer of each module that has one.
    """

    model: keras.Model
    layers: list[tuple[Module, keras.layers.Layer]]

    def read_back(self) -> None:
        """Copies the weights and states of the Keras model into the tree."""
        for module, layer in self.layers:
            _FORMS.get(module.kind, _FORM).read_back(layer, module)


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
    if module.kind == keras_model.KIND:  # has inputs of its own
        model = keras_model.keras_layer(module)
        return Network(model, [(module, model)])
    table = isinstance(shapes, list)
    inputs = [keras.Input(shape) for shape in (shapes if table else [shapes])]
    symbolic = _Symbolic(_Names())
    outputs = symbolic.own(symbolic.apply(module, inputs if table else inputs[0]))
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


@dataclass(frozen=True)
class _Last:
    """A symbolic tensor that has its channels last, though the modules around it have them behind the batch."""

    tensor: Any


@dataclass
class _Symbolic:
    """Runs modules on the symbolic tensors of a Keras model; see `Runner`.

    Between modules that can take them, values keep their channels last: they are brought back to the modules' own order
    only where a module needs it.
    """

    names: _Names
    layers: dict[int, tuple[Module, keras.layers.Layer]] = field(default_factory=dict)
    permuted: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    on_arrays: bool = False

    def apply(self, module: Module, value: Any) -> Any:
        kind = kind_of(module.kind)
        call = Call(module, self, kind.arguments(module))
        if kind.dissolves:
            return kind.call(call, value)
        if not takes_last(kind, call.a, [_rank(part) for part in _flat(value)], _any_last(value)):
            return self._called(module, self.own(value), False)
        return keras.tree.map_structure(_Last, self._called(module, self._last(value), True))

    def _called(self, module: Module, value: Any, channels_last: bool) -> Any:
        if id(module) not in self.layers:
            form = _FORMS.get(module.kind, _FORM)
            self.layers[id(module)] = module, form.layer(module, self.names(module))
        layout = {"channels_last": True} if channels_last else {}
        try:
            return self.layers[id(module)][1](value, **layout)
        except (ValueError, TypeError) as error:
            raise DataError(_refusal(module, value, channels_last, error)) from error

    def own(self, value: Any) -> Any:
        """The value with its tensors in the modules' own order."""
        return keras.tree.map_structure(
            lambda part: self._permuted(part.tensor, -1) if isinstance(part, _Last) else part, value
        )

    def _last(self, value: Any) -> Any:
        return keras.tree.map_structure(
            lambda part: part.tensor if isinstance(part, _Last) else self._permuted(part, 1), value
        )

    def _permuted(self, tensor: Any, first: int) -> Any:
        """The tensor with the channels moved to the end (1) or to the front (-1), made once."""
        if id(tensor) not in self.permuted:
            axes = list(range(1, len(tensor.shape)))
            turned = keras.layers.Permute([*axes[first:], *axes[:first]])(tensor)
            self.permuted[id(tensor)], self.permuted[id(turned)] = (tensor, turned), (turned, tensor)
        return self.permuted[id(tensor)][1]

    def parameter(self, module: Module, name: str) -> Any:
        raise NotImplementedError(f"{module.kind} dissolves and has no weights of its own.")

    state = parameter

    def set_state(self, module: Module, name: str, value: Any) -> None:
        raise NotImplementedError(f"{module.kind} dissolves and has no states of its own.")

    def training(self, module: Module) -> Any:
        raise NotImplementedError(f"{module.kind} dissolves and does not know whether it is trained.")

    def seed(self) -> Any:
        raise NotImplementedError("a module that dissolves draws no random numbers.")


def _flat(value: Any) -> list[Any]:
    return list(keras.tree.flatten(value))


def _any_last(value: Any) -> bool:
    return any(isinstance(part, _Last) for part in _flat(value))


def _rank(part: Any) -> int:
    return len((part.tensor if isinstance(part, _Last) else part).shape)


def _refusal(module: Module, value: Any, channels_last: bool, error: Exception) -> str:
    def shape(tensor: Any) -> tuple[int | None, ...]:
        batch, *others = tensor.shape
        return (batch, others[-1], *others[:-1]) if channels_last else (batch, *others)

    return refusal(module, keras.tree.map_structure(shape, value), "None is the batch", error)
