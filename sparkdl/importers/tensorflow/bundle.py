"""Checkpoints of TensorFlow's format 2: an index (`.index`) of tensors that lie in files of data (`.data-...`)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import tensor_bundle_pb2

from sparkdl.errors import ImporterError, MissingFileError
from sparkdl.importers.files import map_file
from sparkdl.importers.tensorflow.entry import Entry, check_version, numpy_type, viewed
from sparkdl.importers.tensorflow.slices import Slice, shape_of, slice_key, slice_of, whole
from sparkdl.importers.tensorflow.sorted_table import crc32c, masked, read_table, read_varint


@dataclass(frozen=True)
class _Bundle:
    path: str
    big_endian: bool
    protos: Mapping[bytes, tensor_bundle_pb2.BundleEntryProto]
    shards: Mapping[int, memoryview]


def read_bundle(prefix: str, shown: str) -> dict[str, Entry]:
    """The tensors of a checkpoint by their keys; their data are mapped into memory.

    Args:
        prefix: the local path of the index, without its ending.
        shown: how messages call it.

    Raises:
        ImporterError: where it is damaged, or a file is missing.
    """
    path = f"{shown}.index"
    table = read_table(memoryview(map_file(f"{prefix}.index")), path)
    header = _parsed(tensor_bundle_pb2.BundleHeaderProto(), table.pop(b"", None), path)
    check_version(header.version, path)
    protos = {key: _parsed(tensor_bundle_pb2.BundleEntryProto(), value, path) for key, value in table.items()}
    used = {proto.shard_id for proto in protos.values() if not proto.slices}
    if not used <= set(range(min(header.num_shards, len(protos)))):
        raise ImporterError(f"{path} has {header.num_shards} files of data, but uses others; the file is damaged.")
    shards = {number: _map_shard(prefix, shown, number, header.num_shards) for number in sorted(used)}
    bundle = _Bundle(path, header.endianness == header.BIG, protos, shards)
    return {name: _entry(bundle, key, name) for key in protos if (name := _name(key))}


def _parsed(message: Any, data: memoryview | None, path: str) -> Any:
    if data is None:
        raise ImporterError(f"{path} has no header; the file is damaged.")
    try:
        message.ParseFromString(bytes(data))
    except DecodeError as error:
        raise ImporterError(f"{path}: an entry cannot be read ({error}); the file is damaged.") from error
    return message


def _name(key: bytes) -> str:
    """The name of a tensor; empty for a slice, whose key begins with a zero, and what no name can be."""
    return "" if key[:1] == b"\0" else key.decode("utf-8", "ignore")


def _map_shard(prefix: str, shown: str, number: int, count: int) -> memoryview:
    ending = f".data-{number:05d}-of-{count:05d}"
    try:
        return memoryview(map_file(prefix + ending))
    except MissingFileError as error:
        raise MissingFileError(f"{shown}{ending}, which {shown}.index names, does not exist; copy it there.") from error


def _entry(bundle: _Bundle, key: bytes, name: str) -> Entry:
    proto = bundle.protos[key]
    place = f"{bundle.path}: tensor {name!r}"
    shape = shape_of(proto.shape, place)
    pieces: list[tuple[Slice, Callable[[], np.ndarray]]] = [(whole(len(shape)), partial(_load, bundle, proto, place))]
    if proto.slices:
        parts = [slice_of(item) for item in proto.slices]
        pieces = [(part, partial(_load_slice, bundle, name, part, proto.dtype, place)) for part in parts]
    return Entry(place, proto.dtype, shape, sum(map(len, bundle.shards.values())), pieces)


def _load_slice(bundle: _Bundle, name: str, part: Slice, dtype: int, place: str) -> np.ndarray:
    proto = bundle.protos.get(slice_key(name, part))
    if proto is None or proto.dtype != dtype:
        raise ImporterError(f"{place} has no data for {part}; the file is damaged.")
    return _load(bundle, proto, place)


def _load(bundle: _Bundle, proto: tensor_bundle_pb2.BundleEntryProto, place: str) -> np.ndarray:
    shape = shape_of(proto.shape, place)
    shard = bundle.shards.get(proto.shard_id, memoryview(b""))
    if min(proto.offset, proto.size) < 0 or proto.offset + proto.size > len(shard):
        raise ImporterError(
            f"{place} takes bytes {proto.offset} to {proto.offset + proto.size} of file {proto.shard_id}, which has "
            f"{len(shard)}; is it truncated?"
        )
    data = shard[proto.offset : proto.offset + proto.size]
    if proto.dtype == types_pb2.DT_STRING:
        return _strings(data, int(np.prod(shape, dtype=object)), place).reshape(shape)
    array = viewed(data, numpy_type(proto.dtype, place), shape, place, bundle.big_endian)
    if masked(crc32c(data)) != proto.crc32c:
        raise ImporterError(f"{place} has another checksum than stored; the data are damaged.")
    return array


def _strings(data: memoryview, count: int, place: str) -> np.ndarray:
    """Strings: their lengths, a checksum of these, then all of their bytes."""
    if count > len(data):
        raise ImporterError(f"{place} has {count} strings in {len(data)} bytes; the file is damaged.")
    lengths, at = [], 0
    for _ in range(count):
        length, at = read_varint(data, at, place)
        lengths.append(length)
    at += struct.calcsize("<I")
    if at + sum(lengths) != len(data):
        raise ImporterError(f"{place} has strings of {sum(lengths)} bytes in {len(data)}; the file is damaged.")
    found = np.empty(count, object)
    for number, length in enumerate(lengths):
        found[number] = bytes(data[at : at + length])
        at += length
    return found
