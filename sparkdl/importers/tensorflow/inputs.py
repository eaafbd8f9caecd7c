"""The types and shapes of the tensors where a model begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import tensorflow as tf
from tensorflow.compat import v1
from tensorflow.python.framework import func_graph

from sparkdl.errors import ArgumentError, ImporterError, SparkDLError
from sparkdl.importers.tensorflow.ends import PLACEHOLDERS, Ends, output_dtype
from sparkdl.importers.tensorflow.source import GraphSource
from sparkdl.nn.graph.check import check, check_shape
from sparkdl.nn.graph.cut import cut, dtype_of, needed
from sparkdl.nn.graph.program import Library, Node, Program, TensorName, graph_of, library_of
from sparkdl.nn.graph.refused import why_refused
from sparkdl.nn.graph.replay import Replay
from sparkdl.nn.graph.structure import Structure

Shape = tuple[int | None, ...]

# Inferring the shape of a tensor inside of a graph is worth no more than this.
_MAXIMAL_NODES = 5000

# Other ops whose attribute `shape` is that of what comes out.
_TELLING = frozenset({"PlaceholderWithDefault", "EnsureShape"})
_ITERATORS = frozenset({"IteratorGetNext", "IteratorGetNextSync", "OneShotIterator"})
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
    if node.op in PLACEHOLDERS | _TELLING:
        proto = node.attr["shape"].shape if "shape" in node.attr else None
        if proto is not None and not proto.unknown_rank and _is_told(node, proto, source):
            check_shape(proto, str(node))
            return tf.TensorShape(proto)
    key = "output_shapes" if node.op in _ITERATORS else "_output_shapes"
    known = node.attr[key].list.shape if key in node.attr else []
    if index < len(known) and not known[index].unknown_rank:
        check_shape(known[index], str(node))
        return tf.TensorShape(known[index])
    if node.op in PLACEHOLDERS:
        return tf.TensorShape(None)
    if node.op in _DEQUEUES:
        return _of_queue(node, index, program)
    return _inferred(node, index, program, library_of(source.graph))


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


def _inferred(node: Node, index: int, program: Program, library: Library) -> tf.TensorShape:
    """What TensorFlow says of the shape when the nodes before are built, without running them."""
    before = needed(program, [TensorName(node.name)])
    starts = {
        tensor: program.nodes[tensor.node]
        for name in before
        for tensor in program.nodes[name].inputs
        if _is_start(program.nodes[tensor.node])
    }
    if len(before) > _MAXIMAL_NODES:
        return tf.TensorShape(None)
    try:
        part = cut(program, list(starts), [TensorName(node.name, index)])
        check(graph_of(part.program.nodes.values(), library))
        with func_graph.FuncGraph("shape").as_default():
            given = {
                name: v1.placeholder(output_dtype(start, tensor.index), _told(start))
                for name, (tensor, start) in zip(part.inputs, starts.items(), strict=True)
            }
            made = Replay(library, lambda name: _variable(program.nodes[name]), {}).run(
                part.program, Structure(part.program), given, part.outputs
            )
        return made[0].shape
    except (SparkDLError, ValueError, TypeError, KeyError, AttributeError, tf.errors.OpError):
        return tf.TensorShape(None)


def _is_start(node: Node) -> bool:
    """Whether a node is given, or makes something whose shape is all that matters here."""
    return node.op in PLACEHOLDERS or why_refused(node.op) is not None


def _told(node: Node) -> tf.TensorShape | None:
    return tf.TensorShape(node.attr["shape"].shape) if node.op in PLACEHOLDERS and "shape" in node.attr else None


def _variable(node: Node) -> tf.Tensor:
    return v1.placeholder(dtype_of(node), tf.TensorShape(node.attr["shape"].shape) if "shape" in node.attr else None)
