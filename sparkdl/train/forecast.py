"""What executors would give: steps of `cost`, for several numbers of them, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sparkdl.train.cost import BYTES, Cluster, Costs, Line, StepTime, step_time

# Of the computation of a gradient: a layer's forward pass is one product, its backward pass two.
BACKWARD = 2 / 3
# Copies of all parameters in a worker: weights, gradient, and what arrives from others; and those of which it has only
# its slice, the optimizer's.
WHOLE_COPIES, SLICED_COPIES = 3, 2
HEADINGS = (
    "executors",
    "workers",
    "rows/s",
    "efficiency",
    "step ms",
    "compute",
    "stragglers",
    "exchange",
    "update",
    "MB",
)


@dataclass(frozen=True)
class Forecast:
    """What a number of executors would give.

    Attributes:
        executors: their number, one per host.
        workers: on all of them.
        rows: of a step, over all workers.
        step: the parts of a step, in seconds.
        efficiency: rows per second of a worker, as a share of what one worker alone would have.
        memory: bytes that a worker needs beside its rows.

    Example:
        >>> Forecast(2, 2, 64, StepTime(0.9, 0.02, 0.07, 0.01), 0.9, 10**9).rows_per_second
        64.0
    """

    executors: int
    workers: int
    rows: int
    step: StepTime
    efficiency: float
    memory: int

    @property
    def rows_per_second(self) -> float:
        """Over all workers."""
        return self.rows / self.step.total

    def cells(self) -> tuple[str, ...]:
        """A row of the table of a `Plan`."""
        parts = (self.step.total, self.step.compute, self.step.stragglers, self.step.exchange, self.step.update)
        numbers = (f"{self.executors}", f"{self.workers}", f"{self.rows_per_second:,.0f}", f"{self.efficiency:.0%}")
        return (*numbers, *(f"{1e3 * part:,.2f}" for part in parts), f"{self.memory >> 20:,}")


@dataclass(frozen=True)
class Plan:
    """What `sparkdl.plan` found; printed as a table.

    Attributes:
        title: model, network and assumptions, in a line.
        forecasts: for each number of executors.
    """

    title: str
    forecasts: tuple[Forecast, ...]

    def __str__(self) -> str:
        rows = [HEADINGS, *(forecast.cells() for forecast in self.forecasts)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([self.title, *lines])


@dataclass(frozen=True)
class Workload:
    """A model and what a step of it takes.

    Attributes:
        parameters: trainable ones.
        compute: seconds of the gradient, by rows of a worker.
        update: seconds of the update, by parameters of its slice.
        memory: bytes that a worker needs for anything but parameters, by its rows.
        batch_size: rows of a step over all workers; None where each has `rows_per_worker`.
        rows_per_worker: rows of each worker.
        noise: standard deviation of compute, as a share of its mean.
    """

    parameters: int
    compute: Line
    update: Line
    memory: Line
    batch_size: int | None
    rows_per_worker: int
    noise: float

    def share(self, workers: int) -> int:
        """Rows of the worker that has most of them."""
        return self.rows_per_worker if self.batch_size is None else -(-self.batch_size // workers)

    def step(self, cluster: Cluster, costs: Costs) -> StepTime:
        """The parts of a step."""
        compute = self.compute.at(self.share(cluster.workers))
        update = self.update.at(self.parameters / cluster.workers)
        return step_time(self.parameters, compute, self.noise, update, cluster, costs, BACKWARD * compute)


def forecast(workload: Workload, cluster: Cluster, costs: Costs) -> Forecast:
    """What the hosts of a cluster, with an executor each, would give.

    Example:
        >>> from sparkdl.train.cost import MEASURED
        >>> load = Workload(10**6, Line(0.0, 0.01), Line(0.0, 1e-9), Line(6e8, 1e6), None, 32, noise=0.0)
        >>> one = forecast(load, Cluster(1), MEASURED)
        >>> one.rows, one.efficiency
        (32, 1.0)
    """
    workers = cluster.workers
    rows = workload.batch_size or workload.rows_per_worker * workers
    step = workload.step(cluster, costs)
    alone = workload.step(replace(cluster, hosts=1, workers_per_host=1), costs)
    copies = WHOLE_COPIES + SLICED_COPIES / workers
    return Forecast(
        executors=cluster.hosts,
        workers=workers,
        rows=rows,
        step=step,
        efficiency=rows / step.total / workers / (workload.share(1) / alone.total),
        memory=round(workload.memory.at(workload.share(workers)) + copies * BYTES * workload.parameters),
    )


def forecasts(workload: Workload, clusters: Sequence[Cluster], costs: Costs) -> tuple[Forecast, ...]:
    """One for each cluster."""
    return tuple(forecast(workload, cluster, costs) for cluster in clusters)
