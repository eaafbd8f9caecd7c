"""The labels of a classification: checked on the driver against the classes of the model, before training starts."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparkdl.errors import DataError
from sparkdl.spark.agreement import check_label_range
from sparkdl.spark.columns import find_column, quoted


def class_labels(frame: DataFrame, column: str, classes: int | None, training: Column) -> tuple[str, ...]:
    """The label of each class where it has a name; none where labels are numbers without names.

    Numbers of which Spark ML's metadata do not tell the range are looked at, in one job over this column.

    Args:
        frame: the data.
        column: its label column.
        classes: how many the model has; None where that is not known yet.
        training: true for the rows that are trained on.

    Raises:
        DataError: the labels do not fit the classes, or are none.
    """
    name = find_column(column, frame.schema, "labelCol")
    field = frame.schema[name]
    if isinstance(field.dataType, T.StringType):
        return _strings(frame.where(training), name, classes)
    if not isinstance(field.dataType, (T.NumericType, T.BooleanType)):
        raise DataError(
            f"label column {name!r} has the type {field.dataType.simpleString()}, expected class numbers from 0, or "
            f"strings: use StringIndexer, or for other labels DLEstimator."
        )
    names, count = noted_labels(field)
    if classes is not None and count is not None and count > classes:
        raise _too_many(name, count, classes)
    if classes is not None and count is None:
        _check_numbers(frame, name, classes)
    return names


def noted_labels(field: T.StructField) -> tuple[tuple[str, ...], int | None]:
    """Names and number of a column's values, as StringIndexer and others note them; nothing where they did not.

    Example:
        >>> noted_labels(T.StructField("y", T.DoubleType(), True, {"ml_attr": {"type": "nominal", "vals": ["a", "b"]}}))
        (('a', 'b'), 2)
    """
    noted: dict[str, Any] = (field.metadata or {}).get("ml_attr") or {}
    if "vals" in noted:
        return tuple(map(str, noted["vals"])), len(noted["vals"])
    if noted.get("type") == "nominal" and "num_vals" in noted:
        return (), int(noted["num_vals"])
    return (), None


def _strings(frame: DataFrame, name: str, classes: int | None) -> tuple[str, ...]:
    """The strings of a column in their order, which is that of their class numbers."""
    if classes is None:
        return ()
    column = F.col(quoted(name))
    found = frame.where(column.isNotNull()).select(column.alias("label")).distinct().limit(classes + 1).collect()
    if len(found) > classes:
        raise _too_many(name, len(found), classes)
    if len(found) < classes:
        shown = ", ".join(repr(row.label) for row in found) or "none"
        raise DataError(
            f"label column {name!r} has {len(found)} different strings in the training rows ({shown}), but the model "
            f"has {classes} classes: give the model as many, or numbers by StringIndexer."
        )
    return tuple(sorted(row.label for row in found))


def _check_numbers(frame: DataFrame, name: str, classes: int) -> None:
    value = F.col(quoted(name)).cast("double")
    odd = F.sum(F.when(value.isNull() | F.isnan(value) | (value != F.floor(value)), 1).otherwise(0))
    row = frame.agg(F.min(value).alias("low"), F.max(value).alias("high"), odd.alias("odd")).first()
    if row is None or row.odd is None:
        raise DataError("the data has no rows: check the filters and joins before it.")
    if row.odd:
        raise DataError(
            f"label column {name!r} holds {row.odd} values that are null or no whole numbers, expected class numbers "
            f"from 0 to {classes - 1}: correct or drop these rows."
        )
    check_label_range(row.low, row.high, classes, name)


def _too_many(name: str, count: int, classes: int) -> DataError:
    return DataError(
        f"label column {name!r} has {count} different labels or more, but the model's output has {classes} classes: "
        f"give the model's last layer a unit for each."
    )
