"""Containers: layers in a row, and graphs of layers."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np

from sparkdl.bigdl.nn.layers.base import Layer, describe, layer_of
from sparkdl.bigdl.nn.layers.loading import Loading
from sparkdl.bigdl.nn.layers.nodes import Node, graph_module, listed
from sparkdl.bigdl.util.limits import INTMAX
from sparkdl.errors import ArgumentError, UnsupportedError
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.module import Module


class Input(Node):
    """The node that stands for an input of a `Model`."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self._element = Layer(make("Identity", name=f"Input{uuid.uuid4().hex[:8]}"), bigdl_type)

    def element(self) -> Layer:
        """A layer that gives what goes in, and has a name."""
        return self._element


class Container(Layer):
    """A layer of layers.

    Attributes:
        children: the layers inside it, in order.
    """

    children: list[Layer]

    def _hold(self, module: Module, bigdl_type: str) -> None:
        super()._hold(module, bigdl_type)
        self.children = [layer_of(child) for child in module.children]

    def add(self, model: Layer) -> Container:
        """Adds a layer at the end."""
        if not isinstance(model, Layer):
            raise ArgumentError(
                f"{self.name()}.add was given a {type(model).__name__}, expected a layer such as Linear(4, 3)."
            )
        self.children.append(model)
        self.value.children.append(model.value)
        return self

    @property
    def layers(self) -> list[Layer]:
        """The layers inside it."""
        return list(self.children)

    def flattened_layers(self, include_container: bool = False) -> list[Layer]:
        """The layers inside it and inside its containers; each container stands behind its own."""
        found: list[Layer] = []
        for child in self.layers:
            found += child.flattened_layers(include_container) if isinstance(child, Container) else [child]
        return [*found, self] if include_container else found


