"""From paths to a `GraphSource`: whatever form the files of a TensorFlow model have."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from google.protobuf.message import Message
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from sparkdl.errors import ArgumentError, ImporterError, MissingFileError
from sparkdl.importers.files import PathLike, local_copy
from sparkdl.importers.tensorflow.checkpoint import full_names, newest, prefix_of, read_checkpoint, with_ending
from sparkdl.importers.tensorflow.java_map import read_java_map
from sparkdl.importers.tensorflow.message import check_graph, read_message, with_native_bytes
from sparkdl.importers.tensorflow.recorded import recorded
from sparkdl.importers.tensorflow.restore import VARIABLES, sources
from sparkdl.importers.tensorflow.saved_model import choose_graph, choose_signature
from sparkdl.importers.tensorflow.slices import Slice
from sparkdl.importers.tensorflow.source import GraphSource
from sparkdl.importers.tensorflow.variables import Values, Variables
from sparkdl.storage.paths import join, path_text, split

_SAVED_MODELS = ("saved_model.pb", "saved_model.pbtxt")
_INNER_VALUES = "variables/variables"
_BYTE_ORDERS = {"little": False, "big": True, "little_endian": False, "big_endian": True}


@dataclass(frozen=True)
class _Definition:
    """What a path led to: what messages call it, the message, its large constants, and the values beside it, if any."""

    path: str
    message: Message
    constants: Mapping[str, np.ndarray]
    values: Values | None


def read_source(
    path: PathLike,
    *,
    checkpoint: PathLike | None = None,
    bin_file: PathLike | None = None,
    byte_order: str = "little",
    tags: Sequence[str] = ("serve",),
    signature: str | None = None,
) -> GraphSource:
    """Reads a TensorFlow model, in whatever form it is; what the files are is found out by their content.

    Nothing in them is run, and values of variables are read when they are asked for.

    Args:
        path: a GraphDef (`.pb`, `.pbtxt`), a MetaGraphDef (`.meta`) or a checkpoint that has one beside it, or a
            SavedModel (its directory, or `saved_model.pb` in it); text files may be gzipped. A path, or a URL of any
            storage that Spark, pyarrow or fsspec knows.
        checkpoint: the values of the variables, in TensorFlow's format 1 or 2: a prefix, one of its files, or the
            directory of a training, of which the newest is taken. None takes the one beside a MetaGraphDef, and that
            in a SavedModel.
        bin_file: the values of the variables as BigDL writes them.
        byte_order: of the numbers in the graph: "little", or "big" for a graph written by a big-endian machine.
            Checkpoints tell theirs themselves, and `bin_file` has that of Java.
        tags: which graph of a SavedModel to take.
        signature: which of its signatures; None takes "serving_default", or the only one.

    Raises:
        ImporterError: where a file is damaged or of another kind, or files do not belong together.
        MissingFileError: where one does not exist.
        ArgumentError: for tags and signatures that are not there, and arguments that contradict each other.
        UnsupportedError: for what cannot be read exactly.
    """
    if byte_order not in _BYTE_ORDERS:
        raise ArgumentError(f"byte_order is {byte_order!r}; expected 'little' or 'big'.")
    if checkpoint is not None and bin_file is not None:
        raise ArgumentError("checkpoint= and bin_file= are both given; expected one source of values.")
    definition = _read_definition(path, inner_values=checkpoint is None and bin_file is None)
    shown, message, values = definition.path, definition.message, definition.values
    meta = choose_graph(message, tags, shown) if isinstance(message, saved_model_pb2.SavedModel) else message
    graph, notes, inputs, outputs = _parts(meta, signature, shown)
    check_graph(graph, shown)
    constants = definition.constants
    if _BYTE_ORDERS[byte_order]:
        with_native_bytes(graph, shown)
        constants = {name: value.byteswap() for name, value in constants.items()}
    if not any(node.op in VARIABLES for node in graph.node):
        _refuse_values(shown, checkpoint=checkpoint, bin_file=bin_file)
        return GraphSource(shown, graph, constants, inputs, outputs)
    if checkpoint is not None:
        values = _checkpoint_values(checkpoint)
    elif bin_file is not None:
        values = _bin_values(bin_file)
    keys = sources(graph, notes.collection_def, shown)
    variables = Variables(shown, graph, keys, values, constants)
    return GraphSource(shown, graph, variables, inputs, outputs, recorded(notes, keys), variables.require)


def _refuse_values(path: str, **given: PathLike | None) -> None:
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"{path} has no variables: its values are in it, and none are read from {path_text(value)}; leave "
                f"{name}= out."
            )


def _read_definition(path: PathLike, inner_values: bool) -> _Definition:
    given = path_text(path)
    directory, name = split(given)
    prefix = newest(given) or prefix_of(given)
    if name in _SAVED_MODELS:
        start = directory or os.curdir
    else:
        start = with_ending(prefix, ".meta") if prefix != given else given
    try:
        found = _read_at(start, inner_values)
    except MissingFileError:
        found = _read_beside(given, inner_values) if start == given else None
        if found is None:
            raise
    found = found or _read_beside(given, inner_values)
    if found is None:
        raise ImporterError(f"{given} holds values and no graph; give the graph as the path, and this by checkpoint=.")
    return found


def _read_beside(checkpoint: str, inner_values: bool) -> _Definition | None:
    """The definition that TensorFlow writes beside a checkpoint, if it is there."""
    try:
        return _read_at(with_ending(checkpoint, ".meta"), inner_values)
    except MissingFileError:
        return None


def _read_at(path: str, inner_values: bool) -> _Definition | None:
    """The definition at a path; None where there is a checkpoint and nothing else."""
    with local_copy(path) as local:
        if os.path.isdir(local):
            name = next((name for name in _SAVED_MODELS if os.path.isfile(os.path.join(local, name))), None)
            if name is None:
                raise ImporterError(
                    f"{path} is a directory with neither saved_model.pb nor a note of a newest checkpoint in it; give "
                    "the path of a file."
                )
            found = read_message(os.path.join(local, name), join(path, name))
            inner = os.path.join(local, _INNER_VALUES)
            has_values = inner_values and os.path.isfile(f"{inner}.index")
            values = _checkpoint_values(inner, join(path, _INNER_VALUES)) if has_values else None
        else:
            found, values = read_message(local, path), None
    if found is None:
        return None
    message, constants = found
    if values is None and inner_values and isinstance(message, meta_graph_pb2.MetaGraphDef):
        values = _values_beside(path)
    return _Definition(path, message, constants, values)


def _values_beside(path: str) -> Values | None:
    """The checkpoint whose name a MetaGraphDef has, if it is there."""
    if prefix_of(path) == path:
        return None
    try:
        return _checkpoint_values(prefix_of(path))
    except MissingFileError:
        return None


def _checkpoint_values(path: PathLike, shown: str | None = None) -> Values:
    entries = read_checkpoint(path, shown)
    return Values(
        shown or path_text(path),
        tuple(entries),
        lambda key: entries[key].shape,
        lambda key, part: entries[key].read(part),
        partial(full_names, entries),
    )


def _bin_values(path: PathLike) -> Values:
    arrays = read_java_map(path)

    def read(key: str, part: Slice | None) -> np.ndarray:
        return arrays[key] if part is None else arrays[key][part.index(arrays[key].shape)]

    return Values(path_text(path), tuple(arrays), lambda key: arrays[key].shape, read, typed=False)


def _parts(
    meta: graph_pb2.GraphDef | meta_graph_pb2.MetaGraphDef, signature: str | None, path: str
) -> tuple[graph_pb2.GraphDef, meta_graph_pb2.MetaGraphDef, Mapping[str, str], Mapping[str, str]]:
    """Graph, what is noted beside it, inputs and outputs."""
    if isinstance(meta, meta_graph_pb2.MetaGraphDef):
        return meta.graph_def, meta, *choose_signature(meta, signature, path)
    if signature is not None:
        raise ArgumentError(f"{path} is a GraphDef, which has no signatures; leave signature={signature!r} out.")
    return meta, meta_graph_pb2.MetaGraphDef(), {}, {}
