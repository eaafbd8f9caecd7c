"""HDF5 files of others: only what is named is followed, and memory is taken for what the file holds."""

from __future__ import annotations

import contextlib
import io
import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sparkdl.errors import ImporterError, SparkDLError

MAGIC = b"\x89HDF\r\n\x1a\n"
_HEAP, _SMALLEST_HEAP, _OBJECT = b"GCOL\x01", 4096, 16
_TEXTS = (b"model_config\0", b"training_config\0", b"keras_version\0", b"backend\0")
_VARIABLE_LENGTH = 9  # the class of types
ITEMS = 10**6  # names in one attribute
SMALL = 2**26  # bytes that may be taken whatever a file is like
EXPANSION = 100  # how often a file's size its arrays may have, where they are compressed

Bytes = bytes | mmap.mmap


@contextlib.contextmanager
def opened(content: Path | bytes, path: str) -> Iterator[h5py.File]:
    """An HDF5 file for reading; what goes wrong with it is an ImporterError.

    Args:
        content: where the file is, or what is in it.
        path: the file, for messages.

    Raises:
        ImporterError: where it is damaged.
    """
    try:
        data = _bytes_of(content)
        _check_heaps(data, path)
        _check_texts(data, path)
        with h5py.File(content if isinstance(content, Path) else io.BytesIO(content), "r") as file:
            yield file
    except SparkDLError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, MemoryError) as error:
        raise ImporterError(f"{path} cannot be read: {error}; expected HDF5 as Keras writes it.") from error


def _bytes_of(content: Path | bytes) -> Bytes:
    if isinstance(content, bytes):
        return content
    with content.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _check_heaps(data: Bytes, path: str) -> None:
    """Refuses damaged heaps of texts, in which libhdf5 (1.14 and before) looks for the next object for ever."""
    sizes = data[13:15] if data[8:9] < b"\x02" else data[9:11]
    if bytes(sizes) != b"\x08\x08":
        raise ImporterError(f"{path} is HDF5 with numbers of other sizes than Keras writes; the file is damaged.")
    place = data.find(_HEAP)
    while place >= 0:
        size = int.from_bytes(data[place + 8 : place + 16], "little")
        if _SMALLEST_HEAP <= size <= len(data) - place and not _is_sound(data, place + 16, place + size):
            raise ImporterError(f"{path}: the texts at byte {place} cannot be read; the file is damaged.")
        place = data.find(_HEAP, place + 1)


def _check_texts(data: Bytes, path: str) -> None:
    """Refuses texts that claim to be longer than the file: libhdf5 takes the memory before it looks for them."""
    for name in _TEXTS:
        place = data.find(name)
        while place >= 0:
            if (length := _length(data, place)) > len(data):
                claim = f"the attribute {name[:-1].decode('ascii')!r} claims {length} bytes"
                raise ImporterError(f"{path}: {claim}, and the file has {len(data)}; it is damaged.")
            place = data.find(name, place + 1)


def _length(data: Bytes, place: int) -> int:
    """The length that an attribute's text claims, from where the name stands in its message; 0 where it is none.

    Source: HDF5 File Format Specification 3.0, IV.A.2.m, "The Attribute Message".
    """
    versions = {1: place - 8, 2: place - 8, 3: place - 9}
    version = next((number for number, start in versions.items() if start >= 0 and data[start] == number), None)
    if version is None:
        return 0
    start, step = versions[version] + 2, 8 if version == 1 else 1
    sizes = (int.from_bytes(data[at : at + 2], "little") for at in (start, start + 2, start + 4))
    name, kind, space = (-(-size // step) * step for size in sizes)
    if data[place + name : place + name + 1] and data[place + name] & 0x0F == _VARIABLE_LENGTH:
        at = place + name + kind + space
        return int.from_bytes(data[at : at + 4], "little")
    return 0


def _is_sound(data: Bytes, place: int, end: int) -> bool:
    """Whether the objects of a heap follow each other up to its end: a number of 2 bytes, 6 others, a size of 8."""
    while place + _OBJECT <= end:
        size = int.from_bytes(data[place + 8 : place + 16], "little")
        free = data[place : place + 2] == b"\0\0"
        step = size if free else _OBJECT + -(-size // 8) * 8
        if not 0 < step <= end - place:
            return False
        place += step
    return True


def text(item: Any, name: str, path: str) -> str | None:
    """An attribute that is a text, or None where there is none."""
    if name not in item.attrs:
        return None
    value = item.attrs[name]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, str):
        return value
    raise ImporterError(f"{path}: the attribute {name!r} is no text; the file is damaged.")


def names(item: Any, name: str, path: str) -> list[str]:
    """An attribute that is a list of names, which may be stored in pieces `name0`, `name1`, ...

    Raises:
        ImporterError: where it is none.
    """
    pieces = [name] if name in item.attrs else []
    while not (pieces and pieces[0] == name) and f"{name}{len(pieces)}" in item.attrs and len(pieces) < ITEMS:
        pieces.append(f"{name}{len(pieces)}")
    found: list[str] = []
    for piece in pieces:
        if math.prod(item.attrs.get_id(piece).shape) > ITEMS:
            raise ImporterError(f"{path}: the attribute {piece!r} has too many names; the file is damaged.")
        value = np.asarray(item.attrs[piece])
        if value.size and value.dtype.kind not in "SUO":
            raise ImporterError(f"{path}: the attribute {piece!r} is no list of names; the file is damaged.")
        found.extend(part.decode("utf-8") if isinstance(part, bytes) else str(part) for part in value.reshape(-1))
    return found


def child(group: Any, name: str, path: str) -> Any:
    """A group or dataset in a group, by a name that may have slashes; links to elsewhere are not followed.

    Raises:
        ImporterError: where it is not there.
    """
    for part in filter(None, name.split("/")):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise ImporterError(
                f"{path}: {name!r} is missing in {getattr(group, 'name', '/')!r}, or lies in another file; the file "
                "is damaged."
            )
        group = group[part]
    return group


def array_of(dataset: Any, size: int, path: str) -> np.ndarray:
    """The numbers of a dataset.

    Args:
        dataset: an item of an open file.
        size: the size of the file.
        path: the file, for messages.

    Raises:
        ImporterError: where it is no array of numbers, or one that is larger than the file explains.
    """
    check_dataset(dataset, size, path)
    return np.asarray(dataset)


def check_dataset(dataset: Any, size: int, path: str) -> None:
    """Refuses what is no array of numbers within the file."""
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "fiubV":
        raise ImporterError(f"{path}: {getattr(dataset, 'name', dataset)!r} is no array of numbers.")
    if dataset.external or dataset.is_virtual:
        raise ImporterError(f"{path}: {dataset.name!r} lies in another file; expected all weights in one.")
    taken = math.prod(dataset.shape) * dataset.dtype.itemsize
    if taken > max(SMALL, EXPANSION * size):
        raise ImporterError(
            f"{path}: {dataset.name!r} has the shape {dataset.shape}, {taken} bytes, but the file has only {size}; it "
            "is damaged."
        )
