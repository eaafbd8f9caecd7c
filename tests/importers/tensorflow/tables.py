"""Writers of checkpoints that may say anything: TensorFlow's own write only what is right."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

from sparkdl.importers.tensorflow.sorted_table import MAGIC, crc32c, masked


def crc_of(data: bytes) -> int:
    """The CRC-32C of bytes."""
    return crc32c(memoryview(data))


def varint(number: int) -> bytes:
    """A number in base 128."""
    digits = bytearray()
    while number >= 128:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes(digits) + bytes([number])


def block(entries: Sequence[tuple[bytes, int, bytes]], compression: int = 0) -> bytes:
    """A block with its trailer; an entry is what its key adds, how much it shares, and its value."""
    data = b"".join(
        varint(shared) + varint(len(added)) + varint(len(value)) + added + value for added, shared, value in entries
    )
    data += struct.pack("<II", 0, 1) + bytes([compression])
    return data + struct.pack("<I", masked(crc_of(data)))


def write_table(entries: Sequence[tuple[bytes, int, bytes]], compression: int = 0) -> bytes:
    """A table of one block."""
    data = block(entries, compression)
    index = block([(b"z", 0, varint(0) + varint(len(data) - 5))])
    nothing = varint(0) * 2
    handles = nothing + varint(len(data)) + varint(len(index) - 5)
    return data + index + handles.ljust(40, b"\0") + MAGIC


def resealed(data: bytes) -> bytes:
    """The same table with checksums that are right again, as far as its blocks can be found."""
    from sparkdl.errors import SparkDLError
    from sparkdl.importers.tensorflow import sorted_table

    changed, view = bytearray(data), memoryview(data)
    try:
        _, _, place = sorted_table._handle(view, len(data) - 48, "")
        blocks = [sorted_table._handle(view, place, "")[:2]]
        start, size = blocks[0]
        for _, value in sorted_table._entries(view[start : start + size], ""):
            blocks.append(sorted_table._handle(value, 0, "")[:2])
    except (SparkDLError, IndexError, struct.error):
        return data
    for start, size in blocks:
        if start + size + 5 <= len(data):
            crc = masked(crc32c(view[start : start + size + 1]))
            changed[start + size + 1 : start + size + 5] = struct.pack("<I", crc)
    return bytes(changed)


def bundle(prefix: Path, values: Mapping[str, np.ndarray], **changes: Any) -> None:
    """A checkpoint of format 2, with changes to the fields of its header and its entries."""
    header = tensor_bundle_pb2.BundleHeaderProto(
        num_shards=changes.pop("num_shards", 1), endianness=changes.pop("endianness", 0)
    )
    header.version.min_consumer = changes.pop("min_consumer", 0)
    entries = [(b"", 0, changes.pop("header", header.SerializeToString()))]
    if entries[0][2] is None:
        entries = []
    data = b""
    for name in sorted(values):
        content = values[name].tobytes()
        entry = tensor_bundle_pb2.BundleEntryProto(
            dtype=tf.dtypes.as_dtype(values[name].dtype.newbyteorder("=")).as_datatype_enum,
            offset=len(data),
            size=len(content),
            crc32c=masked(crc_of(content)),
        )
        shape, slices = changes.get("shape", values[name].shape), changes.get("slices", [])
        for size in shape:
            entry.shape.dim.add(size=size)
        for part in slices:
            extents = entry.slices.add()
            for start, length in part:
                extents.extent.add(start=start, length=length)
        for field in ("dtype", "offset", "size", "crc32c", "shard_id"):
            if field in changes:
                setattr(entry, field, changes[field])
        entries.append((name.encode(), 0, entry.SerializeToString()))
        data += content
    prefix.with_name(prefix.name + ".index").write_bytes(write_table(entries))
    prefix.with_name(prefix.name + ".data-00000-of-00001").write_bytes(data)
