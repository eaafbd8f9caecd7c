"""Protobuf's binary format, without reading it into messages: to tell what a file is, and to view large arrays."""

from __future__ import annotations

from collections.abc import Iterator

from sparkdl.errors import ImporterError
from sparkdl.importers.tensorflow.sorted_table import read_varint

_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5
_FIXED = {_EIGHT: 8, _FOUR: 4}


def fields(data: memoryview, path: str) -> Iterator[tuple[int, int | memoryview, int]]:
    """The numbers of a message's fields with their contents, a number or a view of bytes, and the place behind them.

    Raises:
        ImporterError: where the bytes are no message.

    Example:
        >>> [number for number, _, _ in fields(memoryview(b"\\x0a\\x01a\\x18\\x05"), "graph.pb")]
        [1, 3]
    """
    place = 0
    while place < len(data):
        start = place
        tag, place = read_varint(data, place, path)
        number, kind = tag >> 3, tag & 7
        size = _FIXED.get(kind, 0)
        if kind in (_VARINT, _LENGTH):
            size, place = read_varint(data, place, path)
        if kind == _VARINT:
            yield number, size, place
            continue
        if number == 0 or kind not in (_EIGHT, _LENGTH, _FOUR) or size > len(data) - place:
            raise ImporterError(f"{path}, byte {start}: no field of a message; the file is damaged or of another kind.")
        place += size
        yield number, data[place - size : place], place
