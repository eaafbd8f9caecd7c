"""What a file of TensorFlow holds, by its content: a GraphDef, a MetaGraphDef or a SavedModel, in any form."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError, Message
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from sparkdl.errors import ImporterError, UnsupportedError
from sparkdl.importers.files import PathLike, map_file
from sparkdl.importers.tensorflow.checkpoint import is_format_1
from sparkdl.importers.tensorflow.large import read_graph
from sparkdl.importers.tensorflow.wire import fields

Constants = Mapping[str, np.ndarray]

# The first bytes (from a place on) of files that are something else.
_OTHERS = {
    (0, b"\x89HDF\r\n\x1a\n"): "is HDF5, as Keras writes it; read it with sdl.load_keras",
    (0, b"PK\x03\x04"): "is a ZIP archive, as a .keras file is; read that with sdl.load_keras",
    (
        4,
        b"TFL3",
    ): "is a model of TensorFlow Lite, whose ops are its own; give what it was made from",
    (0, b"\xac\xed\x00\x05"): "was written by Java; give it as bin_file=, and the .pb file beside it as the path",
}
_GZIP = b"\x1f\x8b"
_UNPACKED = 2**26  # what a gzipped file may always become; larger ones so many times their size
_RATIO = 200
_SAMPLE = 4096
_NOT_IN_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_FIRST_FIELD = re.compile(r"(?:\s|#[^\n]*\n)*(\w+)")


def read_message(path: PathLike, shown: str) -> tuple[Message, Constants] | None:
    """The message in a file, binary or text, gzipped or not; None where the file is a checkpoint.

    The values of large constants of a graph come beside it.

    Args:
        path: a file.
        shown: how messages call it.

    Raises:
        ImporterError: where it is none, or damaged.
        UnsupportedError: where it belongs to a program of another kind.
    """
    data = memoryview(map_file(path))
    if data[:2] == _GZIP:
        data = memoryview(_unpacked(data, shown))
    for (place, magic), what in _OTHERS.items():
        if data[place : place + len(magic)] == magic:
            raise UnsupportedError(f"{shown} {what}.")
    if is_format_1(data):
        return None
    return _binary(data, shown) if _NOT_IN_TEXT.search(data[:_SAMPLE]) else (_text(data, shown), {})


def _unpacked(data: memoryview, path: str) -> bytes:
    most = max(_UNPACKED, _RATIO * len(data))
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, most)
    except zlib.error as error:
        raise ImporterError(f"{path} is gzipped, but damaged ({error}).") from error
    if not unpacker.eof:
        what = "truncated" if len(unpacked) < most else f"more than {_RATIO} times as large unpacked; unpack it first"
        raise ImporterError(f"{path} is gzipped, but {what}.")
    return unpacked


def _binary(data: memoryview, path: str) -> tuple[Message, Constants]:
    """The kind is told by the fields of the whole, which are skipped and not read."""
    counts: Counter[int] = Counter()
    number_first = False
    for number, value, _ in fields(data, path):
        counts[number] += 1
        number_first |= number == 1 and isinstance(value, int)
    kinds: list[type[Message]] = [graph_pb2.GraphDef]
    if number_first:
        kinds = [saved_model_pb2.SavedModel]
    elif counts[1] <= 1 and counts[2]:  # a graph with one node and functions looks the same from here
        kinds = [meta_graph_pb2.MetaGraphDef, graph_pb2.GraphDef]
    reasons = []
    for kind in kinds:
        try:
            graph = kind is graph_pb2.GraphDef
            message, constants = read_graph(data, path) if graph else (kind.FromString(bytes(data)), {})
            if _plausible(message):
                return message, constants
            reasons.append("it has no nodes")
        except DecodeError as error:
            reasons.append(str(error))
    raise ImporterError(
        f"{path} is no GraphDef, MetaGraphDef or SavedModel of TensorFlow ({'; '.join(reasons)}); is it damaged?"
    )


def _plausible(message: Message) -> bool:
    """Whether the bytes meant this kind of message: others have other things where its graphs have nodes."""
    graphs = graphs_of(message)
    return any(graph.node for graph in graphs) and all(node.op and node.name for graph in graphs for node in graph.node)


def graphs_of(message: Message) -> list[graph_pb2.GraphDef]:
    """The graphs in a message."""
    if isinstance(message, saved_model_pb2.SavedModel):
        return [meta.graph_def for meta in message.meta_graphs]
    return [message.graph_def if isinstance(message, meta_graph_pb2.MetaGraphDef) else message]


def _text(data: memoryview, path: str) -> Message:
    try:
        text = bytes(data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImporterError(f"{path}, byte {error.start}: neither text nor a message of TensorFlow.") from None
    found = _FIRST_FIELD.match(text)
    first = found[1] if found else ""
    kinds: tuple[type[Any], ...] = (graph_pb2.GraphDef, meta_graph_pb2.MetaGraphDef, saved_model_pb2.SavedModel)
    kind = next((kind for kind in kinds if first in kind.DESCRIPTOR.fields_by_name), None)
    if kind is None:
        raise ImporterError(
            f"{path} is no text of a GraphDef, MetaGraphDef or SavedModel: it begins with {first[:40]!r}, expected "
            "'node', 'meta_info_def' or 'saved_model_schema_version'."
        )
    try:
        message: Message = text_format.Parse(text, kind())
    except (text_format.ParseError, RecursionError, ValueError) as error:
        raise ImporterError(f"{path} is no text of a {kind.__name__} ({str(error)[:300]}).") from error
    if not _plausible(message):
        raise ImporterError(f"{path} holds no nodes with names and ops; expected a graph.")
    return message


def check_graph(graph: graph_pb2.GraphDef, path: str) -> None:
    """Raises ImporterError unless each node has a name of its own, and reads what there is."""
    names = Counter(node.name for node in graph.node)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise ImporterError(f"{path} has several nodes called {twice!r}; the file is damaged.")
    for node in graph.node:
        for tensor in node.input:
            if tensor.lstrip("^").partition(":")[0] not in names:
                raise ImporterError(f"{path}: node {node.name!r} reads {tensor!r}, which is not there.")


def with_native_bytes(graph: graph_pb2.GraphDef, path: str) -> None:
    """Turns around the numbers of a graph that a big-endian machine wrote, in place."""
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    for node in nodes:
        tensor = node.attr["value"].tensor if node.op == "Const" else None
        if tensor is None or not tensor.tensor_content:
            continue
        try:
            dtype = np.dtype(tf.dtypes.as_dtype(tensor.dtype).as_numpy_dtype)
            unit = dtype.itemsize // (2 if dtype.kind == "c" else 1)
            tensor.tensor_content = np.frombuffer(tensor.tensor_content, f"<u{unit}").byteswap().tobytes()
        except (TypeError, ValueError) as error:
            raise ImporterError(f"{path}: the numbers of {node.name!r} cannot be read ({error}).") from error
