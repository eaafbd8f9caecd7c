"""Checkpoints of TensorFlow's format 1: one table of tensors, or several files of it (`model.ckpt`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.util import saved_tensor_slice_pb2

from sparkdl.errors import ImporterError
from sparkdl.importers.files import map_file
from sparkdl.importers.tensorflow.entry import Entry, check_version, numpy_type, viewed
from sparkdl.importers.tensorflow.slices import Shape, Slice, shape_of, slice_key, slice_of
from sparkdl.importers.tensorflow.sorted_table import read_table
from sparkdl.importers.tensorflow.wire import fields

Pieces = list[tuple[Slice, Callable[[], np.ndarray]]]

# The messages around the numbers, by the numbers of their fields: SavedTensorSlices.data, SavedSlice.data.
_WAY = (2, 3)
# Where a TensorProto has all numbers of a type as one run of bytes, and where it has those of other types.
_RUNS = {types_pb2.DT_FLOAT: 5, types_pb2.DT_DOUBLE: 6}
_FIELDS = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_HALF: "half_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_COMPLEX64: "scomplex_val",
    types_pb2.DT_COMPLEX128: "dcomplex_val",
}
_PAIRS = frozenset({types_pb2.DT_COMPLEX64, types_pb2.DT_COMPLEX128})


def read_saved_slices(files: Sequence[str], shown: Sequence[str]) -> dict[str, Entry]:
    """The tensors of a checkpoint by their keys; its files are mapped into memory.

    Args:
        files: the local paths of all its files.
        shown: how messages call them.

    Raises:
        ImporterError: where one is damaged.
    """
    contents = [memoryview(map_file(file)) for file in files]
    stored = sum(map(len, contents))
    found: dict[str, Entry] = {}
    pieces: dict[str, Pieces] = {}
    for data, path in zip(contents, shown, strict=True):
        table = read_table(data, path)
        for tensor in _tensors(table.get(b""), path):
            place = f"{path}: tensor {tensor.name!r}"
            shape = shape_of(tensor.shape, place)
            before = found.setdefault(
                tensor.name, Entry(place, tensor.type, shape, stored, pieces.setdefault(tensor.name, []))
            )
            if (before.shape, before.dtype) != (shape, tensor.type):
                raise ImporterError(f"{place} is of another shape or type than in {before.place}.")
            pieces[tensor.name] += _pieces(table, tensor, shape, place)
    return found


def _tensors(data: memoryview | None, path: str) -> Iterable[saved_tensor_slice_pb2.SavedSliceMeta]:
    if data is None:
        raise ImporterError(f"{path} has no list of its tensors; the file is damaged.")
    try:
        meta = saved_tensor_slice_pb2.SavedTensorSlices.FromString(bytes(data)).meta
    except DecodeError as error:
        raise ImporterError(f"{path}: the list of tensors cannot be read ({error}); the file is damaged.") from error
    check_version(meta.versions, path)
    return meta.tensor


def _pieces(table: Mapping[bytes, memoryview], tensor: Any, shape: Shape, place: str) -> Pieces:
    pieces: Pieces = []
    for part in map(slice_of, tensor.slice):
        data = table.get(slice_key(tensor.name, part))
        if data is None or not part.fits(shape):
            raise ImporterError(f"{place} of shape {list(shape)} has no data for {part}; the file is damaged.")
        pieces.append((part, partial(_load, data, tensor.type, part.shape(shape), place)))
    return pieces


def _load(data: memoryview, dtype: int, shape: Shape, place: str) -> np.ndarray:
    numbers = numpy_type(dtype, place)
    for step in _WAY:
        data = next(
            (value for number, value, _ in fields(data, place) if number == step and isinstance(value, memoryview)),
            memoryview(b""),
        )
    runs = [value for number, value, _ in fields(data, place) if number == _RUNS.get(dtype)]
    if len(runs) == 1 and isinstance(runs[0], memoryview):
        return viewed(runs[0], numbers, shape, place)
    return _load_singly(data, dtype, shape, place)


def _load_singly(data: memoryview, dtype: int, shape: Shape, place: str) -> np.ndarray:
    try:
        proto = tensor_pb2.TensorProto.FromString(bytes(data))
    except DecodeError as error:
        raise ImporterError(f"{place}: its data cannot be read ({error}); the file is damaged.") from error
    count = math.prod(shape) * (2 if dtype in _PAIRS else 1)
    given = len(getattr(proto, _FIELDS.get(dtype, "int_val")))
    if given != count:
        raise ImporterError(f"{place} has {given} numbers; expected {count}. The file is damaged.")
    proto.dtype = dtype
    proto.ClearField("tensor_content")
    proto.tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
    try:
        array: np.ndarray = tf.make_ndarray(proto)
    except (TypeError, ValueError, OverflowError) as error:
        raise ImporterError(f"{place}: its data cannot be read ({error}); the file is damaged.") from error
    return array
