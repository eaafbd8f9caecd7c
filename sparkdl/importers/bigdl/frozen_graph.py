"""A tree of modules as a graph of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.compat import v1
from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from sparkdl.nn.torch.module import Module
from sparkdl.nn.torch.network import network

Placeholder = tuple[str, Sequence[int | None]]


def frozen_graph(module: Module, inputs: Sequence[Placeholder]) -> graph_pb2.GraphDef:
    """The graph that computes what a tree computes outside training, with its weights as constants.

    Args:
        module: the tree.
        inputs: name and shape of each placeholder, the batch first (None, or a number less than 1, leaves it open).

    Returns:
        a graph whose outputs have the names of the tree's last modules (`output` where there is none); where names
        are the same or the modules fewer than the outputs, numbers stand behind them.
    """
    shapes = [[None if not size or size < 1 else int(size) for size in shape] for _, shape in inputs]
    rows = [tuple(shape[1:]) for shape in shapes]
    model = network(module, rows if len(rows) > 1 else rows[0]).model

    def outputs(*values: Any) -> Any:
        return model(list(values) if len(values) > 1 else values[0], training=False)

    specs = [tf.TensorSpec(shape, name=name) for (name, _), shape in zip(inputs, shapes, strict=True)]
    # Placeholders are named by what the function is traced with.
    traced = tf.function(outputs).get_concrete_function(*specs)
    graph = convert_variables_to_constants_v2(traced, lower_control_flow=False)
    return _named(graph, [name for name, _ in inputs], _output_names(module))


def _output_names(module: Module) -> list[str]:
    """The names of the modules that outputs come from."""
    if module.kind == "Sequential" and module.children:
        return _output_names(module.children[-1])
    if module.kind == "Graph":
        ends = [module.arguments["nodes"][place][0] for place in module.arguments["outputs"]]
        return [name for end in ends for name in (_output_names(module.children[end]) if end >= 0 else ["output"])]
    return [(module.name or "output").replace(" ", "_").strip("_/") or "output"]


def _distinct(names: Sequence[str], count: int, taken: Sequence[str]) -> list[str]:
    """As many names as there are outputs, each once."""
    names = list(names) if len(names) == count else [names[0]] * count
    found: list[str] = []
    for place, name in enumerate(names):
        found.append(name if name not in [*found, *taken] else f"{name}_{place}")
    return found


def _named(function: Any, inputs: Sequence[str], names: Sequence[str]) -> graph_pb2.GraphDef:
    """The graph of a function, with nodes of these names for what goes in and comes out."""
    with tf.Graph().as_default() as graph:
        placeholders = [
            v1.placeholder(tensor.dtype, tensor.shape, name=name)
            for name, tensor in zip(inputs, function.inputs, strict=True)
        ]
        sources = dict(zip([tensor.name for tensor in function.inputs], placeholders, strict=True))
        found = tf.import_graph_def(
            function.graph.as_graph_def(), sources, [tensor.name for tensor in function.outputs], name="model"
        )
        outputs = _distinct(names, len(found), inputs)
        for name, tensor in zip(outputs, found, strict=True):
            tf.identity(tensor, name=name)
        return _without_unused(graph.as_graph_def(), outputs)


def _without_unused(graph: graph_pb2.GraphDef, outputs: Sequence[str]) -> graph_pb2.GraphDef:
    return v1.graph_util.extract_sub_graph(graph, list(outputs))
