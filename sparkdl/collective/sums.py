"""What every backend shares: checks of arguments, bytes of arrays, sums in rank order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparkdl.collective.runs import Runs, joined
from sparkdl.errors import ArgumentError
from sparkdl.types import FlatVector


def add_in_rank_order(parts: Sequence[np.ndarray], out: np.ndarray) -> np.ndarray:
    """Writes `((parts[0] + parts[1]) + parts[2]) + ...` into `out`, which may be parts[0] or parts[1] itself.

    Floating-point addition is not associative: only a fixed order gives the same bytes on every backend.

    Args:
        parts: at least one array per rank, all of one shape and dtype.
        out: an array of that shape and dtype.

    Example:
        >>> import numpy as np
        >>> add_in_rank_order([np.ones(2), np.ones(2), np.ones(2)], np.empty(2))
        array([3., 3.])
    """
    if len(parts) == 1:
        np.copyto(out, parts[0])
        return out
    np.add(parts[0], parts[1], out=out)
    for part in parts[2:]:
        np.add(out, part, out=out)
    return out


def byte_view(array: np.ndarray) -> memoryview:
    """The bytes of a contiguous array, without a copy.

    Example:
        >>> import numpy as np
        >>> byte_view(np.zeros((2, 3), "float32")).nbytes
        24
    """
    return array.reshape(-1).view(np.uint8).data


def check_flat(values: FlatVector, bounds: Sequence[int], size: int, operation: str) -> None:
    """Refuses what cannot be cut into `size` parts of a flat vector of numbers.

    Raises:
        ArgumentError: wrong dtype, shape, memory layout or bounds.
    """
    for array in _arrays(values):
        if array.dtype.kind not in "iuf" or array.ndim != 1 or not array.flags.c_contiguous:
            raise ArgumentError(
                f"{operation} needs a contiguous array of numbers of one dimension, but received {array.dtype} of "
                f"shape {array.shape}; pass np.ascontiguousarray(values, 'float32').ravel()."
            )
    if (
        len(bounds) != size + 1
        or bounds[0] < 0
        or bounds[-1] > len(values)
        or any(bounds[index] > bounds[index + 1] for index in range(size))
    ):
        raise ArgumentError(
            f"{operation} needs {size + 1} rising bounds between 0 and {len(values)}, but received {list(bounds)[:20]}."
        )


def _arrays(values: FlatVector) -> Sequence[np.ndarray]:
    return values.views if isinstance(values, Runs) else [joined(values)]


def check_summands(values: FlatVector, bounds: Sequence[int], size: int, scalars: np.ndarray) -> None:
    """Refuses what reduce_scatter cannot add up: other numbers than float32, other scalars than a flat float64 array.

    Raises:
        ArgumentError: wrong dtype, shape, memory layout or bounds.
    """
    check_flat(values, bounds, size, "reduce_scatter")
    for array in _arrays(values):
        if array.dtype != np.float32:
            raise ArgumentError(
                f"reduce_scatter adds up float32 numbers, but received {array.dtype}; convert them with "
                "np.asarray(values, 'float32')."
            )
    if scalars.dtype != np.float64 or scalars.ndim != 1:
        raise ArgumentError(
            f"The scalars of reduce_scatter must be float64 of one dimension, but they are {scalars.dtype} of "
            f"shape {scalars.shape}; convert them with np.asarray(scalars, 'float64').ravel()."
        )


def check_writeable(values: np.ndarray) -> None:
    """Refuses an array that all_gather cannot fill.

    Raises:
        ArgumentError: the array is read-only.
    """
    if not values.flags.writeable:
        raise ArgumentError("all_gather fills the array in place, but received a read-only one; pass a copy of it.")


def check_root(root: int, size: int) -> None:
    """Refuses a rank that does not exist.

    Raises:
        ArgumentError: `root` is not one of 0 to size - 1.
    """
    if not 0 <= root < size:
        raise ArgumentError(f"broadcast needs a root between 0 and {size - 1}, but received {root}.")


def numeric(values: np.ndarray) -> np.ndarray:
    """The array in contiguous memory, refused unless its elements are numbers.

    Raises:
        ArgumentError: a dtype that cannot be added up (bool, object, strings).
    """
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.number):
        raise ArgumentError(f"all_sum adds numbers, but received an array of {array.dtype}; convert it first.")
    return np.ascontiguousarray(array).reshape(array.shape)
