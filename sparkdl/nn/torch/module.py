"""A tree of modules as data: kinds, arguments, children and weights, without TensorFlow."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Initial = Callable[[np.random.RandomState, tuple[int, ...]], Array]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A trained weight of a kind of module.

    Attributes:
        shape: of the array.
        initial: what a new module starts with, from random numbers and the shape.
        fans: the number of inputs and outputs of one unit, which some initial values depend on.
    """

    shape: tuple[int, ...]
    initial: Initial
    fans: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Regularizer:
    """What is added to a gradient: `l1 * sign(w) + l2 * w`."""

    l1: float = 0.0
    l2: float = 0.0


@dataclass(eq=False)
class Module:
    """One module of a tree. Two places of a tree that hold the same object share its weights.

    Attributes:
        kind: the name of the kind, which tells what it computes (see `sparkdl.nn.torch.kinds`).
        arguments: what it was made with, in JSON's types.
        children: the modules inside it, in order.
        name: its name, or None.
        parameters: the trained weights, float32, in their order.
        states: what changes without being trained (moving averages).
        regularizers: by the names of parameters.
        gradients: by the names of parameters; summed until they are set to zero.
        frozen: whether its own parameters are kept from training.
        training: whether it behaves as in training (dropout, batch statistics).
        initials: what parameters, by their names, start with instead of what their kind says: functions of `Parameter`.
        notes: what the last pass on arrays left for scripts to look at (hidden states); no part of the description.
    """

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    children: list[Module] = field(default_factory=list)
    name: str | None = None
    parameters: dict[str, Array] = field(default_factory=dict)
    states: dict[str, Array] = field(default_factory=dict)
    regularizers: dict[str, Regularizer] = field(default_factory=dict)
    gradients: dict[str, Array] = field(default_factory=dict)
    frozen: bool = False
    training: bool = True
    initials: dict[str, Callable[[Parameter], Array]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def walk(self) -> Iterator[Module]:
        """This module and all inside it, depth first, each once."""
        seen: set[int] = set()
        pending = [self]
        while pending:
            module = pending.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield module
                pending.extend(reversed(module.children))

    def weights(self) -> list[tuple[Module, str]]:
        """Where the parameters of the whole tree are, in the order of the tree."""
        return [(module, name) for module in self.walk() for name in module.parameters]

    def description(self) -> dict[str, Any]:
        """The tree without the values of its weights, in JSON's types; a shared module stands there once.

        Example:
            >>> tree = Module("Sequential", children=[Module("ReLU", {"ip": False})])
            >>> Module.from_description(tree.description()).children[0].kind
            'ReLU'
        """
        modules = list(self.walk())
        places = {id(module): place for place, module in enumerate(modules)}
        return {"modules": [_described(module, places) for module in modules]}

    @staticmethod
    def from_description(description: Mapping[str, Any]) -> Module:
        """The tree that `description` told; parameters and states are zeros of their shapes."""
        entries: Sequence[Mapping[str, Any]] = description["modules"]
        modules = [_module(entry) for entry in entries]
        for module, entry in zip(modules, entries, strict=True):
            module.children = [modules[place] for place in entry["children"]]
        return modules[0]

    def copied(self) -> Module:
        """A tree of its own with the same values; sharing inside the tree remains."""
        return copy.deepcopy(self)


def _described(module: Module, places: Mapping[int, int]) -> dict[str, Any]:
    return {
        "kind": module.kind,
        "arguments": module.arguments,
        "name": module.name,
        "children": [places[id(child)] for child in module.children],
        "parameters": {name: list(value.shape) for name, value in module.parameters.items()},
        "states": {name: list(value.shape) for name, value in module.states.items()},
        "regularizers": {name: [value.l1, value.l2] for name, value in module.regularizers.items()},
        "frozen": module.frozen,
    }


def _module(entry: Mapping[str, Any]) -> Module:
    return Module(
        entry["kind"],
        dict(entry["arguments"]),
        name=entry["name"],
        parameters={name: np.zeros(shape, np.float32) for name, shape in entry["parameters"].items()},
        states={name: np.zeros(shape, np.float32) for name, shape in entry["states"].items()},
        regularizers={name: Regularizer(*value) for name, value in entry["regularizers"].items()},
        frozen=entry["frozen"],
    )


def namespace(module: Module, defaults: Mapping[str, Any]) -> SimpleNamespace:
    """The arguments of a module as attributes, with defaults for those that were not given."""
    return SimpleNamespace(**{**defaults, **module.arguments})
