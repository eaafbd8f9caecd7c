"""Arrays to Arrow columns: what a model gave, on its way back to Spark."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from sparkdl.errors import DataError


def arrow_column(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Rows of tensors as an Arrow column, without a copy where the dtype is right.

    Args:
        values: (rows, ...).
        kind: a number type, or lists of one, as deep as `values` has axes beside the first.

    Example:
        >>> arrow_column(np.ones((2, 3)), pa.list_(pa.float32())).to_pylist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    kinds = []
    while pa.types.is_list(kind):
        kinds.append(kind)
        kind = kind.value_type
    column = pa.array(np.ascontiguousarray(values, kind.to_pandas_dtype()).reshape(-1), kind)
    for axis in reversed(range(1, values.ndim)):
        offsets = arrow_offsets(np.arange(math.prod(values.shape[:axis]) + 1, dtype=np.int64) * values.shape[axis])
        column = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), column, type=kinds[axis - 1])
    return column


def arrow_offsets(places: np.ndarray) -> np.ndarray:
    """Where each list of a column begins and the last one ends, as Arrow has it: in 32 bits.

    Raises:
        DataError: there are more elements than 32 bits count.

    Example:
        >>> arrow_offsets(np.array([0, 2, 4]))
        array([0, 2, 4], dtype=int32)
    """
    if places[-1] > np.iinfo(np.int32).max:
        raise DataError(
            f"{len(places) - 1} rows make {places[-1]:,} numbers in one record batch, and Arrow counts 2,147,483,647: "
            f"lower spark.sql.execution.arrow.maxRecordsPerBatch."
        )
    return places.astype(np.int32)


def with_nulls(column: pa.Array, valid: np.ndarray) -> pa.Array:
    """Spreads the values of the valid rows; null for the others.

    Args:
        column: a value for each row that is valid.
        valid: bool (rows,).

    Example:
        >>> with_nulls(pa.array([1.0, 2.0]), np.array([True, False, True])).to_pylist()
        [1.0, None, 2.0]
    """
    places = pa.array(np.cumsum(valid) - 1, pa.int64(), mask=~valid)
    return column.take(places)
