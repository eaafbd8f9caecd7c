"""Exact metrics of the order of all scores, with no place that holds all of them.

The first pass has left points (`metrics.ranking.Points`) of each class, packed, in any number of pieces. The driver
cuts each class into ranges of scores, of about a million points each, by a sample of the scores. The pieces are cut
at the same places, the pieces of a range meet in one task, and the task adds up its range, knowing what lies above
it. The driver holds a few numbers for each range and for each piece.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from sparkdl.metrics.base import Values
from sparkdl.metrics.ranking import Points, RankMetric, Standing
from sparkdl.spark.arrow_batches import arrow_batches_of

RANGE_POINTS = 1 << 20
MOST_TASKS = 1000
# A piece has a few megabytes.
PIECES_PER_BATCH = 16


@dataclass(frozen=True)
class Ranges:
    """How classes are cut.

    Attributes:
        edges: for each class the scores at which its ranges begin, without the first; ascending.
        first: number of the first range of each class.
    """

    edges: Mapping[int, np.ndarray]
    first: Mapping[int, int]

    def __len__(self) -> int:
        return sum(len(edges) + 1 for edges in self.edges.values())

    def of_class(self, number: int) -> range:
        """Numbers of the ranges of a class, by ascending scores."""
        return range(self.first[number], self.first[number] + len(self.edges[number]) + 1)

    def cut(self, number: int, points: Points) -> Iterator[tuple[int, Points]]:
        """The points of a class in each of its ranges that has some."""
        places = [0, *np.searchsorted(points.scores, self.edges[number]).tolist(), len(points)]
        for index, (start, end) in enumerate(zip(places, places[1:], strict=False)):
            if end > start:
                yield self.first[number] + index, points.part(start, end)


def plan_ranges(pieces: Sequence[Any], size: int = 0) -> Ranges:
    """Cuts each class into ranges of about `size` points.

    Args:
        pieces: with the fields `class`, `size` (points) and `samples` (scores that cut them evenly).
        size: 0 for RANGE_POINTS.
    """
    edges: dict[int, np.ndarray] = {}
    for number in sorted({piece["class"] for piece in pieces}):
        own = [piece for piece in pieces if piece["class"] == number]
        samples = np.concatenate([np.asarray(piece["samples"], np.float64) for piece in own])
        counts = np.concatenate([np.full(len(p["samples"]), p["size"] / len(p["samples"])) for p in own])
        order = np.argsort(samples)
        before = np.cumsum(counts[order])
        ranges = math.ceil(before[-1] / (size or RANGE_POINTS))
        places = np.searchsorted(before, np.arange(1, ranges) * before[-1] / ranges)
        edges[number] = np.unique(samples[order][places])
    starts = np.cumsum([0, *(len(cuts) + 1 for cuts in edges.values())])
    return Ranges(edges, dict(zip(edges, starts.tolist(), strict=False)))


@dataclass(frozen=True)
class CutPieces:
    """Pieces of classes to pieces of ranges: their sums, or themselves."""

    ranges: Ranges
    sums: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            found: list[tuple[int, Points]] = []
            for number, payload in zip(batch.column(0).to_pylist(), batch.column(1), strict=True):
                found += self.ranges.cut(number, Points.from_bytes(payload.as_buffer()))
            numbers = pa.array([number for number, _ in found], pa.int32())
            if self.sums:
                columns = [[p.positives.sum() for _, p in found], [p.negatives.sum() for _, p in found]]
                arrays = [numbers, *(pa.array(column, pa.float64()) for column in columns)]
                yield pa.RecordBatch.from_arrays(arrays, names=["range", "positives", "negatives"])
            else:
                payloads = pa.array([points.to_bytes() for _, points in found], pa.binary())
                yield pa.RecordBatch.from_arrays([numbers, payloads], names=["range", "points"])


@dataclass(frozen=True)
class MeasureRanges:
    """Pieces of ranges, sorted by range, to the areas of each range.

    Attributes:
        metrics: whose areas.
        above: for each range the positives and negatives of its class with higher scores.
    """

    metrics: tuple[RankMetric, ...]
    above: Mapping[int, tuple[float, float]]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        current = -1
        held: list[Points] = []
        for batch in batches:
            for number, payload in zip(batch.column(0).to_pylist(), batch.column(1), strict=True):
                if number != current and held:
                    yield self.areas(current, held)
                    held = []
                current = number
                held.append(Points.from_bytes(payload.as_py()))
        if held:
            yield self.areas(current, held)

    def areas(self, number: int, pieces: Sequence[Points]) -> pa.RecordBatch:
        """The areas of all points of a range."""
        points = Points.merged(pieces)
        standing = Standing.among(points, points).below(*self.above[number])
        areas = [metric.area(points, standing) for metric in self.metrics]
        arrays = [pa.array([number], pa.int32()), pa.array([areas], pa.list_(pa.float64()))]
        return pa.RecordBatch.from_arrays(arrays, names=["range", "areas"])


def rank_values(parts: Any, metrics: Sequence[RankMetric], classes: int) -> dict[str, Values]:
    """The values of metrics, by their names, from the points of the first pass.

    Args:
        parts: the kept DataFrame of `measuring.PARTS`.
        metrics: which.
        classes: how many there are, also where no row of one has a weight.
    """
    pieces = parts.where("points is not null").select("class", "points", "positives", "negatives", "size", "samples")
    summary = pieces.drop("points").collect()
    ranges = plan_ranges(summary)
    packed = pieces.select("class", "points")
    with arrow_batches_of(parts.sparkSession, PIECES_PER_BATCH):
        sums = sums_of_ranges(packed, summary, ranges)
        areas = areas_of_ranges(packed, ranges, sums, metrics, sum(piece["size"] for piece in summary))
    positives, negatives, totals = np.zeros(classes), np.zeros(classes), np.zeros((classes, len(metrics)))
    for number in ranges.edges:
        for part in ranges.of_class(number):
            positives[number] += sums[part][0]
            negatives[number] += sums[part][1]
            totals[number] += areas[part]
    return {metric.name: metric.values(totals[:, index], positives, negatives) for index, metric in enumerate(metrics)}


def sums_of_ranges(packed: Any, summary: Sequence[Any], ranges: Ranges) -> dict[int, tuple[float, float]]:
    """Positives and negatives of each range. Where a class is one range, its pieces have told them already."""
    sums = {part: (0.0, 0.0) for number in ranges.edges for part in ranges.of_class(number)}
    if len(ranges) == len(ranges.edges):
        found = [(ranges.first[piece["class"]], piece["positives"], piece["negatives"]) for piece in summary]
    else:
        cut = packed.mapInArrow(CutPieces(ranges, sums=True), "range int, positives double, negatives double")
        found = cut.groupBy("range").agg(F.sum("positives"), F.sum("negatives")).collect()
    for part, positives, negatives in found:
        sums[part] = (sums[part][0] + positives, sums[part][1] + negatives)
    return sums


def areas_of_ranges(
    packed: Any,
    ranges: Ranges,
    sums: Mapping[int, tuple[float, float]],
    metrics: Sequence[RankMetric],
    points: int,
) -> dict[int, np.ndarray]:
    """The areas of each range, (metrics,) each."""
    above: dict[int, tuple[float, float]] = {}
    for number in ranges.edges:
        positives = negatives = 0.0
        for part in reversed(ranges.of_class(number)):
            above[part] = (positives, negatives)
            positives, negatives = positives + sums[part][0], negatives + sums[part][1]
    tasks = min(len(ranges), MOST_TASKS, math.ceil(points / RANGE_POINTS)) or 1
    cut = packed.mapInArrow(CutPieces(ranges, sums=False), "range int, points binary")
    met = cut.repartition(tasks, "range").sortWithinPartitions("range")
    rows = met.mapInArrow(MeasureRanges(tuple(metrics), above), "range int, areas array<double>").collect()
    areas = {part: np.zeros(len(metrics)) for part in sums}
    return areas | {row["range"]: np.array(row["areas"]) for row in rows}
