"""`sparkdl.plan`: what so many executors with such a network would give, before anybody pays for them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, get_args

from sparkdl.engine.step_speed import measure_steps, trainable_parameters
from sparkdl.errors import ArgumentError
from sparkdl.spark.arguments import check_choice
from sparkdl.spark.memory import TENSORFLOW_BYTES
from sparkdl.train.cost import BYTES, MEASURED, Cluster, Costs, Line, fit_line
from sparkdl.train.forecast import WHOLE_COPIES, Plan, Workload, forecasts
from sparkdl.types import ExchangePrecision

RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:bit/s|bps|b/s)\s*", re.IGNORECASE)
FACTORS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def plan(
    model: Any,
    *,
    batch_size: int | None = None,
    rows_per_worker: int | None = None,
    executors: int | Sequence[int] = (1, 2, 4, 8),
    workers_per_executor: int = 1,
    cores_per_worker: int = 1,
    network: str = "10 Gbit/s",
    latency: float = 5e-5,
    noise: float = 0.05,
    step_seconds: float | None = None,
    exchange_precision: ExchangePrecision = "float32",
    costs: Costs = MEASURED,
) -> Plan:
    """Predicts throughput, step time and memory of `sparkdl.fit` with numbers of executors, each on a host of its own.

    Nothing is asked of Spark. Without `step_seconds` a few steps of the model run on made-up rows in a new process of
    this machine, which is then taken for a host of the cluster. docs/scaling.md says how the prediction is made, what
    it was compared with, and what it leaves out.

    Args:
        model: a Keras model that is built; compiled unless `step_seconds` is given. It is left as it is.
        batch_size: rows of a step over all workers, as in `fit`: more workers have fewer rows each.
        rows_per_worker: instead of `batch_size`, rows of a step for each worker: more workers have more rows in all.
        executors: their number, or several.
        workers_per_executor: worker processes of each; they exchange through memory.
        cores_per_worker: TensorFlow's threads of each.
        network: what each host can send and receive at the same time, such as "10 Gbit/s".
        latency: seconds from host to host, one way.
        noise: how much the time of a computation varies between workers and steps: standard deviation over mean.
        step_seconds: seconds in which one worker computes the gradient of `batch_size` (or `rows_per_worker`) rows,
            where known, for example from the "compute" of a `History`. The update then counts as nothing, and memory
            as without the layers' outputs.
        exchange_precision: as in `fit`.
        costs: of the exchange; from `benchmarks/scaling.py`.

    Returns:
        a frozen `Plan`; printed, it is a table.

    Raises:
        ArgumentError: for a value that cannot be used.
        ModelError: for a model without weights, or whose steps cannot be timed on made-up rows.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(1000), keras.layers.Dense(10)])
        >>> found = plan(model, rows_per_worker=64, executors=[1, 16], step_seconds=0.05, network="1 Gbit/s")
        >>> [forecast.rows for forecast in found.forecasts]
        [64, 1024]
        >>> found.forecasts[1].efficiency < found.forecasts[0].efficiency
        True
    """
    counts = check_executors(executors)
    check_counts(workers_per_executor=workers_per_executor, cores_per_worker=cores_per_worker)
    rows = check_rows(batch_size, rows_per_worker, max(counts) * workers_per_executor)
    check_seconds(latency=latency, noise=noise)
    if step_seconds is not None:
        check_seconds(step_seconds=step_seconds)
    check_choice("exchange_precision", exchange_precision, get_args(ExchangePrecision))
    shared = (workers_per_executor, bytes_per_second(network), latency, exchange_precision)
    clusters = [Cluster(count, *shared) for count in counts]
    parameters = trainable_parameters(model)
    if step_seconds is not None:
        lines = Line(0.0, step_seconds / rows), Line(0.0, 0.0), Line(float(TENSORFLOW_BYTES), 0.0)
    else:
        shares = [rows if batch_size is None else -(-rows // cluster.workers) for cluster in clusters]
        lines = measured_lines(model, parameters, min(shares), max(shares), cores_per_worker)
    workload = Workload(parameters, *lines, batch_size, rows, noise)
    size = f"batch size {rows}" if batch_size else f"{rows} rows per worker"
    exchanged = "" if exchange_precision == "float32" else f", {exchange_precision} between hosts"
    title = f"{model.name}: {parameters:,} parameters, {size}, {network}, {1e6 * latency:g} us, noise {noise:.0%}"
    return Plan(title + exchanged, forecasts(workload, clusters, costs))


def measured_lines(model: Any, parameters: int, fewest: int, most: int, cores: int) -> tuple[Line, Line, Line]:
    """Seconds of the gradient, seconds of the update, and bytes without parameters, measured here."""
    speed = measure_steps(model, fewest, most, cores)
    memory = fit_line(speed.memory)
    # The process that measured had weights and gradient, but nothing from others.
    held = (WHOLE_COPIES - 1) * BYTES * parameters
    return fit_line(speed.gradients), fit_line(speed.updates), Line(max(0.0, memory.fixed - held), memory.each)


def bytes_per_second(network: str) -> float:
    """A rate in words as a number.

    Example:
        >>> bytes_per_second("10 Gbit/s"), bytes_per_second("100Mbps")
        (1250000000.0, 12500000.0)
    """
    found = RATE.fullmatch(network) if isinstance(network, str) else None
    if found is None or float(found[1]) == 0.0:
        raise ArgumentError(
            f"network must be a rate in bits per second above zero, such as '10 Gbit/s' or '100 Mbit/s', received "
            f"{network!r}."
        )
    return float(found[1]) * FACTORS[found[2].upper()] / 8


def check_executors(executors: int | Sequence[int]) -> tuple[int, ...]:
    """The numbers of executors, as a tuple.

    Raises:
        ArgumentError: there are none, or one is no whole number of at least 1.
    """
    counts = tuple(executors) if isinstance(executors, Sequence) else (executors,)
    if not counts:
        raise ArgumentError("executors must be a number of executors or several of them, received none.")
    for count in counts:
        check_counts(executors=count)
    return counts


def check_counts(**counts: Any) -> None:
    """Whole numbers of at least 1.

    Raises:
        ArgumentError: naming the argument.
    """
    for name, value in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ArgumentError(f"{name} must be a whole number of at least 1, received {value!r}.")


def check_seconds(**values: Any) -> None:
    """Finite numbers of at least zero, and more for a step.

    Raises:
        ArgumentError: naming the argument.
    """
    for name, value in values.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number or value < 0 or (name == "step_seconds" and value == 0):
            least = "above zero" if name == "step_seconds" else "of at least zero"
            raise ArgumentError(f"{name} must be a number {least}, received {value!r}.")


def check_rows(batch_size: int | None, rows_per_worker: int | None, workers: int) -> int:
    """The rows that were given: of all workers or of each.

    Raises:
        ArgumentError: both or neither are given, or there are more workers than rows.
    """
    if (batch_size is None) == (rows_per_worker is None):
        raise ArgumentError(
            "plan needs either batch_size= (rows of a step over all workers, as in fit) or rows_per_worker=, received "
            f"batch_size={batch_size!r} and rows_per_worker={rows_per_worker!r}."
        )
    if batch_size is None:
        check_counts(rows_per_worker=rows_per_worker)
        return int(rows_per_worker or 0)
    check_counts(batch_size=batch_size)
    if batch_size < workers:
        raise ArgumentError(
            f"batch_size={batch_size} leaves some of {workers} workers without a row: raise it, give rows_per_worker=, "
            "or plan with fewer executors."
        )
    return batch_size
