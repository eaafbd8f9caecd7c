"""A tensor of a checkpoint, made of slices that are read when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from sparkdl.errors import ImporterError, UnsupportedError
from sparkdl.importers.tensorflow.slices import Shape, Slice, check_pieces, whole

_WIDENED = 8  # bytes of a number that format 1 may write as one
NEWEST = 1  # the version of both formats of checkpoints that TensorFlow writes


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor of a checkpoint.

    Attributes:
        place: the file and the tensor, for error messages.
        dtype: TensorFlow's number of its type.
        shape: of the whole tensor.
        stored: the bytes of the files in which it lies: a limit of what is worth joining.
        pieces: slices, each with what reads it.
    """

    place: str
    dtype: int
    shape: Shape
    stored: int
    pieces: Sequence[tuple[Slice, Callable[[], np.ndarray]]]

    def read(self, part: Slice | None = None) -> np.ndarray:
        """The tensor, or a slice of it: where that is stored in one piece, a view of the file.

        Raises:
            ImporterError: where the file is damaged, or has no such slice.
            UnsupportedError: where it holds no numbers.
        """
        wanted = part if part is not None else whole(len(self.shape))
        if not wanted.fits(self.shape):
            raise ImporterError(f"{self.place} of shape {list(self.shape)} has no part {wanted}.")
        index = wanted.index(self.shape)
        for piece, load in self.pieces:
            if piece.fits(self.shape) and piece.index(self.shape) == index:
                return load()
        check_pieces(self.shape, [piece for piece, _ in self.pieces], self.place)
        dtype = numpy_type(self.dtype, self.place)
        size = math.prod(self.shape) * dtype.itemsize
        if size > _WIDENED * self.stored:
            raise ImporterError(f"{self.place} has slices of {size} bytes in files of {self.stored}; they are damaged.")
        full = np.zeros(self.shape, dtype)
        for piece, load in self.pieces:
            full[piece.index(self.shape)] = load()
        return full[index]


def numpy_type(number: int, place: str) -> np.dtype:
    """numpy's type of numbers for TensorFlow's number of it.

    Raises:
        ImporterError: where TensorFlow has no such type.
        UnsupportedError: where it is not one of numbers.
    """
    try:
        dtype = tf.dtypes.as_dtype(number)
    except TypeError:
        raise ImporterError(f"{place} is of type {number}, which TensorFlow does not have; is it damaged?") from None
    if not (dtype.is_numpy_compatible and dtype not in (tf.string, tf.resource, tf.variant)):
        raise UnsupportedError(f"{place} is a {dtype.name}; expected numbers.")
    return np.dtype(dtype.as_numpy_dtype)


def viewed(data: memoryview, dtype: np.dtype, shape: Shape, place: str, big_endian: bool = False) -> np.ndarray:
    """Numbers as they stand in a file, as an array: a view, unless they must be turned around.

    Raises:
        ImporterError: where they are not as many as the shape says.
    """
    count = math.prod(shape)
    if count * dtype.itemsize != len(data):
        raise ImporterError(
            f"{place} has {len(data)} bytes; expected {count} times {dtype.itemsize}, as its shape {list(shape)} says. "
            "The file is damaged."
        )
    if not count:
        return _empty(shape, dtype, place)
    if big_endian:
        unit = dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize
        return np.frombuffer(data, f">u{unit}").astype(f"=u{unit}").view(dtype).reshape(shape)
    return np.frombuffer(data, dtype).reshape(shape)


def _empty(shape: Shape, dtype: np.dtype, place: str) -> np.ndarray:
    try:
        return np.empty(shape, dtype)
    except ValueError as error:
        raise ImporterError(f"{place} has the shape {list(shape)}: {error}. The file is damaged.") from error


def check_version(versions: object, path: str) -> None:
    """Raises UnsupportedError where a checkpoint's VersionDef says that only newer programs read it."""
    oldest = getattr(versions, "min_consumer", 0)
    if oldest > NEWEST:
        raise UnsupportedError(f"{path} has version {oldest}; expected at most {NEWEST}, as TensorFlow writes it.")