class Sequential(Container):
    """Layers in a row: each takes what the one before gives."""

    def __init__(self, jvalue: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(jvalue if jvalue is not None else describe("Sequential", {}), bigdl_type)

    @staticmethod
    def from_jvalue(jvalue: Any, bigdl_type: str = "float") -> Sequential:
        """The layer of a module."""
        return Sequential(jvalue, bigdl_type)

    def to_graph(self) -> Model:
        """The same layers as a graph; rows inside of rows become nodes of their own."""
        node = Input()
        return Model([node], [_row(self, node)])


def _row(layer: Layer, node: Node) -> Node:
    if not isinstance(layer, Sequential):
        return layer(node)
    for child in layer.children:
        node = _row(child, node)
    return node


class Model(Container, Loading):
    """A graph of layers between input and output nodes.

    Args:
        inputs: the input node, or a list of them; with a layer for inputs and one for outputs, the first prepares the
            values of the second and is not trained.
        outputs: the output node, or a list of them; several come out as a table.
        jvalue: the module, where there is one already.

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
        if jvalue is None and model_type != "bigdl":
            raise UnsupportedError(
                f"a Model of model_type {model_type!r} would be made of a running session of TensorFlow 1: save the "
                "graph and read it with Model.load_tensorflow(path, inputs, outputs)."
            )
        if jvalue is not None:
            super().__init__(jvalue, bigdl_type)
        elif isinstance(inputs, Layer):
            self._of_nodes(*_prepared(inputs, outputs), bigdl_type)
            self.stop_gradient([outputs.name()])
        else:
            self._of_nodes(listed(inputs), listed(outputs), bigdl_type)

    def _of_nodes(self, inputs: list[Node], outputs: list[Node], bigdl_type: str) -> None:
        module, layers = graph_module(inputs, outputs)
        super().__init__(module, bigdl_type)
        self.children = layers

    @property
    def layers(self) -> list[Layer]:
        """The layers of its nodes; those of inputs give what goes in."""
        return [*[node.element() for node in self._nodes() if node.layer is None], *self.children]

    def _nodes(self) -> list[Node]:
        """Nodes for the places of its module."""
        arguments = self.value.arguments
        names = dict(zip(arguments["inputs"], arguments.get("input_names") or [], strict=False))
        nodes: list[Node] = []
        for place, (child, before) in enumerate(arguments["nodes"]):
            if child < 0:
                nodes.append(Input(self.bigdl_type))
                nodes[-1].element().set_name(names.get(place) or f"{self.name()}_input{place}")
            else:
                nodes.append(Node(self.children[child], self.bigdl_type, *[_before(nodes, other) for other in before]))
        return nodes

    @staticmethod
    def from_jvalue(jvalue: Any, bigdl_type: str = "float") -> Model:
        """The layer of a module."""
        return Model([], [], jvalue, bigdl_type)

    def stop_gradient(self, stop_layers: Any, bigdl_type: str = "float") -> Model:
        """Lets no gradient go on to the layers before these; they are trained themselves."""
        for name in stop_layers:
            if name not in [layer.name() for layer in self.children]:
                raise ArgumentError(_unknown(self, name))
        stopped = set(self.value.arguments.get("stopped", ()))
        for place, (child, _) in enumerate(self.value.arguments["nodes"]):
            if child >= 0 and self.children[child].name() in stop_layers:
                stopped.add(place)
        self.value.arguments["stopped"] = sorted(stopped)
        return self

    def node(self, name: str, bigdl_type: str = "float") -> Node:
        """The node of the layer with this name."""
        for node in self._nodes():
            if node.element().name() == name:
                return node
        raise ArgumentError(_unknown(self, name))

    def set_input_formats(self, input_formats: Any, bigdl_type: str = "float") -> Model:
        """Accepted: orders of memory are no matter here."""
        return self

    def set_output_formats(self, output_formats: Any, bigdl_type: str = "float") -> Model:
        """Accepted: orders of memory are no matter here."""
        return self


def _prepared(preparing: Layer, trained: Layer) -> tuple[list[Node], list[Node]]:
    preparing.freeze()
    node = Input()
    return [node], [trained(preparing(node))]


def _before(nodes: list[Node], other: Any) -> Node:
    """A node before another, with one that takes one of its values where [place, position] says so."""
    if isinstance(other, int):
        return nodes[other]
    place, position = other
    return Node(layer_of(make("SelectTable", index=position + 1)), "float", nodes[place])


def _unknown(model: Model, name: str) -> str:
    known = ", ".join(layer.name() for layer in model.layers)
    return f"{model.name()} has no layer named {name!r}; its layers are {known}."


class Concat(Container):
    """Layers side by side for one value; what they give stands one behind the other along a dimension."""

    def __init__(self, dimension: int, bigdl_type: str = "float") -> None:
        super().__init__(describe("Concat", locals()), bigdl_type)


class ConcatTable(Container):
    """Layers side by side for one value; what they give is a table."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("ConcatTable", locals()), bigdl_type)


class ParallelTable(Container):
    """The first layer for the first element of a table, the second for the second, and so on."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("ParallelTable", locals()), bigdl_type)


class Bottle(Container):
    """A layer for values of n_input_dim dimensions, used for values of more: all those in front become one."""

    def __init__(
        self, module: Layer, n_input_dim: int = 2, n_output_dim1: int = INTMAX, bigdl_type: str = "float"
    ) -> None:
        super().__init__(describe("Bottle", locals(), [module]), bigdl_type)
        self.children = [module]


class MapTable(Container):
    """One layer for all elements of a table.

    As in BigDL, `forward` of a MapTable itself makes copies of the layer for the elements behind the first, which have
    weights and gradients of their own from then on. Inside other layers, all elements go through the one layer.
    """

    def __init__(self, module: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(describe("MapTable", locals(), [] if module is None else [module]), bigdl_type)
        self.children = [] if module is None else [module]

    def add(self, model: Layer) -> MapTable:
        """Sets the layer."""
        self.children = []
        self.value.children.clear()
        super().add(model)
        return self

    def forward(self, input: Any) -> Any:
        """See `Layer`."""
        if not self.value.children:
            raise ArgumentError(f"{self.name()} has no layer yet: give it one, as in MapTable(Linear(4, 3)).")
        self._extend(len(input))
        return super().forward(input)

    def backward(self, input: Any, grad_output: Any) -> Any:
        """See `Layer`."""
        gradient = super().backward(input, grad_output)
        self._extend(len(input))
        return gradient

    def _extend(self, elements: int) -> None:
        """Makes copies as BigDL does: for two elements, one too many when it comes back."""
        first, modules = self.value.children[0], self.value.children
        for number in range(2, elements + 1):
            if len(modules) > number:
                break
            copy = first.copied()
            copy.name = f"{first.name}{number}"
            for part in copy.walk():
                part.gradients = {name: np.zeros_like(value) for name, value in part.parameters.items()}
            modules.append(copy)
            self.children.append(layer_of(copy))
