"""`GraphNet`: a graph of layers that is cut, frozen and extended for transfer learning."""

import sys  # noqa: F401
from typing import Any

import numpy as np
from pyspark import RDD

from sparkdl.bigdl.feature.image import ImageSet
from sparkdl.bigdl.feature.text import TextSet
from sparkdl.bigdl.keras.base import ZooKerasLayer  # noqa: F401
from sparkdl.bigdl.keras.words import *  # noqa: F403
from sparkdl.bigdl.nn.layer import Layer
from sparkdl.bigdl.nn.layer import Model as BModel
from sparkdl.bigdl.util.bridge import callZooFunc  # noqa: F401
from sparkdl.bigdl.util.common import to_list
from sparkdl.bigdl.util.contexts import get_spark_context
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.bigdl.util.sample import Sample
from sparkdl.errors import ArgumentError


class GraphNet(BModel):
    """A graph of layers between nodes."""

    def __init__(self, input: Any, output: Any, jvalue: Any = None, bigdl_type: str = "float", **kwargs: Any) -> None:
        super().__init__(input, output, jvalue, bigdl_type)

    @staticmethod
    def from_jvalue(jvalue: Any, bigdl_type: str = "float") -> "GraphNet":
        """The graph of a module."""
        return GraphNet([], [], jvalue, bigdl_type)

    def flattened_layers(self, include_container: bool = False) -> list[Layer]:
        """The layers inside it and inside its containers."""
        return super().flattened_layers(include_container)

    @property
    def layers(self) -> list[Layer]:
        """The layers of its nodes."""
        return super().layers

    def new_graph(self, outputs: Any) -> "GraphNet":
        """The part of this graph that ends at the layers with these names; weights are shared.

        Raises:
            ArgumentError: there is no such layer.
        """
        nodes = self._nodes()
        ends = [self._named(nodes, name) for name in to_list(outputs)]
        return GraphNet([nodes[place] for place in self.value.arguments["inputs"]], ends)

    def freeze_up_to(self, names: Any) -> None:
        """Keeps the layers with these names, and all before them, from training."""
        nodes = self._nodes()
        pending = [self._named(nodes, name) for name in to_list(names)]
        while pending:
            node = pending.pop()
            if node.layer is not None:
                node.layer.freeze()
            pending.extend(node.before)

    def _named(self, nodes: list[Any], name: str) -> Any:
        for node in nodes:
            if node.element().name() == name:
                return node
        known = ", ".join(node.element().name() for node in nodes)
        raise ArgumentError(f"{self.name()} has no layer named {name!r}; its layers are {known}.")

    def unfreeze(self, names: Any = None) -> "GraphNet":
        """Lets the whole graph, or the layers with these names, be trained again."""
        super().unfreeze(names)
        return self

    def predict(self, x: Any, batch_per_thread: int = 4, distributed: bool = True) -> Any:  # type: ignore[override]
        """What the model says of an array, an RDD of samples, an ImageSet or a TextSet.

        Returns:
            an array for an array with `distributed=False`, the set with its predictions for a set, else an RDD.
        """
        if isinstance(x, (ImageSet, TextSet)):
            return _with_predictions(self, x)
        if isinstance(x, RDD) or not distributed:
            return super().predict(x)
        rows = get_spark_context().parallelize(list(np.asarray(x)))
        return super().predict(rows.map(_sample))

    def to_keras(self) -> Any:
        """The same model as one of BigDL's in the manner of Keras, with the same weights."""
        from sparkdl.bigdl.keras.models import keras_net

        return keras_net(self.value)


def _sample(row: Any) -> Sample:
    return Sample.from_ndarray(row, 0.0)


def _with_predictions(model: GraphNet, data: Any) -> Any:
    """The set, whose items hold what the model says of their samples."""
    if data.is_local():
        samples = [item["sample"] for item in data.value]
        arrays = np.stack([np.asarray(sample.features[0]) for sample in samples])
        for item, output in zip(data.value, BModel.predict(model, arrays), strict=True):
            item["predict"] = output
        return data
    outputs = BModel.predict(model, data.value.map(lambda item: item["sample"]))
    data.value = data.value.zip(outputs).map(_held)
    return data


def _held(pair: Any) -> Any:
    item = pair[0].copy()
    item["predict"] = pair[1]
    return item
