"""Rows that training can use, told apart by Spark's own expressions: no Python sees the others, and no row twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparkdl.data.arrow import IMAGE_SIZES, nested_dims
from sparkdl.spark.columns import Wanted, expression
from sparkdl.spark.frames import DataArguments, ModelShapes, resolve_columns
from sparkdl.spark.inference import settle

_FRACTIONS = (T.FloatType, T.DoubleType)
_Dims = tuple[int, ...] | None


def whole_rows(frame: DataFrame, arguments: DataArguments, model: ModelShapes) -> DataFrame:
    """The rows of which each feature can be read, as `data.validity` tells it in scoring, with labels and weight.

    What only Python could tell is left to the workers: whether the bytes of an image are one, and whether raw tensors
    hold a NaN. Labels of the wrong length stay errors, and so do lists of several lengths where the model takes any.

    Args:
        frame: the rows.
        arguments: which of their columns are what.
        model: what the model expects. Where it does not say how large a row is, one job looks at the first.

    Raises:
        ArgumentError: an argument has the wrong form.
        DataError: a column is missing, or has a type or shape that cannot be used.
    """
    columns = resolve_columns(frame, arguments, model)
    count = columns.counts[0]
    made = [expression(item, frame.schema) for item in columns.wanted]
    # Spark says what the converted columns are: of vectors lists of float, of decimals double.
    kinds = [[field.dataType for field in frame.select(*group).schema.fields] for group in made]
    whole = frame.where(_all(map(_usable, columns.wanted, made, kinds)))
    features = columns.wanted[:count]
    if not all(item.settled for item in features):
        features = tuple(settle(features, whole.select(*[group[0] for group in made[:count]]), range(count)))
        whole = whole.where(_all(map(_usable, features, made, kinds)))
    return whole


def _usable(item: Wanted, columns: Sequence[Column], kinds: Sequence[T.DataType]) -> Column:
    return _CHECKS[item.kind](item, columns, kinds)


def _all(conditions: Sequence[Column] | map[Column]) -> Column:
    return reduce(Column.__and__, conditions, F.lit(True))


def _numbers(item: Wanted, columns: Sequence[Column], kinds: Sequence[T.DataType]) -> Column:
    return _all([_number(column, kind) for column, kind in zip(columns, kinds, strict=True)])


def _number(column: Column, kind: T.DataType) -> Column:
    return column.isNotNull() & ~F.isnan(column) if isinstance(kind, _FRACTIONS) else column.isNotNull()


def _array(item: Wanted, columns: Sequence[Column], kinds: Sequence[T.DataType]) -> Column:
    # Lengths that the first row alone told are left to the workers, which refuse others instead of leaving rows out.
    known = item.settled and not item.guessed
    return _lists(columns[0], kinds[0], nested_dims(item.depth, _sizes(item)) if known else None)


def _lists(column: Column, kind: T.DataType, dims: _Dims) -> Column:
    """Whether lists, nested as deep as their type, have these lengths (any where None), and no null or NaN."""
    if not isinstance(kind, T.ArrayType):
        return _number(column, kind)
    inner = kind.elementType
    if isinstance(inner, _FRACTIONS):
        # Null where it is not found and there is a null; NaN is found. This is compiled, lambdas are not.
        elements = F.coalesce(~F.array_contains(column, F.lit(float("nan")).cast(inner)), F.lit(False))
    else:
        elements = F.forall(column, lambda item: _lists(item, inner, None if dims is None else dims[1:]))
    there = column.isNotNull() & elements
    return there if dims is None else there & (F.size(column) == dims[0])


def _binary(item: Wanted, columns: Sequence[Column], kinds: Sequence[T.DataType]) -> Column:
    there = columns[0].isNotNull()
    if not item.settled or item.dtype is None:
        return there
    return there & (F.octet_length(columns[0]) == math.prod(_sizes(item)) * np.dtype(item.dtype).itemsize)


def _image(item: Wanted, columns: Sequence[Column], kinds: Sequence[T.DataType]) -> Column:
    sizes = zip(IMAGE_SIZES, _sizes(item), strict=True) if item.settled else ()
    return _picture(item, columns, kinds) & _all([columns[0].getField(name) == size for name, size in sizes])


def _picture(item: Wanted, columns: Sequence[Column], kinds: Sequence[T.DataType]) -> Column:
    image = columns[0]
    size = reduce(Column.__mul__, [image.getField(name).cast("long") for name in IMAGE_SIZES])
    eight_bits = image.getField("mode").bitwiseAND(7) == 0
    return image.isNotNull() & eight_bits & (size > 0) & (F.octet_length(image.getField("data")) == size)


def _there(item: Wanted, columns: Sequence[Column], kinds: Sequence[T.DataType]) -> Column:
    return columns[0].isNotNull()


def _sizes(item: Wanted) -> tuple[int, ...]:
    return tuple(int(size or 0) for size in item.shape or ())


_CHECKS: dict[str, Callable[[Wanted, Sequence[Column], Sequence[T.DataType]], Column]] = {
    "number": _numbers,
    "stack": _numbers,
    "array": _array,
    "binary": _binary,
    "image": _image,
    "picture": _picture,
    "encoded": _there,
    "string": _there,
}
