"""What a TensorFlow graph holds, before it is loaded."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2

from sparkdl.errors import ArgumentError, SparkDLError
from sparkdl.importers.inspection import Code, End, Inspection, Row, Shape, call_text
from sparkdl.importers.tensorflow.ends import Ends, find_ends, output_dtype
from sparkdl.importers.tensorflow.inputs import InputSpec, input_specs
from sparkdl.importers.tensorflow.read import read_source
from sparkdl.importers.tensorflow.source import GraphSource
from sparkdl.importers.tensorflow.weights import find_weights
from sparkdl.nn.graph.check import called, check, check_recursion, why_not, why_not_node
from sparkdl.nn.graph.cut import cut
from sparkdl.nn.graph.lookup import filled
from sparkdl.nn.graph.program import Library, Node, Program, graph_of, library_of, program_of
from sparkdl.storage.paths import path_text

Path = str | os.PathLike[str]
_JAVA = b"\xac\xed"
_BIG = 1 << 16  # bytes of constants whose values no shape depends on


@dataclass
class _Found:
    """What could be found out, and what went wrong."""

    program: Program
    ends: Ends | None = None
    inputs: Sequence[InputSpec] | None = None
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    parameters: Mapping[str, int] | None = None
    problem: str = ""


def describe(
    path: Path,
    values: Path | None = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    tags: Sequence[str] = ("serve",),
    signature: str | None = None,
) -> Inspection:
    """Looks at a graph; nothing of it is run, and values are not read.

    Args:
        path: the graph, MetaGraph or SavedModel.
        values: a checkpoint, or BigDL's file of values.
        inputs: tensors where the model shall begin.
        outputs: tensors where it shall end.
        tags: which graph of a SavedModel.
        signature: which of its signatures.

    Raises:
        ImporterError: where a file is damaged.
    """
    sources = _values(values)
    source = read_source(path, tags=tags, signature=signature, **sources)
    library = library_of(source.graph)
    found = _look(source, library, inputs, outputs)
    nodes = [*found.program.nodes.values()]
    rows = [_row(node, found, library) for node in nodes]
    rows += [Row(name, op, why) for name, op in called(nodes, library) if (why := why_not(op, library))]
    return Inspection(
        path_text(path),
        f"TensorFlow graph, version {source.graph.versions.producer}",
        rows,
        _inputs(found),
        _outputs(found),
        None if found.parameters is None else sum(found.parameters.values()),
        _suggestion(path, sources, found.ends, inputs, outputs, tags, signature, source),
        found.problem,
    )


def _values(values: Path | None) -> dict[str, Any]:
    if values is None:
        return {}
    try:
        with open(path_text(values), "rb") as file:
            java = file.read(2) == _JAVA
    except OSError:
        java = False  # the beginning of the names of a checkpoint's files, or a remote file
    return {"bin_file" if java else "checkpoint": values}


def _look(source: GraphSource, library: Library, inputs: Sequence[str] | None, outputs: Sequence[str] | None) -> _Found:
    """The part of the graph that the outputs need; all of it where no such part can be found."""
    found = _Found(Program({}))
    try:
        check_recursion(library)
        found.program = whole = filled(program_of(source.graph))
        found.ends = find_ends(source, whole, inputs, outputs)
        part = cut(whole, [*found.ends.inputs.values(), *found.ends.training], list(found.ends.outputs.values()))
        found.program = part.program
        if any(why_not_node(node, library) for node in part.program.nodes.values()):
            with suppress(SparkDLError):
                found.inputs = input_specs(source, whole, found.ends, {})
            return found
        found.inputs = input_specs(source, whole, found.ends, {})
        weights = find_weights(part.program, source.variables, source.path, library, source.recorded)
        floats = (spec for spec in weights.specs if tf.as_dtype(spec.dtype).is_floating)
        found.parameters = {spec.name: math.prod(spec.shape) for spec in floats}
        found.shapes = _shapes(part.program, library)
        for spec in weights.specs:
            source.require(spec.name)
    except ArgumentError as error:
        if inputs is not None or outputs is not None:
            raise
        found.problem = str(error)
    except SparkDLError as error:
        found.problem = str(error)
    return found


def _shapes(program: Program, library: Library) -> Mapping[str, Shape]:
    """What TensorFlow says of the shapes of all first outputs, without the values of large constants."""
    graph = graph_of([_small(node) for node in program.nodes.values()], library)
    try:
        check(graph)
        with tf.Graph().as_default() as made:
            tf.graph_util.import_graph_def(graph, name="")
        return {
            operation.name: tuple(operation.outputs[0].shape.as_list())
            for operation in made.get_operations()
            if operation.outputs and operation.outputs[0].shape.rank is not None
        }
    except (SparkDLError, ValueError, TypeError, KeyError, tf.errors.OpError):
        return {}


def _small(node: Node) -> Node:
    if node.op != "Const" or "value" not in node.attr:
        return node
    tensor = node.attr["value"].tensor
    if max(tensor.ByteSize(), math.prod(dim.size for dim in tensor.tensor_shape.dim)) <= _BIG:
        return node
    attr = {
        "dtype": node.attr["dtype"],
        "shape": attr_value_pb2.AttrValue(shape=tensor.tensor_shape),
    }
    return replace(node, op="Placeholder", attr=attr)


def _row(node: Node, found: _Found, library: Library) -> Row:
    parameters = None if found.parameters is None else found.parameters.get(node.name, 0)
    return Row(node.name, node.op, why_not_node(node, library), found.shapes.get(node.name), parameters)


def _inputs(found: _Found) -> list[End]:
    if found.inputs is not None:
        return [End(spec.name, spec.shape, spec.dtype) for spec in found.inputs]
    return [End(name) for name in found.ends.inputs] if found.ends else []


def _outputs(found: _Found) -> list[End]:
    ends = []
    for name, tensor in found.ends.outputs.items() if found.ends else ():
        node = found.program.nodes.get(tensor.node)
        dtype = output_dtype(node, tensor.index) if node is not None else None
        shape = found.shapes.get(tensor.node) if tensor.index == 0 else None
        ends.append(End(name, shape, dtype.name if dtype else None))
    return ends


def _suggestion(
    path: Path,
    values: Mapping[str, Path],
    ends: Ends | None,
    inputs: Sequence[str] | None,
    outputs: Sequence[str] | None,
    tags: Sequence[str],
    signature: str | None,
    source: GraphSource,
) -> str:
    signed = bool(source.outputs) and inputs is None and outputs is None
    names = ends is not None and not signed
    return call_text(
        "load_tensorflow",
        path_text(path),
        inputs=list(ends.inputs) if names and ends else Code("[...]") if ends is None else None,
        outputs=list(ends.outputs) if names and ends else Code("[...]") if ends is None else None,
        tags=None if tuple(tags) == ("serve",) else list(tags),
        signature=signature,
        **{name: path_text(value) for name, value in values.items()},
    )
