"""An array that grows by rows, in anonymous memory or in an unlinked file on local disk."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import IO

import numpy as np

from sparkdl.errors import DataError

_FIRST_BYTES = 1 << 20
_FILE_STEP = 64 << 20


class GrowingArray:
    """Rows of one shape and dtype, appended block by block.

    Memory grows through the kernel's page tables (mremap) and is committed when written, so that growing
    neither copies nor wastes. `spill` moves everything to a file that has no name any more: nothing is left on
    disk after the process, however it ends.

    Example:
        >>> import numpy as np
        >>> rows = GrowingArray((2,), "uint8")
        >>> rows.append(np.array([[1, 2], [3, 4]]))
        >>> rows.array().tolist()
        [[1, 2], [3, 4]]
    """

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        """Starts empty; `shape` is that of one row."""
        self._shape = shape
        self._dtype = np.dtype(dtype)
        self._row_bytes = int(np.prod(shape, dtype=np.int64)) * self._dtype.itemsize
        self._file: IO[bytes] | None = None
        self._directory = tempfile.gettempdir()
        self._map: mmap.mmap | None = None
        self.rows = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the rows held."""
        return self.rows * self._row_bytes

    @property
    def on_disk(self) -> bool:
        """Whether the rows lie in a file."""
        return self._file is not None

    def append(self, values: np.ndarray) -> None:
        """Copies `values` (rows, *shape) behind the rows held, converting to the array's dtype."""
        needed = (self.rows + len(values)) * self._row_bytes
        if self._map is None or needed > len(self._map):
            self._grow(needed)
        first, self.rows = self.rows, self.rows + len(values)
        self.array()[first:] = values

    def array(self) -> np.ndarray:
        """All rows, as a view (rows, *shape); to be dropped before the next `append`."""
        if self._map is None:
            return np.empty((self.rows, *self._shape), self._dtype)
        count = self.rows * int(np.prod(self._shape, dtype=np.int64))
        return np.frombuffer(self._map, self._dtype, count).reshape(self.rows, *self._shape)

    def spill(self, directory: str | None) -> None:
        """Moves the rows to an unnamed file in `directory` (None: the system's temporary directory).

        Raises:
            DataError: the disk is full or the directory cannot be written.
        """
        if self._file is not None:
            return
        before = self.array()
        self._directory, self.rows = directory or self._directory, 0
        try:
            self._file = tempfile.TemporaryFile(prefix="sparkdl-", dir=self._directory)
        except OSError as error:
            raise _disk_error(self._directory, error) from error
        self._map = None
        self.append(before)

    def trim(self) -> None:
        """Gives back the room beyond the last row."""
        if self._map is not None and self.nbytes < len(self._map):
            self._resize(max(self.nbytes, 1))

    def close(self) -> None:
        """Lets go of memory and file; views that others still hold stay valid."""
        self._map, self.rows = None, 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _grow(self, needed: int) -> None:
        if self._file is None:
            self._resize(max(_FIRST_BYTES, needed + needed // 2))
        else:
            self._resize(needed + max(_FILE_STEP, needed // 4))

    def _resize(self, size: int) -> None:
        if self._file is not None:
            self._map = None
            try:
                # Reserving the blocks now turns a full disk into an error here instead of a SIGBUS later.
                os.ftruncate(self._file.fileno(), size)
                os.posix_fallocate(self._file.fileno(), 0, size)
            except OSError as error:
                raise _disk_error(self._directory, error) from error
            self._map = mmap.mmap(self._file.fileno(), size)
        elif self._map is None:
            self._map = _anonymous(size)
        else:
            self._map = _resized(self._map, size)


def _anonymous(size: int) -> mmap.mmap:
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)  # filling a store is mostly page faults: a third of the time with 2 MB pages
    return memory


def _resized(old: mmap.mmap, size: int) -> mmap.mmap:
    try:
        old.resize(size)
    except SystemError:  # no mremap on this platform
        new = _anonymous(size)
        kept = min(size, len(old))
        new[:kept] = old[:kept]
        return new
    return old


def _disk_error(directory: str, error: OSError) -> DataError:
    return DataError(
        f"the training data does not fit in memory and cannot be spilled to {directory!r} "
        f"({error.strerror}): give spill_directory a local disk with room, or use more workers."
    )
