"""Protobuf's binary format (caffemodel, binaryproto) to plain dicts, by the table of `schema`.

Packed numbers are views of the file's bytes, so that a memory-mapped file of weights is not copied. Fields that the
table does not know are skipped, as protobuf does.
"""

from __future__ import annotations

import struct
from array import array
from typing import Any

import numpy as np

from sparkdl.errors import ImporterError
from sparkdl.importers.caffe.schema import ENUM_NAMES, ENUMS, MESSAGES, NUMBERED, Field

Message = dict[str, Any]
Buffer = Any  # bytes, or a memory-mapped file

MOST = 2**20  # strings and messages in one repeated field
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5
_FLOATS = {"float": ("<f", "<f4", _FOUR), "double": ("<d", "<f8", _EIGHT)}


def decode(data: Buffer, message: str, path: str) -> Message:
    """The fields of a message in binary format; repeated fields are lists (numbers: arrays), enums their names.

    Args:
        data: the bytes of the file.
        message: a key of `MESSAGES`.
        path: the file, for error messages.

    Raises:
        ImporterError: naming file and position, where the bytes are not such a message.

    Example:
        >>> decode(b"\\x0a\\x03net\\x20\\x03", "Net", "net.caffemodel")
        {'name': 'net', 'input_dim': [3]}
    """
    return _Reader(data, path).message(message, 0, len(data))


class _Reader:
    def __init__(self, data: Buffer, path: str) -> None:
        self.data, self.path = data, path

    def error(self, place: int, what: str) -> ImporterError:
        return ImporterError(f"{self.path}, byte {place}: {what}; the file is damaged, or not one that Caffe wrote.")

    def varint(self, place: int, end: int) -> tuple[int, int]:
        """A number and the place behind it."""
        value = shift = 0
        for position in range(place, min(end, place + 10)):
            byte = self.data[position]
            value |= (byte & 127) << shift
            if byte < 128:
                return value & (2**64 - 1), position + 1
            shift += 7
        raise self.error(place, "a number does not end")

    def message(self, kind: str, place: int, end: int) -> Message:
        result: Message = {}
        numbered = NUMBERED[kind]
        while place < end:
            start = place
            key, place = self.varint(place, end)
            field, wire = numbered.get(key >> 3), key & 7
            stop, place = self._extent(wire, place, end, start)
            if field is not None:
                try:
                    self._store(result, field, wire, (place, stop, start))
                except ImporterError:
                    # Forks gave the same numbers to fields of layers of their own; such fields stand in the prototxt.
                    if not field.name.endswith("_param"):
                        raise
            elif key >> 3 == 0:
                raise self.error(start, "a field has the number 0")
            place = stop
        return {name: _joined(value) for name, value in result.items()}

    def _extent(self, wire: int, place: int, end: int, start: int) -> tuple[int, int]:
        """Where the field's content ends and begins."""
        if wire == _VARINT:
            return self.varint(place, end)[1], place
        if wire == _LENGTH:
            length, place = self.varint(place, end)
        elif wire in (_EIGHT, _FOUR):
            length = 8 if wire == _EIGHT else 4
        else:
            raise self.error(start, f"a field has the unknown wire type {wire}")
        if length > end - place:
            raise self.error(start, f"a field of {length} bytes where {end - place} are left")
        return place + length, place

    def _store(self, result: Message, field: Field, wire: int, extent: tuple[int, int, int]) -> None:
        if field.kind in _FLOATS:
            self._floats(result, field, wire, extent)
            return
        values = self._values(field, wire, extent)
        if not field.repeated:
            if values:
                # A message given twice is one message with the fields of both.
                merged = field.kind in MESSAGES and field.name in result
                result[field.name] = {**result[field.name], **values[-1]} if merged else values[-1]
            return
        stored = result.setdefault(field.name, [])
        stored.extend(values)
        if len(stored) > MOST:
            raise self.error(extent[2], f"field {field.name!r} is repeated more than {MOST} times")

    def _values(self, field: Field, wire: int, extent: tuple[int, int, int]) -> list[Any]:
        place, stop, start = extent
        if field.kind in MESSAGES or field.kind == "string":
            if wire != _LENGTH:
                raise self.error(start, f"field {field.name!r} takes a {field.kind}, found wire type {wire}")
            if field.kind in MESSAGES:
                return [self.message(field.kind, place, stop)]
            return [self._string(field, place, stop)]
        if wire not in (_VARINT, _LENGTH) or (wire == _LENGTH and not field.repeated):
            raise self.error(start, f"field {field.name!r} takes a {field.kind}, found wire type {wire}")
        values = []
        while place < stop:
            number, place = self.varint(place, stop)
            values.append(_integer(number, field.kind))
            if len(values) > MOST:
                raise self.error(start, f"field {field.name!r} is repeated more than {MOST} times")
        return values

    def _string(self, field: Field, place: int, stop: int) -> str:
        try:
            return bytes(self.data[place:stop]).decode("utf-8")
        except UnicodeDecodeError:
            raise self.error(place, f"field {field.name!r} holds no text") from None

    def _floats(self, result: Message, field: Field, wire: int, extent: tuple[int, int, int]) -> None:
        place, stop, start = extent
        form, dtype, single = _FLOATS[field.kind]
        size = struct.calcsize(form)
        if wire == single:
            number = struct.unpack(form, bytes(self.data[place:stop]))[0]
            if not field.repeated:
                result[field.name] = number
                return
            parts = result.setdefault(field.name, [])
            if not parts or not isinstance(parts[-1], array):
                parts.append(array(form[1]))
            parts[-1].append(number)
        elif wire == _LENGTH and field.repeated and (stop - place) % size == 0:
            numbers = np.frombuffer(self.data, dtype, (stop - place) // size, place)
            result.setdefault(field.name, []).append(numbers)
        else:
            raise self.error(start, f"field {field.name!r} takes {field.kind}s, found wire type {wire}")


def _integer(number: int, kind: str) -> Any:
    if kind == "bool":
        return number != 0
    signed = number - 2**64 if number >= 2**63 and kind != "uint" else number
    return ENUM_NAMES[kind].get(signed, str(signed)) if kind in ENUMS else signed


def _joined(value: Any) -> Any:
    """The parts of a repeated field of floats as one array."""
    if isinstance(value, list) and value and isinstance(value[0], (np.ndarray, array)):
        return np.asarray(value[0]) if len(value) == 1 else np.concatenate([np.asarray(part) for part in value])
    return value
