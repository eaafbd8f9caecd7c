"""Sorted tables, in which TensorFlow keeps checkpoints: LevelDB's format, blocks of keys and values with checksums."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import google_crc32c

from sparkdl.errors import ImporterError, UnsupportedError

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)

_FOOTER, _TRAILER = 48, 5  # bytes behind the last block, and behind each: the kind of compression, a checksum
_PIECE = 2**20
# Keys are stored as what differs from the key before. A file in which that saves more than this wants our memory.
_MOST_SAVED = 64


def crc32c(data: memoryview, seed: int = 0) -> int:
    """The CRC-32C of bytes, in pieces since the library takes no views."""
    for start in range(0, len(data), _PIECE):
        seed = google_crc32c.extend(seed, bytes(data[start : start + _PIECE]))
    return seed


def masked(crc: int) -> int:
    """A checksum as it is stored.

    Example:
        >>> hex(masked(0))
        '0xa282ead8'
    """
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read_varint(data: memoryview, place: int, path: str) -> tuple[int, int]:
    """A number in base 128, low digits first, and the place behind it.

    Example:
        >>> read_varint(memoryview(bytes([0xac, 0x02])), 0, "file")
        (300, 2)
    """
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        value |= (data[place] & 127) << shift
        place += 1
        if data[place - 1] < 128:
            return value, place
    raise ImporterError(f"{path}, byte {place}: a number does not end; the file is damaged.")


def read_table(data: memoryview, path: str) -> dict[bytes, memoryview]:
    """All keys of a table with views of their values, in the order of the keys.

    Args:
        data: the whole file.
        path: the file, for error messages.

    Raises:
        ImporterError: where it is no table, truncated or altered.
        UnsupportedError: where it is compressed; TensorFlow writes none that are.
    """
    if len(data) < _FOOTER or data[-8:] != MAGIC:
        raise ImporterError(f"{path} is no checkpoint of TensorFlow: it does not end as one does; is it truncated?")
    footer = len(data) - _FOOTER
    _, _, place = _handle(data, footer, path)  # of an index of other things, which checkpoints do not have
    start, size, _ = _handle(data, place, path)
    found: dict[bytes, memoryview] = {}
    budget = _PIECE + _MOST_SAVED * len(data)
    behind = 0
    for _, value in _entries(_block(data, start, size, footer, path), path):
        start, size, _ = _handle(value, 0, path)
        if start < behind:
            raise ImporterError(f"{path}: the block at byte {start} overlaps with one before; the file is damaged.")
        behind = start + size
        for key, content in _entries(_block(data, start, size, footer, path), path):
            found[key] = content
            budget -= len(key)
            if budget < 0:
                raise ImporterError(f"{path}: its keys are many times larger than the file; the file is damaged.")
    return found


def _handle(data: memoryview, place: int, path: str) -> tuple[int, int, int]:
    """Where a block starts, its size, and the place behind these two numbers."""
    start, place = read_varint(data, place, path)
    size, place = read_varint(data, place, path)
    return start, size, place


def _block(data: memoryview, start: int, size: int, end: int, path: str) -> memoryview:
    if start + size + _TRAILER > end:
        raise ImporterError(
            f"{path}: a block of {size} bytes at byte {start} does not fit into {end} bytes; the file is damaged."
        )
    stop = start + size
    (stored,) = struct.unpack_from("<I", data, stop + 1)
    if masked(crc32c(data[start : stop + 1])) != stored:
        raise ImporterError(f"{path}: the block at byte {start} has another checksum than stored; the file is damaged.")
    if data[stop]:
        raise UnsupportedError(
            f"{path}: the block at byte {start} is compressed (kind {data[stop]}); expected none, as TensorFlow writes "
            "them: read it with TensorFlow and write it again."
        )
    return data[start:stop]


def _entries(block: memoryview, path: str) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of a block. At its end stand places where keys are whole, and their number."""
    count = struct.unpack_from("<I", block, len(block) - 4)[0] if len(block) >= 4 else 0
    end = len(block) - 4 * (count + 1)
    if not count or end < 0:
        raise ImporterError(f"{path}: a block of {len(block)} bytes has {count} restarts; the file is damaged.")
    entries = block[:end]
    place, key = 0, b""
    while place < end:
        shared, place = read_varint(entries, place, path)
        added, place = read_varint(entries, place, path)
        length, place = read_varint(entries, place, path)
        if shared > len(key) or added + length > end - place:
            raise ImporterError(f"{path}: an entry of a block is longer than the block; the file is damaged.")
        key = key[:shared] + bytes(entries[place : place + added])
        place += added + length
        yield key, entries[place - length : place]
