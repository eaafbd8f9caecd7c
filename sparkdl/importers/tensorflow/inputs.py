"""The types and shapes of the tensors where a model begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import tensorflow as tf

from sparkdl.errors import ArgumentError, ImporterError
from sparkdl.importers.tensorflow.ends import PLACEHOLDERS, Ends, output_dtype
from sparkdl.importers.tensorflow.source import GraphSource
from sparkdl.nn.graph.check import check_ops, check_shape
from sparkdl.nn.graph.cut import dtype_of, needed
from sparkdl.nn.graph.program import Node, Program, TensorName, graph_of

Shape = tuple[int | None, ...]

# Inferring the shape of a tensor inside of a graph is worth no more than this.
_MAXIMAL_NODES = 5000

_DEQUEUES: Mapping[str, Sequence[None]] = {
    name + version: axes
    for name, axes in (("QueueDequeue", ()), ("QueueDequeueMany", (None,)), ("QueueDequeueUpTo", (None,)))
    for version in ("", "V2")
}


@dataclass(frozen=True)
class InputSpec:
    """An input of a model; `given` tells that the user has given its shape."""

    name: str
    shape: Shape
    dtype: str
    given: bool = False

    def opened(self) -> InputSpec:
        """The same for any number of rows."""
        return self if self.given or not self.shape else replace(self, shape=(None, *self.shape[1:]))


def input_specs(
    source: GraphSource, program: Program, ends: Ends, shapes: Mapping[str, Sequence[int | None]]
) -> list[InputSpec]:
    """The types and shapes of inputs.

    Raises:
        ArgumentError: where a shape is not known, or given for what is no input.
    """
    unknown = [name for name in shapes if name.removesuffix(":0") not in {n.removesuffix(":0") for n in ends.inputs}]
    if unknown:
        raise ArgumentError(f"input_shapes names {unknown[0]!r}; the inputs are {', '.join(ends.inputs)}.")
    wanted = {name.removesuffix(":0"): shape for name, shape in shapes.items()}
    return [
        _spec(name, tensor, program, source, wanted.get(name.removesuffix(":0")))
        for name, tensor in ends.inputs.items()
    ]


def _spec(
    name: str, tensor: TensorName, program: Program, source: GraphSource, given: Sequence[int | None] | None
) -> InputSpec:
    node = program.nodes[tensor.node]
    dtype = dtype_of(node) if node.op in PLACEHOLDERS else output_dtype(node, tensor.index)
    if dtype is None or dtype in (tf.resource, tf.variant):
        kind = dtype.name if dtype is not None else "unknown"
        raise ImporterError(f"{source.path}: {node}, which is to be the input {name!r}, is of type {kind}.")
    if given is not None:
        return InputSpec(name, tuple(given), dtype.name, given=True)
    shape = _shape(node, tensor.index, program, source)
    if shape.rank is None:
        raise ArgumentError(
            f"{source.path} does not tell the shape of the input {name!r}; give it, for example "
            f"input_shapes={{{name!r}: (None, 28, 28, 1)}}."
        )
    return InputSpec(name, tuple(shape.as_list()), dtype.name)


def _shape(node: Node, index: int, program: Program, source: GraphSource) -> tf.TensorShape:
    """The shape that a node says it has, or that follows from what lies before it."""
    if node.op in PLACEHOLDERS or node.op == "PlaceholderWithDefault":
        proto = node.attr["shape"].shape if "shape" in node.attr else None
        if proto is not None and not proto.unknown_rank and _is_told(node, proto, source):
            check_shape(proto, str(node))
            return tf.TensorShape(proto)
    known = node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else []
    if index < len(known) and not known[index].unknown_rank:
        check_shape(known[index], str(node))
        return tf.TensorShape(known[index])
    if node.op in PLACEHOLDERS:
        return tf.TensorShape(None)
    return _of_queue(node, index, program) if node.op in _DEQUEUES else _inferred(node, index, program)


def _of_queue(node: Node, index: int, program: Program) -> tf.TensorShape:
    """The shape of what a queue was made for, with the axis of rows that some ops put before it."""
    queue = program.nodes[node.inputs[0].node]
    shapes = queue.attr["shapes"].list.shape if "shapes" in queue.attr else []
    if index >= len(shapes):
        return tf.TensorShape(None)
    check_shape(shapes[index], str(queue))
    return tf.TensorShape(_DEQUEUES[node.op]).concatenate(tf.TensorShape(shapes[index]))


def _is_told(node: Node, proto: object, source: GraphSource) -> bool:
    """Before version 24 of graphs an empty shape meant that nothing is known of it."""
    return bool(proto.dim) or not 0 < source.graph.versions.producer < 24  # type: ignore[attr-defined]


def _inferred(node: Node, index: int, program: Program) -> tf.TensorShape:
    """What TensorFlow says of the shape when it builds the nodes before, without running them."""
    before = needed(program, [TensorName(node.name)])
    if len(before) > _MAXIMAL_NODES:
        return tf.TensorShape(None)
    try:
        check_ops(((name, program.nodes[name].op) for name in before if program.nodes[name].op in PLACEHOLDERS), {})
        with tf.Graph().as_default():
            graph = graph_of((other for name, other in program.nodes.items() if name in before), {})
            made = tf.graph_util.import_graph_def(graph, return_elements=[f"{node.name}:{index}"], name="")
        return made[0].shape
    except (ValueError, TypeError, KeyError, tf.errors.OpError):
        return tf.TensorShape(None)
