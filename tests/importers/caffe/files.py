"""Writes what Caffe writes: messages in protobuf's binary format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def varint(number: int) -> bytes:
    """A number, seven bits to a byte."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, content: bytes | int) -> bytes:
    """A field of a message: a number, or bytes with their length."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(values: np.ndarray) -> bytes:
    """A BlobProto of float32."""
    shape = field(7, field(1, b"".join(map(varint, values.shape))))
    return shape + field(5, np.ascontiguousarray(values, "<f4").tobytes())


def caffemodel(weights: Mapping[str, Sequence[np.ndarray]]) -> bytes:
    """A NetParameter with the blobs of layers."""
    layers = (
        field(1, name.encode()) + b"".join(field(7, blob(value)) for value in values)
        for name, values in weights.items()
    )
    return b"".join(field(100, layer) for layer in layers)
