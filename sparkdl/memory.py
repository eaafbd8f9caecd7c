"""Arrays at boundaries that TensorFlow likes: such memory it uses without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

_ALIGNMENT = 64


def aligned_rows(rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """A new array (rows, *shape) that begins at a 64-byte boundary; its values are arbitrary.

    Example:
        >>> aligned_rows(2, (3,), np.dtype("float32")).ctypes.data % 64
        0
    """
    nbytes = rows * dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    memory = np.empty(nbytes + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + nbytes].view(dtype).reshape(rows, *shape)
