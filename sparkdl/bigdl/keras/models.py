"""Keras-style models: layers in a row, and graphs."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.autograd import Lambda
from sparkdl.bigdl.keras.base import ZooKerasLayer, callZooFunc  # noqa: F401
from sparkdl.bigdl.keras.engine.topology import KerasNet
from sparkdl.bigdl.keras.graphs import Input, KerasLayerWrapper, graph, variables
from sparkdl.bigdl.keras.variables import Variable
from sparkdl.bigdl.nn.layers.base import Layer, layer_of
from sparkdl.bigdl.nn.layers.loading import Loading
from sparkdl.bigdl.util.bigdl_export import keras_export  # noqa: F401
from sparkdl.bigdl.util.common import to_list
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.bigdl.util.utils import remove_batch
from sparkdl.errors import ArgumentError
from sparkdl.nn.torch.module import Module
from sparkdl.nn.torch.shapes import Shapes, output_shape


class Sequential(KerasNet):
    """Layers in a row; the first one needs `input_shape`, or the model is given its input later.

    Example:
        >>> from sparkdl.bigdl.keras.layers import Dense
        >>> model = Sequential().add(Dense(3, input_shape=(4,))).add(Dense(2))
        >>> model.get_input_shape(), model.get_output_shape()
        ((None, 4), (None, 2))
    """

    def __init__(self, jvalue: Any = None, **kwargs: Any) -> None:
        super().__init__(jvalue, **kwargs)
        self._layers = [layer_of(child) for child in self.value.children]

    def is_built(self) -> bool:
        """Whether its shapes are known."""
        return self._given is not None

    def add(self, model: Any) -> Sequential:
        """Adds a layer at the end."""
        if isinstance(model, Lambda):
            model = model.create(self._lambda_shapes(model))
        if not isinstance(model, Layer):
            raise ArgumentError(f"{self.name()}.add was given a {type(model).__name__}, expected a layer.")
        layer = model if isinstance(model, ZooKerasLayer) else KerasLayerWrapper(model)
        if not self._layers:
            self._taken, self._given = layer._taken, layer._given
        elif self._given is not None:
            self._given = layer.connect(self._given)
        self._layers.append(layer)
        self.value.children.append(layer.value)
        return self

    def _lambda_shapes(self, function: Lambda) -> Any:
        if self._given is not None:
            return remove_batch(self._given)
        if not function.input_shape:
            raise ArgumentError("the first layer of a Sequential is a Lambda without input_shape: give it one.")
        return function.input_shape

    def connect(self, shape: Shapes) -> Shapes:
        """See `ZooKerasLayer`."""
        if self._taken is None:
            given = shape
            for layer in self._layers:
                given = layer.connect(given) if isinstance(layer, ZooKerasLayer) else output_shape(layer.value, given)
            self._taken, self._given = shape, given
        return super().connect(shape)

    def to_model(self) -> Model:
        """The same layers as a graph."""
        node: Variable = Input(remove_batch(self._known(self._taken)))
        first = node
        for layer in self._layers:
            node = layer(node)  # type: ignore[assignment]  # Keras-style layers give variables
        return Model(first, node)

    @staticmethod
    def from_jvalue(jvalue: Any, bigdl_type: str = "float") -> Sequential:
        """The model of a module."""
        return Sequential(jvalue=jvalue)


class Model(KerasNet):
    """A graph from input variables to output variables.

    Example:
        >>> from sparkdl.bigdl.keras.layers import Dense
        >>> x = Input(shape=(4,))
        >>> Model(x, Dense(3)(x)).get_output_shape()
        (None, 3)
    """

    def __init__(self, input: Any, output: Any, jvalue: Any = None, **kwargs: Any) -> None:
        if jvalue is not None:
            super().__init__(jvalue, **kwargs)
            self._layers = [layer_of(child) for child in self.value.children]
            return
        self._inputs, self._outputs = variables(input), variables(output)
        module, layers = graph(self._inputs, self._outputs)
        super().__init__(module, **kwargs)
        self._layers = layers
        taken = [node.output_shape for node in self._inputs]
        given = [node.output_shape for node in self._outputs]
        self._taken = taken[0] if len(taken) == 1 else taken
        self._given = given[0] if len(given) == 1 else given

    def connect(self, shape: Shapes) -> Shapes:
        """See `ZooKerasLayer`."""
        return self._given if shape == self._taken else output_shape(self.value, shape)

    def to_model(self) -> Model:
        """This model."""
        return self

    def save_graph_topology(self, log_path: str, backward: bool = False) -> None:  # type: ignore[override]
        """Writes the graph for TensorBoard into a folder."""
        super().save_graph_topology(log_path)

    def new_graph(self, outputs: Any) -> Model:
        """The part of this graph that ends at the layers with these names; weights are shared."""
        nodes = self._named(outputs)
        return Model(self._inputs, [nodes[name] for name in to_list(outputs)])

    def freeze_up_to(self, names: Any) -> None:
        """Keeps the layers with these names, and all before them, from training."""
        nodes = self._named(names)
        pending: list[Any] = [nodes[name] for name in to_list(names)]
        while pending:
            node = pending.pop()
            if node.layer is not None:
                node.layer.freeze()
            pending.extend(node.before)

    def unfreeze(self, names: Any) -> Model:  # type: ignore[override]
        """Lets the whole model, or the layers with these names, be trained again."""
        super().unfreeze(names)
        return self

    def _named(self, names: Any) -> dict[str, Any]:
        """The nodes by the names of their layers."""
        found: dict[str, Any] = {}
        pending: list[Any] = list(getattr(self, "_outputs", []))
        while pending:
            node = pending.pop()
            if node.layer is not None:
                found.setdefault(node.layer.name(), node)
            pending.extend(node.before)
        missing = [name for name in to_list(names) if name not in found]
        if missing:
            raise ArgumentError(f"{self.name()} has no layer named {missing[0]!r}; its layers are {', '.join(found)}.")
        return found

    @staticmethod
    def from_jvalue(jvalue: Any, bigdl_type: str = "float") -> Model:
        """The model of a module."""
        return Model([], [], jvalue=jvalue)


def load_model(model_path: str, bigdl_type: str = "float") -> KerasNet:
    """The model in a file that `saveModel` wrote."""
    return keras_net(Loading.loadModel(model_path, bigdl_type=bigdl_type).value)


def keras_net(module: Module) -> KerasNet:
    """The Keras-style model of a module."""
    return Model.from_jvalue(module) if module.kind == "Graph" else Sequential.from_jvalue(module)
