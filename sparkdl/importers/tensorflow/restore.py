"""Where in a checkpoint the value of each variable stands, as the graph itself says it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.framework import graph_pb2, node_def_pb2, variable_pb2

from sparkdl.importers.tensorflow.slices import Slice, parse_slice

VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp"})

_ASSIGNMENTS = frozenset({"Assign", "AssignVariableOp"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
# Ops that read from a checkpoint, with the number of the input that says what parts; the names are input 1.
_RESTORES = {"RestoreV2": 2, "RestoreSlice": 2, "Restore": None}
_PASSING = frozenset({"Identity", "Cast"})
_LONGEST = 20  # ops between reading and assigning


@dataclass(frozen=True, slots=True)
class Source:
    """A tensor of a checkpoint, or a slice of it."""

    key: str
    part: Slice | None = None


def sources(graph: graph_pb2.GraphDef, collections: Mapping[str, Any], path: str) -> dict[str, list[Source]]:
    """What the values of variables may be called in a checkpoint, the likeliest first, by the names of their nodes.

    The graph may have ops that restore it (a TF1 Saver's, or the function of a TF2 SavedModel); the collections of a
    MetaGraph tell what slices partitioned variables are; else a value is called as its variable.

    Args:
        graph: the graph.
        collections: those of its MetaGraph.
        path: the file, for error messages.
    """
    found: dict[str, list[Source]] = {node.name: [] for node in graph.node if node.op in VARIABLES}
    for name, source in (*_restored(graph, path), *_partitioned(collections)):
        if name in found and source not in found[name]:
            found[name].append(source)
    for node in graph.node:
        if node.op in VARIABLES:
            shared = node.attr["shared_name"].s.decode("utf-8", "replace") if "shared_name" in node.attr else ""
            found[node.name] += [Source(name) for name in dict.fromkeys((node.name, shared)) if name]
    return found


def _restored(graph: graph_pb2.GraphDef, path: str) -> Iterator[tuple[str, Source]]:
    top = _Body(graph.node, {}, path)
    yield from top.assignments()
    functions = {function.signature.name: function for function in graph.library.function}
    for node in graph.node:
        if node.op in _CALLS and "f" in node.attr:
            function = functions.pop(node.attr["f"].func.name, None)
            if function is not None:
                names = [argument.name for argument in function.signature.input_arg]
                arguments = dict(zip(names, map(_node_of, node.input), strict=False))
                yield from _Body(function.node_def, arguments, path).assignments()


class _Body:
    """The nodes of a graph or of a function, whose arguments are nodes of the graph."""

    def __init__(self, nodes: Iterable[node_def_pb2.NodeDef], arguments: Mapping[str, str], path: str) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._arguments = arguments
        self._path = path

    def assignments(self) -> Iterator[tuple[str, Source]]:
        """Names of variables of the graph with what is assigned to them from a checkpoint."""
        for node in self._nodes.values():
            if node.op in _ASSIGNMENTS and len(node.input) >= 2:
                source = self._source(node.input[1])
                if source is not None:
                    target = _node_of(node.input[0])
                    yield self._arguments.get(target, target), source

    def _source(self, value: str) -> Source | None:
        for _ in range(_LONGEST):
            node = self._nodes.get(_node_of(value))
            if node is None:
                return None
            if node.op in _RESTORES and len(node.input) >= 2:
                return self._read_by(node, _number_of(value))
            if node.op not in _PASSING or not node.input:
                return None
            value = node.input[0]
        return None

    def _read_by(self, node: node_def_pb2.NodeDef, number: int) -> Source | None:
        names = self._strings(node.input[1])
        place = _RESTORES[node.op]
        parts = self._strings(node.input[place]) if place is not None and len(node.input) > place else []
        if number >= len(names):
            return None
        part = parse_slice(parts[number], self._path) if number < len(parts) else None
        return Source(names[number], part)

    def _strings(self, name: str) -> list[str]:
        """The strings of a constant."""
        node = self._nodes.get(_node_of(name))
        if node is None or node.op != "Const":
            return []
        return [text.decode("utf-8", "replace") for text in node.attr["value"].tensor.string_val]


def _partitioned(collections: Mapping[str, Any]) -> Iterator[tuple[str, Source]]:
    """Slices of partitioned variables, as the collections of variables note them."""
    for collection in collections.values():
        for data in collection.bytes_list.value:
            try:
                variable = variable_pb2.VariableDef.FromString(data)
            except DecodeError:
                continue  # a collection of something else
            info = variable.save_slice_info_def
            if info.full_name and len(info.var_offset) == len(info.var_shape):
                part = Slice(tuple(info.var_offset), tuple(info.var_shape))
                yield _node_of(variable.variable_name), Source(info.full_name, part)


def _node_of(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]


def _number_of(tensor: str) -> int:
    """The number of an output: `node:2` in a graph, `node:output:2` in a function."""
    last = tensor.rpartition(":")[2]
    return int(last) if ":" in tensor and last.isdecimal() and len(last) < 10 else 0
