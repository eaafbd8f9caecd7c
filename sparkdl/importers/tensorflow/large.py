"""Constants that stay where they are: the values of a frozen graph's weights, as views of its file.

A message holds copies of all its bytes until the last part of it is gone, so a graph that is read as one takes its
weights' memory twice. Here the bytes of large ones are left out of the message.
"""

from __future__ import annotations

import numpy as np
from tensorflow.core.framework import graph_pb2, node_def_pb2, types_pb2

from sparkdl.errors import SparkDLError
from sparkdl.importers.tensorflow.entry import numpy_type, viewed
from sparkdl.importers.tensorflow.slices import shape_of
from sparkdl.importers.tensorflow.wire import fields

LARGE = 2**20
_PIECE = 2**24
# From a node to the bytes of its value, by the numbers of fields: NodeDef.attr, value of an entry, AttrValue.tensor,
# TensorProto.tensor_content.
_NODE, _ATTR, _VALUE, _TENSOR, _CONTENT = 1, 5, 2, 8, 4
_QUANTIZED = frozenset(
    {types_pb2.DT_QINT8, types_pb2.DT_QUINT8, types_pb2.DT_QINT16, types_pb2.DT_QUINT16, types_pb2.DT_QINT32}
)


def read_graph(data: memoryview, path: str) -> tuple[graph_pb2.GraphDef, dict[str, np.ndarray]]:
    """A graph without the values of its large constants, and these values by the names of their nodes.

    Args:
        data: the file.
        path: for messages.

    Raises:
        DecodeError: where the bytes are no graph.
        ImporterError: likewise.
    """
    graph = graph_pb2.GraphDef()
    constants: dict[str, np.ndarray] = {}
    start = place = 0
    for number, value, stop in fields(data, path):
        if number == _NODE and isinstance(value, memoryview) and len(value) > LARGE:
            graph.MergeFromString(bytes(data[start:place]))
            constants.update(_add_node(graph, value, path))
            start = stop
        elif stop - start >= _PIECE:
            graph.MergeFromString(bytes(data[start:stop]))
            start = stop
        place = stop
    graph.MergeFromString(bytes(data[start:]))
    return graph, constants


def _add_node(graph: graph_pb2.GraphDef, data: memoryview, path: str) -> dict[str, np.ndarray]:
    """Adds a node to a graph; where it is a large constant, its value is given back instead."""
    node = graph.node.add()
    rest, entry = _without(data, _ATTR, path)
    key = next((value for number, value, _ in fields(entry, path) if number == 1), b"")
    attribute_rest, tensor = _without(_only(entry, _VALUE, path), _TENSOR, path)
    tensor_rest, content = _without(tensor, _CONTENT, path)
    if content and key == b"value":
        node.MergeFromString(rest)
        node.attr["value"].MergeFromString(attribute_rest)
        node.attr["value"].tensor.MergeFromString(tensor_rest)
        value = _value(node, content, path)
        if value is not None:
            return {node.name: value}
        node.Clear()
    node.MergeFromString(bytes(data))
    return {}


def _without(data: memoryview, left_out: int, path: str) -> tuple[bytes, memoryview]:
    """A message without its one large field of a number, and that field; empty where there is not exactly one."""
    found, rest, start = [], [], 0
    for number, value, stop in fields(data, path):
        if number == left_out and isinstance(value, memoryview) and len(value) > LARGE:
            found.append(value)
        else:
            rest.append(bytes(data[start:stop]))
        start = stop
    return b"".join(rest), found[0] if len(found) == 1 else memoryview(b"")


def _only(data: memoryview, wanted: int, path: str) -> memoryview:
    """The last field of a number."""
    found = [value for number, value, _ in fields(data, path) if number == wanted and isinstance(value, memoryview)]
    return found[-1] if found else memoryview(b"")


def _value(node: node_def_pb2.NodeDef, content: memoryview, path: str) -> np.ndarray | None:
    """The numbers of a constant; None where the bytes are something else, of which others complain."""
    tensor = node.attr["value"].tensor
    if node.op != "Const" or tensor.dtype in _QUANTIZED:
        return None
    place = f"{path}: node {node.name!r}"
    try:
        return viewed(content, numpy_type(tensor.dtype, place), shape_of(tensor.tensor_shape, place), place)
    except SparkDLError:
        return None
