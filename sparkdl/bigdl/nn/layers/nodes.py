"""Places in graphs of layers, and the modules that graphs become."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.errors import ArgumentError
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.module import Module
from sparkdl.nn.torch.order import running_order

Layer = Any  # of `base`, which imports this file


class Node(JavaValue):
    """A place in a graph: a layer, and the nodes whose outputs it takes.

    Attributes:
        layer: the layer, or None for an input.
        before: the nodes before it.
        after: the nodes behind it.
    """

    def __init__(self, jvalue: Any, bigdl_type: str, *args: Any) -> None:
        self.value = jvalue
        self.layer: Layer = jvalue
        self.bigdl_type = bigdl_type
        self.before: list[Node] = list(args)
        self.after: list[Node] = []
        for node in self.before:
            node.after.append(self)

    @classmethod
    def of(cls, jvalue: Any, bigdl_type: str = "float") -> Node:
        """A node of a layer."""
        return Node(jvalue, bigdl_type)

    def element(self) -> Layer:
        """The layer."""
        return self.layer

    def remove_pre_edges(self) -> None:
        """Cuts it from the nodes before it."""
        for node in self.before:
            node.after = [other for other in node.after if other is not self]
        self.before = []

    def remove_next_edges(self) -> None:
        """Cuts it from the nodes behind it."""
        for node in self.after:
            node.before = [other for other in node.before if other is not self]
        self.after = []


def listed(nodes: Any) -> list[Any]:
    """One or several as a list."""
    return list(nodes) if isinstance(nodes, (list, tuple)) else [nodes]


def graph_module(inputs: list[Node], outputs: list[Node]) -> tuple[Module, list[Layer]]:
    """The module of a graph, and its layers in the order in which they run.

    Raises:
        ArgumentError: if something else than nodes was given, or if where the graph starts is not what `inputs` says.
    """
    for node in [*inputs, *outputs]:
        if not isinstance(node, Node):
            raise ArgumentError(
                f"a Model is made of nodes, received a {type(node).__name__}: call the layer on a node, as in "
                "ReLU()(Input())."
            )
    order = running_order(outputs, lambda node: node.before if node not in inputs else [])
    order = [*(node for node in inputs if node not in order), *order]
    _check_starts(order, inputs, outputs)
    places = {id(node): place for place, node in enumerate(order)}
    layers: list[Layer] = []
    nodes: list[list[Any]] = []
    for node in order:
        before = [places[id(other)] for other in node.before] if node not in inputs else []
        if node.layer is None:
            nodes.append([-1, before])
            continue
        if all(layer is not node.layer for layer in layers):
            layers.append(node.layer)
        nodes.append([next(i for i, layer in enumerate(layers) if layer is node.layer), before])
    ends: dict[str, Any] = {"inputs": [places[id(n)] for n in inputs], "outputs": [places[id(n)] for n in outputs]}
    ends["input_names"] = [node.element().name() if node.layer is None else None for node in inputs]
    return make("Graph", [layer.value for layer in layers], nodes=nodes, **ends), layers


def _check_starts(order: list[Node], inputs: list[Node], outputs: list[Node]) -> None:
    for node in order:
        if not node.before and node not in inputs:
            raise ArgumentError(
                f"the graph of a Model also starts at {node.element().name()}, which is not among its inputs "
                f"({', '.join(other.element().name() for other in inputs) or 'none'}): add that node to them, or call "
                "its layer on another node."
            )
    for node in inputs:
        if node not in outputs and not any(node in other.before for other in order):
            raise ArgumentError(
                f"no output of a Model depends on its input {node.element().name()}: leave it out of the inputs, or "
                "connect it."
            )
