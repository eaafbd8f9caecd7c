"""Tensors of BigDL's files: views of storages that several tensors may share, inside the file or in one beside it."""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparkdl.errors import ImporterError
from sparkdl.importers.bigdl.schema import enum_number, message_class

GLOBAL_STORAGE = "global_storage"
_MAGIC = 3721
_DIGEST = "md5"  # what the format says; it finds damage, and is no defence against intent
# By the names of DataType: the field of a storage, and the type in a file of weights (Java's, big-endian).
_FIELDS = {
    "FLOAT": ("float_data", ">f4"),
    "DOUBLE": ("double_data", ">f8"),
    "INT32": ("int_data", ">i4"),
    "INT64": ("long_data", ">i8"),
    "BOOL": ("bool_data", ">i1"),
}
# The numbers of types in a file of weights differ from those in the model's file.
_WEIGHT_TYPES = {0: "FLOAT", 1: "DOUBLE", 3: "BOOL", 5: "INT32", 7: "INT64"}
_DATA_TYPES = {enum_number("DataType", name): name for name in _FIELDS}

Array = np.ndarray[Any, Any]


@dataclass
class Storages:
    """The numbers of a file, by the ids of their storages.

    Attributes:
        path: the file, for messages.
        arrays: one flat array for each storage.
    """

    path: str
    arrays: dict[int, Array] = field(default_factory=dict)

    def add_global(self, model: Any) -> None:
        """Takes the storages that stand in the attribute `global_storage` of the outermost module."""
        if GLOBAL_STORAGE in model.attr:
            for value in model.attr[GLOBAL_STORAGE].nameAttrListValue.attr.values():
                self.tensor(value.tensorValue)

    def add_weights(self, data: bytes) -> None:
        """Takes the storages of a file of weights.

        Raises:
            ImporterError: if it is none, or damaged.
        """
        self.arrays.update(read_weights(data, self.path))

    def tensor(self, message: Any) -> Array | None:
        """The array that a tensor of the file is, or None for an empty one.

        Raises:
            ImporterError: if its storage is missing or too small, or its type unknown.
        """
        storage = message.storage
        name = _DATA_TYPES.get(storage.datatype or message.datatype)
        if name is None:
            raise ImporterError(f"{self.path}: a tensor has the type {storage.datatype}, which is none of numbers.")
        numbers = getattr(storage, _FIELDS[name][0])
        if len(numbers):
            self.arrays[storage.id] = np.array(numbers)
        if storage.id not in self.arrays:
            if message.nElements:
                raise ImporterError(
                    f"{self.path}: the {message.nElements} numbers of a tensor are not in the file; if the weights "
                    "were saved beside the model, name that file too (weight_path)."
                )
            return None
        return self._view(self.arrays[storage.id], message)

    def _view(self, numbers: Array, message: Any) -> Array:
        size, stride, start = list(message.size), list(message.stride), message.offset - 1
        last = start + sum((count - 1) * step for count, step in zip(size, stride, strict=False))
        if (
            len(size) != len(stride)
            or start < 0
            or min(stride, default=0) < 0
            or min(size, default=1) < 1
            or last >= len(numbers)
        ):
            raise ImporterError(
                f"{self.path}: a tensor of size {size}, stride {stride} and offset {message.offset} does not fit into "
                f"its {len(numbers)} numbers; the file is damaged."
            )
        steps = [step * numbers.itemsize for step in stride]
        return np.lib.stride_tricks.as_strided(numbers[start:], size, steps).astype(np.float32)


def read_weights(data: bytes, path: str) -> dict[int, Array]:
    """The storages of a file of weights, by their ids.

    Raises:
        ImporterError: if it is none, or damaged.
    """
    place = 0

    def integer() -> int:
        nonlocal place
        if place + 4 > len(data):
            raise ImporterError(f"{path} ends in the middle; the file of weights is damaged.")
        place += 4
        return int(struct.unpack_from(">i", data, place - 4)[0])

    if integer() != _MAGIC:
        raise ImporterError(f"{path} is no file of weights that BigDL wrote: it does not begin with {_MAGIC}.")
    found: dict[int, Array] = {}
    for _ in range(integer()):
        identity, kind, count = integer(), integer(), integer()
        if kind not in _WEIGHT_TYPES:
            raise ImporterError(f"{path} holds numbers of the type {kind}, expected one of {sorted(_WEIGHT_TYPES)}.")
        dtype = np.dtype(_FIELDS[_WEIGHT_TYPES[kind]][1])
        if count < 0 or place + count * dtype.itemsize > len(data):
            raise ImporterError(f"{path} ends in the middle; the file of weights is damaged.")
        found[identity] = np.frombuffer(data, dtype, count, place).astype(dtype.newbyteorder("="))
        place += count * dtype.itemsize
    digest = hashlib.new(_DIGEST, data[:place], usedforsecurity=False).digest()
    length = integer()
    if data[place : place + length] != digest:
        raise ImporterError(f"{path}: its checksum is wrong; the file of weights is damaged.")
    return found


def weights_file(storages: Mapping[int, Array]) -> bytes:
    """A file of weights with these storages of float32.

    Example:
        >>> read_weights(weights_file({7: np.ones(2, np.float32)}), "m.bin")
        {7: array([1., 1.], dtype=float32)}
    """
    parts = [struct.pack(">ii", _MAGIC, len(storages))]
    for identity, numbers in storages.items():
        parts += [struct.pack(">iii", identity, 0, numbers.size), numbers.astype(">f4").tobytes()]
    body = b"".join(parts)
    digest = hashlib.new(_DIGEST, body, usedforsecurity=False).digest()
    return body + struct.pack(">i", len(digest)) + digest


@dataclass
class Written:
    """The tensors of a file that is being written: each array once, however often it is mentioned.

    Attributes:
        arrays: the numbers by the ids of their storages.
        ids: of modules, tensors and storages, which BigDL looks up in one table.
    """

    arrays: dict[int, Array] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _tensors: dict[int, tuple[Array, Any]] = field(default_factory=dict)

    def tensor(self, array: Array) -> Any:
        """The message for an array: its size, and the ids of tensor and storage, without the numbers."""
        if id(array) not in self._tensors:
            storage = next(self.ids)
            message = message_class("BigDLTensor")(
                datatype=enum_number("DataType", "FLOAT"),
                size=array.shape,
                stride=[stride // 4 for stride in np.empty(array.shape, np.float32).strides],
                offset=1,
                dimension=array.ndim,
                nElements=array.size,
                id=next(self.ids),
            )
            message.storage.datatype = enum_number("DataType", "FLOAT")
            message.storage.id = storage
            self._tensors[id(array)] = array, message
            self.arrays[storage] = np.ascontiguousarray(array, np.float32).reshape(-1)
        return self._tensors[id(array)][1]

    def add_global(self, model: Any) -> None:
        """Writes all numbers into the attribute `global_storage` of the outermost module."""
        attribute = model.attr[GLOBAL_STORAGE]
        attribute.dataType = enum_number("DataType", "NAME_ATTR_LIST")
        attribute.nameAttrListValue.name = GLOBAL_STORAGE
        for _, message in self._tensors.values():
            value = attribute.nameAttrListValue.attr[str(message.id)].tensorValue
            value.CopyFrom(message)
            value.storage.float_data.extend(self.arrays[message.storage.id].tolist())
