"""BigDL's file of TensorFlow weights (`.bin`): a Java-serialised `HashMap<String, JTensor>`, and nothing else.

Java's format names classes and says what fields they have. Here exactly those of such a map are accepted, with the
fields that they have, and read as what they are: no class is looked up by its name.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparkdl.errors import ImporterError, UnsupportedError
from sparkdl.importers.files import PathLike, map_file
from sparkdl.storage.paths import path_text

_MAGIC = b"\xac\xed\x00\x05"
_NULL, _REFERENCE, _CLASS, _OBJECT, _STRING, _ARRAY = 0x70, 0x71, 0x72, 0x73, 0x74, 0x75
_BLOCK, _END, _LONG_STRING = 0x77, 0x78, 0x7C
_FIRST_HANDLE = 0x7E0000
_SERIALIZABLE, _WRITES_MORE = 2, 3

_MAP = "java.util.HashMap"
_TENSOR = ".JTensor"  # in another package in each of BigDL's versions
_ARRAYS = {"[F": ">f4", "[I": ">i4"}
# Fields by kind of class: their names and types, in the order in which Java writes them.
_FIELDS = {
    _MAP: {"loadFactor": "F", "threshold": "I"},
    _TENSOR: {"bigdlType": "Ljava/lang/String;", "indices": "[[I", "shape": "[I", "storage": "[F"},
    **dict.fromkeys((*_ARRAYS, "[[I"), {}),
}


@dataclass(frozen=True, slots=True)
class _Class:
    kind: str  # a key of _FIELDS
    fields: tuple[str, ...]


def read_java_map(path: PathLike) -> Mapping[str, np.ndarray]:
    """The arrays by their names; they are views of the file, big-endian as Java writes them.

    Raises:
        ImporterError: where the file is damaged, or no such map.
        UnsupportedError: where a tensor is sparse.
    """
    shown = path_text(path)
    return _Reader(memoryview(map_file(path)), shown).file()


class _Reader:
    def __init__(self, data: memoryview, path: str) -> None:
        self._data, self._path, self._place = data, path, 0
        # What was read, in order: later parts of the file refer to it.
        self._handles: list[Any] = []
        self._readers: dict[int, Callable[[], Any]] = {
            _NULL: lambda: None,
            _REFERENCE: self._reference,
            _CLASS: self._class,
            _OBJECT: self._object,
            _STRING: lambda: self._string(">H"),
            _LONG_STRING: lambda: self._string(">Q"),
            _ARRAY: self._array,
        }

    def file(self) -> Mapping[str, np.ndarray]:
        if bytes(self._take(len(_MAGIC))) != _MAGIC:
            raise ImporterError(f"{self._path} was not written by Java's serialisation; expected BigDL's bin_file.")
        self._expect(_OBJECT, "a map")
        return self._map()

    def _error(self, what: str) -> ImporterError:
        return ImporterError(
            f"{self._path}, byte {self._place}: {what}; the file is damaged, or no map of tensors that BigDL wrote."
        )

    def _take(self, size: int) -> memoryview:
        start = self._place
        if size > len(self._data) - start:
            raise self._error(f"{size} bytes are to come where {len(self._data) - start} are left")
        self._place += size
        return self._data[start : self._place]

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _text(self, form: str = ">H") -> str:
        try:
            return bytes(self._take(self._number(form))).decode("utf-8")
        except UnicodeDecodeError:
            raise self._error("bytes that make no text") from None

    def _expect(self, tag: int, what: str) -> None:
        found = self._number("B")
        if found != tag:
            raise self._error(f"expected {what} ({tag:#x}), found {found:#x}")

    def _next(self, *tags: int) -> Any:
        tag = self._number("B")
        if tag not in tags:
            raise self._error(f"expected one of {', '.join(map(hex, tags))}, found {tag:#x}")
        return self._readers[tag]()

    def _keep(self, value: Any) -> Any:
        self._handles.append(value)
        return value

    def _reference(self) -> Any:
        number = self._number(">I") - _FIRST_HANDLE
        if not 0 <= number < len(self._handles):
            raise self._error(f"a reference to object {number} of {len(self._handles)}")
        return self._handles[number]

    def _string(self, form: str) -> str:
        text: str = self._keep(self._text(form))
        return text

    def _type(self) -> str:
        """The type of a field that is no number, which is an object of its own."""
        text = self._next(_STRING, _REFERENCE)
        if not isinstance(text, str):
            raise self._error("expected the type of a field")
        return text

    def _class(self) -> _Class:
        name = self._text()
        kind = _TENSOR if name.endswith(_TENSOR) else name
        if kind not in _FIELDS:
            raise self._error(f"an object of class {name!r}, which is never read; expected a map of tensors")
        self._take(8)  # the version of the class
        place = len(self._handles)
        self._keep(None)
        flags = self._number("B")
        fields = {}
        for _ in range(self._number(">H")):
            code = chr(self._number("B"))
            field = self._text()
            fields[field] = self._type() if code in "L[" else code
        known = {name: _FIELDS[kind][name] for name in fields if name in _FIELDS[kind]}
        missing = _FIELDS[kind].keys() - fields - {"indices"}  # which the first versions of BigDL did not have
        if fields != known or missing or flags != (_WRITES_MORE if kind == _MAP else _SERIALIZABLE):
            raise self._error(f"class {name!r} has fields {fields}; expected {_FIELDS[kind]}")
        self._expect(_END, "the end of a class")
        self._expect(_NULL, "no class above")
        self._handles[place] = _Class(kind, tuple(fields))
        return self._handles[place]

    def _described(self, *kinds: str) -> _Class:
        found = self._next(_CLASS, _REFERENCE)
        if not isinstance(found, _Class) or found.kind not in kinds:
            raise self._error(f"expected the class {' or '.join(kinds)}")
        return found

    def _map(self) -> Mapping[str, np.ndarray]:
        self._described(_MAP)
        self._keep(None)
        self._take(8)  # how full the map may be
        self._expect(_BLOCK, "the size of the map")
        if self._number("B") != 8:
            raise self._error("expected two numbers, the size of the map")
        self._take(4)
        found = {}
        for _ in range(self._number(">I")):
            name = self._next(_STRING, _LONG_STRING, _REFERENCE)
            value = self._next(_OBJECT, _REFERENCE)
            if not isinstance(name, str) or not isinstance(value, np.ndarray) or value.dtype != ">f4":
                raise self._error("expected a name and a tensor")
            found[name] = value
        self._expect(_END, "the end of the map")
        return found

    def _object(self) -> np.ndarray:
        """A tensor: what it consists of as one array."""
        fields = self._described(_TENSOR).fields
        place = len(self._handles)
        self._keep(None)
        parts = {name: self._next(_NULL, _REFERENCE, _STRING, _ARRAY) for name in fields}
        shape, storage = parts["shape"], parts["storage"]
        if parts.get("indices") is not None:
            raise UnsupportedError(f"{self._path} holds a sparse tensor; expected dense ones, as weights are.")
        if not (_is_array(shape, ">i4") and _is_array(storage, ">f4")):
            raise self._error("a tensor without shape or numbers")
        sizes = tuple(int(size) for size in shape)
        if min(sizes, default=0) < 0 or len(sizes) > 32 or math.prod(sizes) != len(storage):
            raise self._error(f"a tensor of shape {sizes[:32]} with {len(storage)} numbers")
        self._handles[place] = storage.reshape(sizes)
        return self._handles[place]

    def _array(self) -> np.ndarray:
        dtype = np.dtype(_ARRAYS[self._described(*_ARRAYS).kind])
        place = len(self._handles)
        self._keep(None)
        count = self._number(">I")
        data = self._take(count * dtype.itemsize)
        self._handles[place] = np.frombuffer(data, dtype) if count else np.empty(0, dtype)
        return self._handles[place]


def _is_array(value: Any, dtype: str) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == dtype and value.ndim == 1
