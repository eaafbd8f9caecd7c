"""Throughput of `sdl.fit` against the synchronous limit, and what a second fit costs beside its steps.

The limit is that of bare TensorFlow; `--torch` (pip install torch) measures that of PyTorch beside it.

    python benchmarks/training.py                          # LeNet, LSTM and MLP on local[2]
    python benchmarks/training.py resnet50 --repeats 2     # slow: seconds per step
    python benchmarks/training.py resnet50 --precision bf16 --torch
    python benchmarks/training.py lenet --master 'local-cluster[2,1,4096]'

Limit and fit take turns in one run (A B A B), so that both see the same machine. Rates are medians over the turns:
for the limit of its steps after a warm-up, for fit of its epochs after the first, from the begin of an epoch to its
end. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import limit
import workloads
from workloads import QUICK, WORKLOADS, MakeRows, Workload

PHASES = ("waiting", "compute", "exchange", "update")
WARM_UP = 10
QUIET_LOAD = 0.5


@dataclass(frozen=True)
class Turn:
    """What one fit took.

    Attributes:
        rate: rows per second over whole epochs after the first.
        wall: seconds of the call.
        outside: seconds of the call that no training step took.
        phases: milliseconds per step and phase, mean over workers and all steps.
    """

    rate: float
    wall: float
    outside: float
    phases: dict[str, float]


@dataclass(frozen=True)
class Result:
    """One model's figures: rates in rows per second, medians over the turns; `torch` is PyTorch's limit."""

    model: str
    limit: float
    limit_turns: list[float]
    fit: float
    fit_turns: list[float]
    ratio: float
    torch: float | None
    goal: float
    phases: dict[str, float]
    first_fit_outside: float
    second_fit_outside: float
    second_fit_wall: float


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"{', '.join(WORKLOADS)} (default: {', '.join(QUICK)})"
    )
    parser.add_argument("--master", default="local[2]", help="Spark master (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes of one core each (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="turns of limit and fit (default %(default)s)")
    parser.add_argument("--steps", type=int, help="steps per epoch and per limit turn (default: by model)")
    parser.add_argument("--batch", type=int, help="rows per step over all workers (default: by model)")
    parser.add_argument("--epochs", type=int, default=4, help="epochs per fit; the first is left out (%(default)s)")
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32", help="of all (default float32)")
    parser.add_argument("--torch", action="store_true", help="measure PyTorch too; its optimizer is SGD")
    parser.add_argument("--optimizer", default="sgd", help="any name Keras knows (default %(default)s)")
    parsed = parser.parse_args(arguments)
    unknown = sorted({*parsed.models} - {*WORKLOADS})
    if unknown:
        parser.error(f"there is no model {', '.join(unknown)}: choose among {', '.join(WORKLOADS)}")
    if parsed.batch is not None and (parsed.batch < parsed.workers or parsed.batch % parsed.workers):
        parser.error(f"--batch {parsed.batch} cannot be shared by {parsed.workers} workers: give a multiple of that")
    parsed.models = parsed.models or QUICK
    return parsed


def chosen(name: str, arguments: argparse.Namespace) -> Workload:
    """The workload of that name, with the batch that was asked for."""
    workload = WORKLOADS[name]
    return replace(workload, batch=arguments.batch or workload.batch)


def fit_once(workload: Workload, frame: Any, arguments: argparse.Namespace, steps: int) -> Turn:
    """One fit of a new model."""
    import sparkdl as sdl

    history = sdl.fit(
        workload.model(arguments.optimizer),
        frame,
        batch_size=workload.batch,
        epochs=arguments.epochs,
        workers=arguments.workers,
        cores_per_worker=1,
        precision=arguments.precision,
        dtypes={"features": "float32"},
        verbose=0,
    )
    timings = history.timings
    done = sum(timing["steps"] for timing in timings)
    return Turn(
        rate=workload.batch * steps * (arguments.epochs - 1) / sum(history.epoch_seconds[1:]),
        wall=history.seconds,
        outside=history.seconds - max(timing["training"] for timing in timings),
        phases={phase: 1e3 * sum(timing.get(phase, 0.0) for timing in timings) / done for phase in PHASES},
    )


def limit_rate(workload: Workload, arguments: argparse.Namespace, steps: int, engine: str) -> float:
    """Rows per second of one turn of the bare loop."""
    numbers = (arguments.workers, min(WARM_UP, steps), steps)
    run = (*numbers, engine, arguments.precision, workload.batch)
    seconds = limit.measure(workload.name, arguments.optimizer, *run)["wall"]
    return workload.batch * len(seconds) / sum(seconds)


def compare(workload: Workload, spark: Any, arguments: argparse.Namespace) -> Result:
    """Lets limit and fit take turns on one model."""
    steps = arguments.steps or workload.steps
    count, partitions = workload.batch * steps, arguments.workers
    task = MakeRows(workload.shape, workload.classes)
    frame = spark.range(0, count, 1, partitions).mapInArrow(task, "features binary, label bigint").cache()
    frame.count()
    limits, torch, turns = [], [], []
    for _ in range(arguments.repeats):
        limits.append(limit_rate(workload, arguments, steps, "tensorflow"))
        if arguments.torch:
            torch.append(limit_rate(workload, arguments, steps, "torch"))
        turns.append(fit_once(workload, frame, arguments, steps))
    frame.unpersist()
    bare, rate = statistics.median(limits), statistics.median(turn.rate for turn in turns)
    second = turns[min(1, len(turns) - 1)]
    return Result(
        model=workload.name,
        limit=bare,
        limit_turns=limits,
        fit=rate,
        fit_turns=[turn.rate for turn in turns],
        ratio=rate / bare,
        torch=statistics.median(torch) if torch else None,
        goal=workload.goal,
        phases={phase: statistics.median(turn.phases[phase] for turn in turns) for phase in PHASES},
        first_fit_outside=turns[0].outside,
        second_fit_outside=second.outside,
        second_fit_wall=second.wall,
    )


def table(results: Sequence[Result]) -> str:
    """The figures for people."""
    head = f"{'model':<12}{'limit/s':>10}{'fit/s':>10}{'ratio':>7}{'goal':>6}{'torch/s':>10}{'ratio':>7}   "
    head += "".join(f"{phase + ' ms':>13}" for phase in PHASES) + f"{'outside s: 1st':>17}{'2nd':>7}"
    lines = [head, "-" * len(head)]
    for result in results:
        line = (
            f"{result.model:<12}{rate_text(result.limit)}{rate_text(result.fit)}{result.ratio:>7.3f}{result.goal:>6.2f}"
        )
        line += f"{rate_text(result.torch)}{result.fit / result.torch:>7.3f}   " if result.torch else f"{'':>20}"
        line += "".join(f"{result.phases[phase]:>13.2f}" for phase in PHASES)
        lines.append(line + f"{result.first_fit_outside:>17.1f}{result.second_fit_outside:>7.1f}")
    return "\n".join(lines)


def rate_text(rate: float) -> str:
    """Rows per second, with a digit behind the point where there are few."""
    return f"{rate:>10,.1f}" if rate < 100 else f"{rate:>10,.0f}"


def main() -> None:
    """Runs the benchmark."""
    arguments = parse_arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    load = os.getloadavg()[0]
    from sparkdl.spark.session import local_session

    conf = {"spark.ui.enabled": "false", "spark.driver.memory": "4g"}
    spark = local_session(arguments.master, conf, app_name="training benchmark")
    spark.sparkContext.addPyFile(workloads.__file__)
    try:
        results = [compare(chosen(name, arguments), spark, arguments) for name in arguments.models]
    finally:
        spark.stop()
    print(table(results))
    if load > QUIET_LOAD:
        print(f"The machine was busy before the start (load average {load:.1f}): the ratios mean little.")
    told = ("master", "workers", "batch", "repeats", "epochs", "optimizer", "precision")
    settings = {name: getattr(arguments, name) for name in told}
    print(json.dumps({**settings, "load": load, "results": [asdict(result) for result in results]}))


if __name__ == "__main__":
    main()
