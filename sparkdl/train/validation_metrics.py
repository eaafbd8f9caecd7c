"""Exact metrics over the validation rows of all workers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from sparkdl.metrics.base import Metric, Rows, SumMetric, grown
from sparkdl.metrics.meter import Meter, same_form
from sparkdl.metrics.ranking import Points, RankMetric, Standing
from sparkdl.types import Batch, Collective


@dataclass(frozen=True)
class MeasuredOutput:
    """The metrics of one output of the model.

    Attributes:
        metrics: each has one number as its value.
        output: number of the output.
        label: number of the label that belongs to it.
        prefix: goes before the names of the metrics in the logs.
    """

    metrics: tuple[Metric, ...]
    output: int = 0
    label: int = 0
    prefix: str = ""


class BatchMeter(Protocol):
    """What one worker has seen of its validation rows, in any form."""

    def add(self, batch: Batch, predictions: Sequence[Any]) -> None:
        """Takes a batch and the outputs of the model, (rows, ...) each."""
        ...

    def results(self, collective: Collective) -> dict[str, float]:
        """Values by name over the rows of all workers, the same on each."""
        ...


@runtime_checkable
class MeterMaker(Protocol):
    """Measures that look at whole batches. Picklable."""

    def meter(self) -> BatchMeter:
        """A new meter."""
        ...


Measured = Sequence[MeasuredOutput] | MeterMaker


class ValidationMeter:
    """What one worker has seen of its validation rows.

    Args:
        outputs: what to measure.
        rank: of the worker, for messages.
    """

    def __init__(self, outputs: Sequence[MeasuredOutput], rank: int) -> None:
        self._outputs = outputs
        self._rank = rank
        self._meters = [Meter(output.metrics) for output in outputs]
        self._nan: set[int] = set()

    def add(self, batch: Batch, predictions: Sequence[Any]) -> None:
        """Takes a batch and what the model made of it.

        Args:
            batch: its weights are what its rows count.
            predictions: the model's outputs, (rows, ...) each. A NaN in one makes its metrics NaN, as it makes the
                loss, and does not end the training.

        Raises:
            DataError: where they are not what a metric measures.
        """
        for number, (output, meter) in enumerate(zip(self._outputs, self._meters, strict=True)):
            seen = meter.rows

            def where(row: int, seen: int = seen) -> str:
                return f"validation row {seen + row} of worker {self._rank}"

            label, prediction = batch.labels[output.label], np.asarray(predictions[output.output])
            if prediction.dtype.kind == "f" and np.isnan(prediction).any():
                self._nan.add(number)
            else:
                meter.add(Rows.of(label, prediction, batch.weights, where))

    def results(self, collective: Collective) -> dict[str, float]:
        """The value of each metric over the rows of all workers, the same on each; NaN where there are none."""
        logs: dict[str, float] = {}
        for number, (output, meter) in enumerate(zip(self._outputs, self._meters, strict=True)):
            values = merged_values(meter, number in self._nan, collective)
            logs |= {output.prefix + metric.name: values[metric.name] for metric in output.metrics}
        return logs


def merged_values(meter: Meter, nan: bool, collective: Collective) -> dict[str, Any]:
    """The values of a meter's metrics over the rows of all workers.

    Args:
        meter: of this worker.
        nan: whether it was not given all rows, because of predictions that are NaN.
        collective: of the workers.
    """
    told = json.dumps({"form": meter.form, "shapes": [state.shape for state in meter.states], "nan": nan})
    everybody = [json.loads(payload) for payload in collective.all_gather_bytes(told.encode())]
    said = [worker for worker in everybody if worker["form"] is not None]
    if not said or any(worker["nan"] for worker in everybody):
        return {metric.name: float("nan") for metric in (*meter.sums, *meter.ranks)}
    form: tuple[int, int] | None = None
    for worker in said:
        form = same_form(form, tuple(worker["form"]))
    shapes = [tuple(np.max(each, axis=0)) for each in zip(*(worker["shapes"] for worker in said), strict=True)]
    values: dict[str, Any] = {}
    for metric, state in zip(meter.sums, _merged_states(meter, shapes, collective), strict=True):
        values |= metric.values(state)
    if meter.ranks:
        values |= _rank_values(meter, max(1, form[1] if form is not None else 1), collective)
    return values


def _merged_states(meter: Meter, shapes: Sequence[tuple[int, ...]], collective: Collective) -> list[np.ndarray]:
    """The states of all workers' rows: one sum for all that add up, the others merged in the order of ranks."""
    nothing: list[np.ndarray | None] = [None for _ in shapes]
    states = [*meter.states] or nothing
    additive = [metric.additive for metric in meter.sums]
    padded = [
        np.zeros(shape) if state is None else grown(state, shape) for state, shape in zip(states, shapes, strict=True)
    ]
    flat = [state.ravel() for state, adds in zip(padded, additive, strict=True) if adds]
    total = collective.all_sum(np.concatenate(flat)) if flat else np.zeros(0)
    merged, start = [], 0
    for metric, state, shape in zip(meter.sums, states, shapes, strict=True):
        size = int(np.prod(shape))
        if metric.additive:
            merged.append(total[start : start + size].reshape(shape))
            start += size
        else:
            merged.append(_merged_in_order(metric, state, shape, collective))
    return merged


def _merged_in_order(
    metric: SumMetric, state: np.ndarray | None, shape: tuple[int, ...], collective: Collective
) -> np.ndarray:
    payloads = collective.all_gather_bytes(b"" if state is None else state.tobytes())
    parts = [np.frombuffer(payload, np.float64).reshape(shape) for payload in payloads if payload]
    merged = parts[0]
    for part in parts[1:]:
        merged = metric.merge(merged, part)
    return merged


def _rank_values(meter: Meter, classes: int, collective: Collective) -> dict[str, Any]:
    """Each worker adds up its own points, of one class after the other; the points of the others pass by."""
    sums = np.zeros((classes, len(meter.ranks) + 2))
    for number in range(classes):
        mine = meter.points(number)
        sums[number] = [*_areas(mine, meter.ranks, collective), mine.positives.sum(), mine.negatives.sum()]
    sums = collective.all_sum(sums)
    values: dict[str, Any] = {}
    for index, metric in enumerate(meter.ranks):
        values |= metric.values(sums[:, index], sums[:, -2], sums[:, -1])
    return values


def _areas(mine: Points, metrics: Sequence[RankMetric], collective: Collective) -> list[float]:
    packed = mine.to_bytes()
    standing: Standing | None = None
    for root in range(collective.size):
        others = Points.from_bytes(collective.broadcast(packed, root))
        stands = Standing.among(mine, others)
        standing = stands if standing is None else standing + stands
    return [metric.area(mine, standing) if standing is not None else 0.0 for metric in metrics]
