"""Spark's functions over Arrow columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql.types import DataType


def has_arrow_functions() -> bool:
    """Whether this Spark has functions over Arrow columns, as 4.1 and later have."""
    return hasattr(F, "arrow_udf")


def arrow_function(task: Callable[[Iterable[Any]], Iterator[Any]], kind: DataType) -> Any:
    """A function of columns, called once per partition with an iterator over the columns of each Arrow batch.

    Args:
        task: picklable.
        kind: Spark's type of its result.
    """

    # The hints say which kind of function it is; of several columns it is given tuples all the same.
    def function(items: Iterator[pa.Array]) -> Iterator[pa.Array]:
        return task(items)

    return F.arrow_udf(function, returnType=kind)
