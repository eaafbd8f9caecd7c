"""Containers: layers in a row, and graphs of layers."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.layers.base import Layer, Node, describe
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.module import Module


class Container(Layer):
    """A layer of layers.

    Attributes:
        children: the layers inside it, in order.
    """

    def __init__(self, jvalue: Any, bigdl_type: str = "float", *args: Any) -> None:
        super().__init__(jvalue, bigdl_type, *args)
        self.children: list[Layer] = []

    def add(self, model: Layer) -> Container:
        """Adds a layer at the end."""
        self.children.append(model)
        self.value.children.append(model.value)
        return self

    @property
    def layers(self) -> list[Layer]:
        """The layers inside it."""
        return list(self.children)

    def flattened_layers(self, include_container: bool = False) -> list[Layer]:
        """The layers inside it and inside its containers."""
        found: list[Layer] = []
        for child in self.children:
            if isinstance(child, Container):
                found += [child] if include_container else []
                found += child.flattened_layers(include_container)
            else:
                found.append(child)
        return found


class Sequential(Container):
    """Layers in a row: each takes what the one before gives."""

    def __init__(self, jvalue: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(jvalue if jvalue is not None else describe("Sequential", {}), bigdl_type)


class Model(Container):
    """A graph of layers between input and output nodes.

    Args:
        inputs: the input node, or a list of them.
        outputs: the output node, or a list of them; several come out as a table.

    Example:
        >>> import numpy as np
        >>> from sparkdl.bigdl.nn.layer import Input, Model, ReLU
        >>> node = Input()
        >>> Model([node], [ReLU()(node)]).forward(np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        jvalue: Any = None,
        bigdl_type: str = "float",
        byte_order: str = "little_endian",
        model_type: str = "bigdl",
    ) -> None:
        if jvalue is not None:
            super().__init__(jvalue, bigdl_type)
            return
        module, layers = graph_module(_listed(inputs), _listed(outputs))
        super().__init__(module, bigdl_type)
        self.children = layers


class Input(Node):
    """The node that stands for an input of a `Model`."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)


def _listed(nodes: Any) -> list[Node]:
    return list(nodes) if isinstance(nodes, (list, tuple)) else [nodes]


def graph_module(inputs: list[Node], outputs: list[Node]) -> tuple[Module, list[Layer]]:
    """The module of a graph, and its layers in the order in which they run."""
    order = _in_order(inputs, outputs)
    places = {id(node): place for place, node in enumerate(order)}
    layers: list[Layer] = []
    nodes: list[list[Any]] = []
    for node in order:
        before = [places[id(other)] for other in node.before if id(other) in places]
        if node.layer is None:
            nodes.append([-1, before])
            continue
        if all(layer is not node.layer for layer in layers):
            layers.append(node.layer)
        nodes.append([next(i for i, layer in enumerate(layers) if layer is node.layer), before])
    ends: dict[str, Any] = {"inputs": [places[id(n)] for n in inputs], "outputs": [places[id(n)] for n in outputs]}
    return make("Graph", [layer.value for layer in layers], nodes=nodes, **ends), layers


def _in_order(inputs: list[Node], outputs: list[Node]) -> list[Node]:
    """All nodes between inputs and outputs, each behind those it takes values from."""
    order: list[Node] = list(inputs)
    seen = {id(node) for node in inputs}
    pending: list[tuple[Node, bool]] = [(node, False) for node in reversed(outputs)]
    while pending:
        node, ready = pending.pop()
        if ready:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            pending.append((node, True))
            pending.extend((other, False) for other in reversed(node.before))
    return order
