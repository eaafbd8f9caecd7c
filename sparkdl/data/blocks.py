"""Blocks: some rows as one contiguous array per column, with the identity of every row."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sparkdl.errors import DataError
from sparkdl.types import Sample, SampleSpec, TensorSpec

POSITION_BITS = 33  # as in Spark's monotonically_increasing_id: partition << 33 | position
ROLE_NAMES = ("", " of the validation data")
_MAGIC = b"SDB1"
_ALIGNMENT = 16
# What altered bytes lead to, wherever they are first looked at.
_MALFORMED = (ValueError, LookupError, TypeError, ArithmeticError, RecursionError, SyntaxError)


@dataclass(frozen=True, slots=True)
class Block:
    """Rows on their way into a store.

    Attributes:
        ids: int64 (rows,), `source partition << 33 | position in that partition`.
        columns: one array (rows, *shape) for each of `SampleSpec.columns`.
        role: int8 (rows,), 0 for training and 1 for validation rows; None where all are training rows.
        vocabularies: for a column of strings, what the block's int32 codes stand for; else None.
    """

    ids: np.ndarray
    columns: tuple[np.ndarray, ...]
    role: np.ndarray | None = None
    vocabularies: tuple[tuple[str, ...] | None, ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a block come from; `origin(row)` says it in words."""

    ids: np.ndarray
    role: np.ndarray | None = None

    def __call__(self, row: int) -> str:
        """Names row number `row` of the block by its source partition and position."""
        return describe_row(int(self.ids[row]), 0 if self.role is None else int(self.role[row]))


def describe_row(row_id: int, role: int = 0) -> str:
    """Names a row by its source partition and its position in it.

    Example:
        >>> describe_row((3 << 33) + 17)
        'row 17 of partition 3 (both counted from 0)'
    """
    partition, position = row_id >> POSITION_BITS, row_id & ((1 << POSITION_BITS) - 1)
    return f"row {position} of partition {partition}{ROLE_NAMES[role]} (both counted from 0)"


def refuse_nan(values: np.ndarray, title: str, where: Callable[[int], str]) -> None:
    """Raises DataError for the first row of `values` (rows, ...) that holds a NaN; integers have none."""
    if values.dtype.kind != "f" or not values.size or not np.isnan(values.min()):
        return
    row = int(np.flatnonzero(np.isnan(values.reshape(len(values), -1)).any(axis=1))[0])
    raise DataError(f"{title} has a NaN in {where(row)}: fill or drop such rows first.")


def refuse_weights(values: np.ndarray, title: str, where: Callable[[int], str]) -> None:
    """Raises DataError for the first weight (rows,) that is negative or infinite."""
    if values.size and not (values.min() >= 0 and values.max() < np.inf):
        row = int(np.flatnonzero(~((values >= 0) & (values < np.inf)))[0])
        raise DataError(
            f"{title} has {values[row]:g} in {where(row)}, expected a number of at least 0: correct or drop such rows."
        )


def block_of_samples(
    samples: Sequence[Sample], spec: SampleSpec, ids: np.ndarray, role: np.ndarray | None = None
) -> Block:
    """Stacks samples into a block.

    Args:
        samples: one for each id.
        spec: what every sample must hold; values are converted to its dtypes (never from float to integer).
        ids: int64 (rows,).
        role: int8 (rows,) or None.

    Raises:
        DataError: a sample has another number of arrays, another shape, a value that is no number, a NaN,
            a negative weight, or no weight where others have one.

    Example:
        >>> import numpy as np
        >>> spec = SampleSpec((TensorSpec("features", (2,), "float32"),), (TensorSpec("label", (), "int64"),))
        >>> block = block_of_samples([Sample.from_ndarray(np.ones(2), 7)], spec, np.array([0]))
        >>> [column.tolist() for column in block.columns]
        [[[1.0, 1.0]], [7]]
    """
    where = Origin(ids, role)
    _check_counts(samples, spec, where)
    columns = [
        _stack([sample.features[index] for sample in samples], tensor, f"feature array {index}", where)
        for index, tensor in enumerate(spec.features)
    ]
    columns += [
        _stack([sample.labels[index] for sample in samples], tensor, f"label array {index}", where)
        for index, tensor in enumerate(spec.labels)
    ]
    if spec.weighted:
        columns.append(_stack([np.asarray(sample.weight) for sample in samples], spec.columns[-1], "weight", where))
        refuse_weights(columns[-1], "weight", where)
    return Block(ids, tuple(columns), role)


