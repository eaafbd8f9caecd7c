"""Checkpoints: where one lies, and what tensors it has.

TensorFlow's own reader ends the process at some damaged files (`CHECK failed`), and does not join the slices of
partitioned variables in the old format. Here nothing is read before its size and checksum are known to be right.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping

from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import trackable_object_graph_pb2
from tensorflow.python.training import checkpoint_state_pb2

from sparkdl.errors import ImporterError, MissingFileError
from sparkdl.importers.files import PathLike, local_copy, map_file
from sparkdl.importers.tensorflow.bundle import read_bundle
from sparkdl.importers.tensorflow.entry import Entry
from sparkdl.importers.tensorflow.saved_slices import read_saved_slices
from sparkdl.importers.tensorflow.sorted_table import MAGIC
from sparkdl.storage.paths import cut_query, join, path_text, scheme_of, split

STATE = "checkpoint"  # the file in which a training notes its newest checkpoint
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_ENDING = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def prefix_of(path: PathLike) -> str:
    """The path of a checkpoint without the endings that its files have.

    Example:
        >>> prefix_of("run/model.ckpt.index"), prefix_of("run/model.ckpt.data-00000-of-00001")
        ('run/model.ckpt', 'run/model.ckpt')
    """
    base, query = cut_query(path_text(path))
    return _ENDING.sub("", base) + query


def with_ending(path: str, ending: str) -> str:
    """A path with something behind the name of its file.

    Example:
        >>> with_ending("s3://b/model.ckpt?scheme=http", ".meta")
        's3://b/model.ckpt.meta?scheme=http'
    """
    base, query = cut_query(path)
    return base + ending + query


def read_checkpoint(path: PathLike, shown: str | None = None) -> dict[str, Entry]:
    """The tensors of a checkpoint, in format 1 or 2, by their keys; they are read when they are asked for.

    Args:
        path: its prefix, one of its files, or the directory of a training, of which the newest is taken.
        shown: how messages call it, if not so.

    Raises:
        MissingFileError: where there is none.
        ImporterError: where it is damaged.
    """
    place = newest(path) or prefix_of(path)
    shown = shown or place
    with local_copy(place, with_siblings=True) as prefix:
        if os.path.isfile(f"{prefix}.index"):
            return read_bundle(prefix, shown)
        files = _files_of_format_1(prefix)
        if not files:
            raise MissingFileError(
                f"{shown} is no checkpoint: neither {with_ending(shown, '.index')} nor a file of that name exists; "
                "give the path of a checkpoint without its endings, or the directory of a training."
            )
        return read_saved_slices(files, [join(split(shown)[0], os.path.basename(file)) for file in files])


def _files_of_format_1(prefix: str) -> list[str]:
    if os.path.isfile(prefix):
        return [prefix]
    folder, name = os.path.split(prefix)
    if not os.path.isdir(folder or os.curdir):
        return []
    names = sorted(os.listdir(folder or os.curdir))
    return [os.path.join(folder, other) for other in names if _SHARD.search(other) and _SHARD.sub("", other) == name]


def newest(path: PathLike) -> str | None:
    """The prefix of the newest checkpoint of a training; None where the path is no directory of one, nor its note."""
    text = path_text(path)
    if split(text)[1] == STATE and not os.path.isdir(text):
        text = split(text)[0]
    elif not scheme_of(text) and not os.path.isdir(text):
        return None
    try:
        note = bytes(map_file(join(text, STATE)))
    except MissingFileError:
        return None
    try:
        state = text_format.Parse(note.decode(), checkpoint_state_pb2.CheckpointState())
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise ImporterError(f"{join(text, STATE)} is no note of a newest checkpoint ({error}).") from error
    named = state.model_checkpoint_path
    if not named:
        raise ImporterError(f"{join(text, STATE)} names no checkpoint; give the path of one.")
    # Trainings may write absolute paths, which are wrong where the directory was moved.
    return join(text, os.path.basename(named) if os.path.isabs(named) else named)


def is_format_1(data: memoryview) -> bool:
    """Whether the content of a file is a checkpoint of format 1 (or the index of one of format 2)."""
    return data[-len(MAGIC) :] == MAGIC


def full_names(entries: Mapping[str, Entry]) -> dict[str, str]:
    """The keys by the names of variables, as checkpoints of objects (`tf.train.Checkpoint`) note them.

    Names that several variables have are left out.
    """
    entry = entries.get(_OBJECT_GRAPH)
    if entry is None or entry.shape:
        return {}
    try:
        graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(entry.read().item())
    except (DecodeError, TypeError) as error:
        raise ImporterError(f"{entry.place} cannot be read ({error}); the file is damaged.") from error
    pairs = [(item.full_name, item.checkpoint_key) for node in graph.nodes for item in node.attributes]
    counts = Counter(name for name, _ in pairs)
    return {name: key for name, key in pairs if name and counts[name] == 1}
