"""Columns of images as they came: encoded, or pixels of any size.

Such a column is an object array (rows,): each row is uint8, (bytes,) for an encoded image and (height, width, channels)
for pixels. Its TensorSpec has the dtype "object" and the shape ().
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from sparkdl.data.growing import GrowingArray

PICTURE = "object"  # the dtype of such a column


@dataclass(frozen=True, slots=True)
class Pictures:
    """All rows of a `GrowingPictures`; it answers what a store asks of an object array.

    Attributes:
        content: uint8, the bytes of all rows.
        ends: int64 (rows,), where each row ends in them.
        shapes: int32 (rows, 3); (0, 0, 0) for an encoded image.
    """

    content: np.ndarray
    ends: np.ndarray
    shapes: np.ndarray
    dtype = np.dtype(PICTURE)

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows,)."""
        return (len(self.ends),)

    def __len__(self) -> int:
        return len(self.ends)

    def take(self, places: np.ndarray, axis: int = 0, out: np.ndarray | None = None, mode: str = "clip") -> np.ndarray:
        """The rows at `places`, as views; arguments as of numpy's `take`."""
        target = np.empty(len(places), PICTURE) if out is None else out
        for index, place in enumerate(places.tolist()):
            start = int(self.ends[place - 1]) if place else 0
            row = self.content[start : int(self.ends[place])]
            target[index] = row.reshape(self.shapes[place]) if self.shapes[place].any() else row
        return target


class GrowingPictures:
    """Images, appended block by block, in anonymous memory or on disk: the counterpart of `GrowingArray`.

    Example:
        >>> rows = GrowingPictures()
        >>> rows.append(picture_column([np.zeros((1, 2, 3), "uint8"), np.array([7, 8], "uint8")]))
        >>> [row.shape for row in rows.array().take(np.array([1, 0]))], rows.nbytes
        ([(2,), (1, 2, 3)], 48)
    """

    def __init__(self) -> None:
        self._content = GrowingArray((), "uint8")
        self._ends = GrowingArray((), "int64")
        self._shapes = GrowingArray((3,), "int32")
        self._parts = (self._content, self._ends, self._shapes)

    @property
    def rows(self) -> int:
        """Number of images."""
        return self._ends.rows

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(part.nbytes for part in self._parts)

    @property
    def on_disk(self) -> bool:
        """Whether they lie in files."""
        return self._content.on_disk

    def append(self, values: np.ndarray) -> None:
        """Copies images behind those held."""
        sizes = np.array([row.size for row in values], np.int64)
        shapes = [row.shape if row.ndim == 3 else (0, 0, 0) for row in values]
        self._ends.append(self._content.rows + np.cumsum(sizes))
        self._shapes.append(np.array(shapes, np.int32).reshape(-1, 3))
        for row in values:
            self._content.append(row.reshape(-1))

    def array(self) -> Pictures:
        """All images; to be dropped before the next `append`."""
        return Pictures(self._content.array(), self._ends.array(), self._shapes.array())

    def spill(self, directory: str | None) -> None:
        """Moves them to unnamed files; see `GrowingArray.spill`."""
        for part in self._parts:
            part.spill(directory)

    def trim(self) -> None:
        """Gives back the room beyond the last image."""
        for part in self._parts:
            part.trim()

    def close(self) -> None:
        """Lets go of memory and files."""
        for part in self._parts:
            part.close()


def picture_column(rows: list[np.ndarray]) -> np.ndarray:
    """Arrays of any shapes as an object array (rows,)."""
    column = np.empty(len(rows), PICTURE)
    for index, row in enumerate(rows):
        column[index] = row
    return column


def picture_hashes(rows: np.ndarray) -> np.ndarray:
    """A number for the content of each image: uint64 (rows,)."""
    digests = [
        hashlib.blake2b(np.ascontiguousarray(row).tobytes() + repr(row.shape).encode(), digest_size=8).digest()
        for row in rows
    ]
    return np.frombuffer(b"".join(digests), np.uint64)
