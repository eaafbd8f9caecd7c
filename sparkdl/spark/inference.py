"""Shapes and dtypes that only a row can tell: looks at the first one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from sparkdl.data.arrow import nested_dims
from sparkdl.errors import DataError
from sparkdl.spark.columns import Shape, Wanted
from sparkdl.types import TensorSpec

_RAW_DTYPES = {1: "uint8", 4: "float32"}  # what bytes per number mean where no dtype is given


def settle(wanted: Sequence[Wanted], frame: DataFrame, positions: Sequence[int]) -> list[Wanted]:
    """Completes shapes and dtypes from the first row of `frame`; runs a job only where something is open.

    Args:
        wanted: inputs and outputs.
        frame: the canonical frame.
        positions: the number of each one's (first) column in `frame`.

    Raises:
        DataError: the frame has no rows, the first row has a null there, or does not fit.
    """
    if all(item.settled for item in wanted):
        return list(wanted)
    row = frame.first()
    if row is None:
        raise DataError("the data has no rows: check the filters and joins before it.")
    pairs = zip(wanted, positions, strict=True)
    return [item if item.settled else _settled(item, row[position]) for item, position in pairs]


def tensor_spec(wanted: Wanted) -> TensorSpec:
    """The spec of a settled input; float64 becomes float32, all else stays what it is."""
    dtype = "float32" if wanted.dtype in ("float64", None) else wanted.dtype
    return TensorSpec(wanted.name, tuple(int(size or 0) for size in wanted.shape or ()), dtype)


def _settled(wanted: Wanted, value: Any) -> Wanted:
    if value is None:
        raise DataError(f"{wanted.title} has a null in the first row: fill or drop such rows first.")
    if wanted.kind == "binary":
        return _settled_binary(wanted, len(value))
    if wanted.kind == "image":
        observed: tuple[int, ...] = (value["height"], value["width"], value["nChannels"])
    else:
        observed = _lengths(value)
    return replace(wanted, shape=_fit(wanted, observed), guessed=True)


def _settled_binary(wanted: Wanted, nbytes: int) -> Wanted:
    shape, dtype = wanted.shape, wanted.dtype
    if shape is None and dtype is None:
        raise DataError(f"{wanted.title} is binary: give its shape and dtype through shapes= and dtypes=.")
    if dtype is None and shape is not None and None not in shape:
        size, rest = divmod(nbytes, max(1, math.prod(_sizes(shape))))
        dtype = None if rest else _RAW_DTYPES.get(size)
    if dtype is None:
        raise DataError(
            f"{wanted.title} has {nbytes} bytes in the first row, which is neither uint8 nor float32 of the shape "
            f"{shape}: give its dtype through dtypes=."
        )
    return replace(wanted, dtype=dtype, shape=_fit(wanted, (nbytes // np.dtype(dtype).itemsize,)))


def _sizes(shape: Shape) -> tuple[int, ...]:
    """The sizes that are known."""
    return tuple(size for size in shape if size is not None)


def _lengths(value: Any) -> tuple[int, ...]:
    lengths = []
    while isinstance(value, (list, tuple)):
        lengths.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(lengths)


def _fit(wanted: Wanted, observed: tuple[int, ...]) -> Shape:
    """The observed lengths in the form of the expected shape."""
    shape = wanted.shape
    if shape is None:
        return observed
    fixed = math.prod(_sizes(shape))
    missing = shape.count(None)
    full = shape
    if missing == 1 and fixed:
        full = tuple(math.prod(observed) // fixed if size is None else size for size in shape)
    elif missing and len(observed) == len(shape):
        full = tuple(seen if size is None else size for size, seen in zip(shape, observed, strict=True))
    sizes = tuple(-1 if size is None else size for size in full)
    if nested_dims(len(observed), sizes) != observed:
        raise DataError(f"{wanted.title} holds the shape {observed} in the first row; expected {shape}.")
    return full