def _check_counts(samples: Sequence[Sample], spec: SampleSpec, where: Callable[[int], str]) -> None:
    expected = (len(spec.features), len(spec.labels))
    for row, sample in enumerate(samples):
        if not isinstance(sample, Sample):
            raise DataError(
                f"the RDD must hold sparkdl.Sample objects, received {type(sample).__name__} in {where(row)}: "
                f"map its items through Sample.from_ndarray."
            )
        if (len(sample.features), len(sample.labels)) != expected or (sample.weight is not None) != spec.weighted:
            raise DataError(
                f"the sample in {where(row)} has {len(sample.features)} feature arrays, {len(sample.labels)} label "
                f"arrays and {'a' if sample.weight is not None else 'no'} weight; expected {expected[0]}, "
                f"{expected[1]} and {'a' if spec.weighted else 'no'} weight, as in the first sample."
            )


def _stack(arrays: list[np.ndarray], tensor: TensorSpec, what: str, where: Callable[[int], str]) -> np.ndarray:
    out = np.empty((len(arrays), *tensor.shape), tensor.dtype)
    try:
        np.stack(arrays, out=out, casting="same_kind")
    except (ValueError, TypeError):
        for row, array in enumerate(arrays):
            if array.shape != tensor.shape:
                raise _misfit(what, where(row), f"shape {array.shape}", f"shape {tensor.shape}") from None
            if not np.can_cast(array.dtype, out.dtype, "same_kind"):
                raise _misfit(what, where(row), f"dtype {array.dtype}", f"dtype {tensor.dtype}") from None
        raise
    for row, array in enumerate(arrays):
        if out.dtype.kind in "iu" and not np.can_cast(array.dtype, out.dtype) and (out[row] != array).any():
            raise _misfit(what, where(row), f"numbers that {out.dtype} does not hold", f"dtype {out.dtype}")
    refuse_nan(out, what, where)
    return out


def _misfit(what: str, where: str, received: str, expected: str) -> DataError:
    return DataError(f"{what} of the sample in {where} has {received}; expected {expected}, as in the first sample.")


def pack(block: Block) -> bytes:
    """Writes a block (without strings) as bytes: a JSON header and the raw arrays. No pickle."""
    arrays = [block.ids, *([] if block.role is None else [block.role]), *block.columns]
    header = {
        "role": block.role is not None,
        "arrays": [[array.dtype.str, list(array.shape)] for array in arrays],
    }
    text = json.dumps(header).encode()
    parts = [_MAGIC + len(text).to_bytes(4, "little") + text]
    for array in arrays:
        parts.append(b"\0" * (-sum(map(len, parts)) % _ALIGNMENT))
        parts.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)  # type: ignore[arg-type]
    return b"".join(parts)


def unpack(payload: bytes) -> Block:
    """Reads what `pack` wrote; the arrays are read-only views of `payload`.

    Raises:
        DataError: the bytes are not a packed block.

    Example:
        >>> import numpy as np
        >>> unpack(pack(Block(np.array([5]), (np.array([[1, 2]], "uint8"),)))).columns[0].tolist()
        [[1, 2]]
    """
    if payload[:4] != _MAGIC:
        raise DataError(f"a packed block of samples must begin with {_MAGIC!r}, received {bytes(payload[:4])!r}.")
    start = 8 + int.from_bytes(payload[4:8], "little")
    try:
        header = json.loads(bytes(payload[8:start]))
        arrays = []
        for dtype, shape in header["arrays"]:
            start += -start % _ALIGNMENT
            arrays.append(np.frombuffer(payload, dtype, math.prod(shape), start).reshape(shape))
            start += arrays[-1].nbytes
        role = arrays.pop(1) if header["role"] else None
        return Block(arrays[0], tuple(arrays[1:]), role)
    except _MALFORMED as error:
        raise DataError(f"a packed block of {len(payload)} bytes is truncated or altered: {error}.") from error
