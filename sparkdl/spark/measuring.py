"""The tasks of `measure` on the rows themselves: rows in, a state per partition out, and what must meet elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparkdl.errors import DataError
from sparkdl.metrics.base import Metric, Rows, Where
from sparkdl.metrics.grouped import GroupMetric
from sparkdl.metrics.meter import Meter, same_form
from sparkdl.metrics.ranking import Points
from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.types import TrainingState

# What the first pass leaves of the rows. Each row of it fills the columns of one kind:
PARTS = pa.schema(
    [
        ("state", pa.binary()),  # of one partition
        ("class", pa.int32()),  # points of one class, from one partition
        ("positives", pa.float64()),
        ("negatives", pa.float64()),
        ("size", pa.int64()),
        ("samples", pa.list_(pa.float64())),
        ("points", pa.binary()),
        ("group", pa.string()),  # one row of a group
        ("relevance", pa.float64()),
        ("score", pa.float64()),
    ]
)
PARTS_DDL = (
    "state binary, class int, positives double, negatives double, size long, samples array<double>, points binary, "
    "group string, relevance double, score double"
)
# Scores that a task keeps before it makes points of them; and rows at least, so that points of many classes are not
# cut into crumbs.
MOST_SCORES, FEWEST_ROWS = 1 << 20, 1 << 13
# One score in so many tells the driver how scores are spread.
SAMPLE_EVERY = 1 << 12


@dataclass(frozen=True)
class FirstPass:
    """Rows to states, points and rows of groups: all that the metrics need of them.

    Attributes:
        metrics: all of the call.
        classes: the strings that stand for class numbers, in their order; empty where there are none.
        titles: how messages name the columns "label", "prediction", "weight" and "group".
    """

    metrics: tuple[Metric, ...]
    classes: tuple[str, ...]
    titles: dict[str, str]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        meter = Meter(self.metrics)
        grouped = any(isinstance(metric, GroupMetric) for metric in self.metrics)
        kept = 0
        for batch in batches:
            if not batch.num_rows:
                continue
            rows = self.read(batch, meter.rows)
            meter.add(rows)
            kept += len(rows)
            if kept >= max(MOST_SCORES // meter.classes, FEWEST_ROWS):
                yield from points_of_classes(meter)
                kept = 0
            if grouped:
                yield group_rows(rows, batch.column(batch.schema.get_field_index("group")), self.titles["group"])
        if meter.form is not None:
            yield from points_of_classes(meter)
            arrays = {str(number): state for number, state in enumerate(meter.states)}
            state = encode_state(TrainingState(arrays, {"form": meter.form, "rows": meter.rows}))
            yield parts_batch(state=[state])

    def read(self, batch: pa.RecordBatch, seen: int) -> Rows:
        """The rows of a record batch, of which the partition has had `seen` before it.

        Raises:
            DataError: see `Rows.of`; and for a null, or lists of different lengths.
        """

        def where(row: int) -> str:
            return f"row {seen + row} of its partition (counted from 0)"

        names = [name for name in ("label", "prediction", "weight") if name in batch.schema.names]
        columns = {
            name: numbers(batch.column(batch.schema.get_field_index(name)), self.titles[name], where, self.classes)
            for name in names
        }
        return Rows.of(columns["label"], columns["prediction"], columns.get("weight"), where)


def numbers(column: pa.Array, title: str, where: Where, classes: Sequence[str] = ()) -> np.ndarray:
    """A column of numbers, lists of equal length, or names of classes, as (rows,) or (rows, n).

    Raises:
        DataError: for a null, a list of another length, or a string that names no class.
    """
    refuse_null(column, title, where)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return class_codes(column, title, where, classes)
    if not pa.types.is_list(column.type) and not pa.types.is_large_list(column.type):
        return column.to_numpy(zero_copy_only=False)
    lengths = pc.list_value_length(column).to_numpy()
    wrong = np.flatnonzero(lengths != lengths[0])
    if len(wrong):
        raise DataError(
            f"{title} has a list of {lengths[wrong[0]]} numbers in {where(int(wrong[0]))} and of {lengths[0]} in "
            f"{where(0)}: each row must have as many."
        )
    values = column.flatten()
    refuse_null(values, title, lambda index: where(index // max(1, int(lengths[0]))))
    return values.to_numpy(zero_copy_only=False).reshape(len(column), int(lengths[0]))


def refuse_null(column: pa.Array, title: str, where: Where) -> None:
    """Raises DataError for the first null."""
    if column.null_count:
        first = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(f"{title} has a null in {where(first)}: drop such rows first (DataFrame.dropna).")


def class_codes(column: pa.Array, title: str, where: Where, classes: Sequence[str]) -> np.ndarray:
    """The class number of each string."""
    codes = pc.index_in(column, pa.array(classes, column.type))
    if codes.null_count:
        first = int(np.flatnonzero(codes.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(
            f"{title} has {column[first].as_py()!r} in {where(first)}, expected one of classes={list(classes)[:10]!r}."
        )
    return codes.to_numpy()


def points_of_classes(meter: Meter) -> Iterator[pa.RecordBatch]:
    """The points of each class that the meter has kept, which it forgets."""
    for number in range(meter.classes if meter.ranks else 0):
        points = meter.points(number)
        if len(points):
            yield parts_batch(
                **{"class": [number]},
                positives=[points.positives.sum()],
                negatives=[points.negatives.sum()],
                size=[len(points)],
                samples=[samples_of(points)],
                points=[points.to_bytes()],
            )
    meter.forget_scores()


def samples_of(points: Points) -> list[float]:
    """Scores that cut the points into parts of the same size, with half a part at either end; at least one."""
    count = max(1, len(points) // SAMPLE_EVERY)
    places = ((np.arange(count) + 0.5) * len(points) / count).astype(np.int64)
    return points.scores[places].astype(np.float64).tolist()


def group_rows(rows: Rows, groups: pa.Array, title: str) -> pa.RecordBatch:
    """Rows as they are sent to where the others of their group are."""
    refuse_null(groups, title, rows.where)
    if rows.form != (0, 0):
        raise DataError("metrics of groups need one label and one score per row, received lists: select one.")
    return parts_batch(group=groups.cast(pa.string()), relevance=rows.labels, score=rows.predictions.astype(np.float64))


def parts_batch(**columns: Any) -> pa.RecordBatch:
    """A record batch of PARTS in which the other columns are null."""
    length = len(next(iter(columns.values())))
    arrays = [columns.get(field.name) for field in PARTS]
    filled = [
        array
        if isinstance(array, pa.Array)
        else pa.nulls(length, field.type)
        if array is None
        else pa.array(array, field.type)
        for array, field in zip(arrays, PARTS, strict=True)
    ]
    return pa.RecordBatch.from_arrays(filled, schema=PARTS)


@dataclass(frozen=True)
class MergeStates:
    """States of partitions to one; of no partition, none."""

    metrics: tuple[Metric, ...]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        payloads = itertools.chain.from_iterable(batch.column(0).to_pylist() for batch in batches)
        merged = merge_states(self.metrics, payloads)
        if merged is not None:
            yield pa.RecordBatch.from_arrays([pa.array([encode_state(merged)], pa.binary())], names=["state"])


def merge_states(metrics: Sequence[Metric], payloads: Iterable[bytes]) -> TrainingState | None:
    """One state for the rows of all; None where there are none.

    Raises:
        DataError: where rows of different forms were to be measured together.
    """
    sums = Meter(metrics).sums
    merged: TrainingState | None = None
    for payload in payloads:
        state = decode_state(payload)
        if merged is None:
            merged = state
            continue
        form = same_form(tuple(merged.info["form"]), tuple(state.info["form"]))
        pairs = [(metric, str(number)) for number, metric in enumerate(sums)]
        arrays = {key: metric.merge(merged.arrays[key], state.arrays[key]) for metric, key in pairs}
        merged = TrainingState(arrays, {"form": form, "rows": merged.info["rows"] + state.info["rows"]})
    return merged


@dataclass(frozen=True)
class MeasureGroups:
    """Rows sorted by group to the sums of the metrics of groups; a group lies in one partition."""

    metrics: tuple[GroupMetric, ...]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sums = np.zeros((len(self.metrics), 3))
        for table in whole_groups(batches):
            relevance, score = (table.column(name).to_numpy() for name in ("relevance", "score"))
            codes = table.column("group").combine_chunks().dictionary_encode().indices.to_numpy()
            rows = Rows.of(relevance, score)
            sums += [metric.state(rows, codes) for metric in self.metrics]
        if sums.any():
            column = pa.array([sums.ravel().tolist()], pa.list_(pa.float64()))
            yield pa.RecordBatch.from_arrays([column], names=["sums"])


def whole_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows, sorted by group, in tables that end where a group ends."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        groups = batch.column(batch.schema.get_field_index("group"))
        same = pc.equal(groups, groups[-1]).to_numpy(zero_copy_only=False)
        first = int(np.argmax(same))  # of the last group, which may go on in the next batch
        if first:
            yield pa.Table.from_batches([*held, batch.slice(0, first)])
            held = []
        elif held and held[-1].column("group")[-1].as_py() != groups[0].as_py():
            yield pa.Table.from_batches(held)
            held = []
        held.append(batch.slice(first))
    if held:
        yield pa.Table.from_batches(held)
