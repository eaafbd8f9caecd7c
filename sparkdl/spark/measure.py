"""`sdl.measure`: exact metrics of predictions, where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparkdl.errors import ArgumentError, DataError
from sparkdl.metrics.base import Metric, Values
from sparkdl.metrics.grouped import GroupMetric
from sparkdl.metrics.meter import Meter, check_metrics
from sparkdl.spark.arguments import refuse_stream, type_name
from sparkdl.spark.columns import find_column, quoted
from sparkdl.spark.failures import own_errors
from sparkdl.spark.measuring import PARTS_DDL, FirstPass, MeasureGroups, MergeStates, merge_states
from sparkdl.spark.ranges import rank_values
from sparkdl.spark.stopped import needs_session

# Tasks that merge the states of all partitions: so many arrive at the driver.
MERGERS = 4


@needs_session
def measure(
    frame: Any,
    metrics: Metric | Sequence[Metric],
    *,
    label: str = "label",
    prediction: str = "prediction",
    weight: str | None = None,
    group: str | None = None,
    classes: Sequence[str] | None = None,
) -> Values:
    """Exact metrics over all rows of a DataFrame that holds labels and predictions.

    The rows are read once, whatever is asked of them, and stay on the executors: what comes to the driver grows with
    partitions and classes, not with rows. The numbers depend neither on the partitions nor on the order.

    Args:
        frame: a DataFrame, for example of `predict`; also of Spark Connect.
        metrics: one or several of `sdl.metrics`.
        label: column of class numbers, values, one-hot or multi-label arrays or ML vectors, or names of classes.
        prediction: column of numbers (a score, a value, a class number), arrays or ML vectors, or names of classes.
        weight: column of weights of rows; None for 1 each.
        group: column that says whose row it is (a user, a query), for HitRatio and NDCG.
        classes: the names of the classes in the order of their numbers, where columns hold strings.

    Returns:
        for each metric its value under its name, and details under names that begin with it: an array with a value
        per class (`auroc_per_class`), counts (`auroc_positives`).

    Raises:
        ArgumentError: for an argument of another form.
        DataError: where there are no rows, or they do not fit; the message names column and row.
    """
    wanted = check_metrics(metrics, "metrics")
    check_arguments(frame, wanted, weight, group)
    columns = {"label": label, "prediction": prediction, "weight": weight, "group": group}
    selected = select(frame, columns, tuple(classes or ()))
    titles = {what: f"{what} column {name!r}" for what, name in columns.items()}
    parts = selected.mapInArrow(FirstPass(wanted, tuple(classes or ()), titles), PARTS_DDL)
    meter = Meter(wanted)
    groups = tuple(metric for metric in wanted if isinstance(metric, GroupMetric))
    with own_errors(), kept(parts, bool(meter.ranks or groups)):
        states = parts.where("state is not null").select("state").repartition(MERGERS)
        rows = states.mapInArrow(MergeStates(wanted), "state binary").collect()
        merged = merge_states(wanted, [bytes(row["state"]) for row in rows])
        if merged is None:
            raise DataError("measure was given no rows: the DataFrame is empty (check its filters).")
        found = {metric.name: metric.values(merged.arrays[str(number)]) for number, metric in enumerate(meter.sums)}
        if meter.ranks:
            found |= rank_values(parts, meter.ranks, max(1, merged.info["form"][1]))
        if groups:
            found |= group_values(parts, groups)
    return {name: value for metric in wanted for name, value in found[metric.name].items()}


def check_arguments(frame: Any, metrics: Sequence[Metric], weight: str | None, group: str | None) -> None:
    """What can be known of the arguments before anything is read.

    Raises:
        ArgumentError: naming the argument.
    """
    if not hasattr(frame, "mapInArrow"):
        raise ArgumentError(
            f"measure takes a Spark DataFrame of labels and predictions, received {type_name(frame)}: make a DataFrame "
            f"of it by spark.createDataFrame(...)."
        )
    refuse_stream("measure", frame, "measure what its sink has written")
    grouped = [metric.name for metric in metrics if isinstance(metric, GroupMetric)]
    if grouped and group is None:
        raise ArgumentError(f"{grouped[0]} is a mean over groups: give the column that says whose row it is by group=.")
    if grouped and weight is not None:
        raise ArgumentError(f"{grouped[0]} counts each group once and knows no weights: measure it without weight=.")
    if group is not None and not grouped:
        raise ArgumentError(f"group={group!r} is for HitRatio and NDCG, and metrics= holds neither: leave it out.")


def select(frame: Any, columns: Mapping[str, Any], classes: tuple[str, ...]) -> Any:
    """The columns that are measured, under their canonical names and in types that lose nothing.

    Raises:
        DataError: for a column that is missing, or of a type that cannot be measured.
    """
    schema, chosen = frame.schema, []
    for what, name in columns.items():
        if name is None and what in ("weight", "group"):
            continue
        found = find_column(name, schema, what)
        made = (
            F.col(quoted(found)).cast("string")
            if what == "group"
            else _numbers(found, schema[found].dataType, what, classes)
        )
        chosen.append(made.alias(what))
    return frame.select(*chosen)


def _numbers(name: str, kind: T.DataType, what: str, classes: tuple[str, ...]) -> Column:
    column = F.col(quoted(name))
    if isinstance(kind, T.FloatType):
        return column
    if isinstance(kind, (T.NumericType, T.BooleanType)):
        return column.cast("double")
    if what != "weight":
        if isinstance(kind, VectorUDT) or type(kind).__name__ == "VectorUDT":
            return F.when(column.isNotNull(), vector_to_array(column))
        if isinstance(kind, T.ArrayType) and isinstance(kind.elementType, (T.NumericType, T.BooleanType)):
            return column if isinstance(kind.elementType, T.FloatType) else column.cast("array<double>")
        if isinstance(kind, T.StringType):
            if classes:
                return column
            raise DataError(
                f"{what} column {name!r} holds strings: give the names of the classes in the order of their numbers by "
                f"classes=."
            )
    raise DataError(
        f"{what} column {name!r} has the type {kind.simpleString()}, expected numbers"
        f"{'' if what == 'weight' else ', arrays of numbers, ML vectors or names of classes'}: convert it first."
    )


@contextmanager
def kept(parts: Any, several: bool) -> Iterator[None]:
    """Keeps what the first pass gave while several jobs need it, so that rows are read once."""
    if not several:
        yield
        return
    parts.persist()
    try:
        yield
    finally:
        parts.unpersist()


def group_values(parts: Any, metrics: tuple[GroupMetric, ...]) -> dict[str, Values]:
    """The values of metrics of groups, by the metric's name: each group meets in one task."""
    rows = parts.where("group is not null").select("group", "relevance", "score")
    met = rows.repartition("group").sortWithinPartitions("group")
    found = met.mapInArrow(MeasureGroups(metrics), "sums array<double>").collect()
    sums = np.sum([row["sums"] for row in found], axis=0).reshape(len(metrics), 3)
    return {metric.name: metric.values(state) for metric, state in zip(metrics, sums, strict=True)}
