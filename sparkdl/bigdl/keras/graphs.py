"""Graphs of variables as modules, and the layers at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.parts import nn, stacked
from sparkdl.bigdl.keras.variables import Variable, VariableOperator
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.nn.layers.nodes import Node, graph_module
from sparkdl.errors import ArgumentError
from sparkdl.nn.torch.module import Module


class InputLayer(ZooKerasLayer):
    """The entry of a model: what goes in comes out."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Identity())


class KerasLayerWrapper(ZooKerasLayer):
    """A Torch-style layer as a Keras-style one."""

    def __init__(self, torch_layer: Any, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin({**locals(), "kwargs": {"name": f"{torch_layer.name()}_wrapper", **kwargs}})

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        layer: Layer = self.a.torch_layer
        return layer


class Input(Variable):
    """The node of an input of a graph; `shape` is that of one row, or a list of them for a table."""

    def __init__(self, shape: Any = None, name: str | None = None, bigdl_type: str = "float") -> None:
        super().__init__(list(shape) if shape else None, name=name)


def variables(values: Any) -> list[Variable]:
    """The nodes of one variable or of several."""
    found = []
    for value in values if isinstance(values, (list, tuple)) else [values]:
        if not isinstance(value, VariableOperator):
            raise ArgumentError(
                f"a graph is made of variables, received a {type(value).__name__}: begin with Input(shape=...) and "
                "call layers on it."
            )
        found.append(value.as_variable())
    return found


def graph(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> tuple[Module, list[Layer]]:
    """The module of a graph, and its layers in the order in which they run, those of the inputs first."""
    alone = [node for node in _reached(outputs) if not node.before and node.layer is not None and node not in inputs]
    for node in alone:  # parameters and constants take a value only to have a place in the graph
        node.before = [inputs[0]]
    try:
        module, layers = graph_module(list(inputs), list(outputs))
    finally:
        for node in alone:
            node.before = []
    for node in _reached(outputs):  # layers of expressions are Torch-style ones, which know no shapes by themselves
        if node.layer is not None and getattr(node.layer, "_given", None) is None:
            node.layer.__dict__["_given"] = getattr(node, "output_shape", None)
    entries = [InputLayer(_row(node.output_shape), name=node.name) for node in inputs if node.layer is None]
    return module, [*entries, *layers]


def _row(shape: Any) -> Any:
    return [part[1:] for part in shape] if isinstance(shape, list) else shape[1:]


def _reached(outputs: Sequence[Variable]) -> list[Node]:
    found: dict[int, Node] = {}
    pending: list[Node] = list(outputs)
    while pending:
        node = pending.pop()
        if id(node) not in found:
            found[id(node)] = node
            pending.extend(node.before)
    return list(found.values())
