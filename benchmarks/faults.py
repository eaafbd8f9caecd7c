"""Faults at random moments: does a run survive them, with the same bytes, and how long does it take?

    python benchmarks/faults.py --runs 60 --master 'local-cluster[2,1,1024]'
    python benchmarks/faults.py --runs 20 --master standalone --hosts 127.0.0.1 127.0.0.2

Every run trains the same small model with state of every kind, and ends with the bytes of an undisturbed run; where a
slot is lost for good it ends on fewer workers, and where the program itself is wrong, with its error. Linux only.

A run is decided by --seed and its number, so that one that failed can be repeated: --first NUMBER --runs 1.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import fault_subject
from fault_kinds import FAULTS
from fault_runs import Outcome, Reference, can_mount, disturbed_run, killed_driver_run, reference_run
from standalone import Standalone


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--master", default="local-cluster[2,1,1024]", help="or: standalone")
    parser.add_argument("--hosts", nargs="+", default=["127.0.0.1", "127.0.0.1"], help="of the standalone cluster")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", nargs="+", choices=FAULTS, help="all that the cluster allows where not given")
    return parser.parse_args()


def possible(master: str) -> list[str]:
    """The faults that can be done on a cluster, by this user."""
    fitting = [name for name, fault in FAULTS.items() if master.startswith(fault.masters)]
    return [name for name in fitting if can_mount() or not FAULTS[name].needs_disk]


@contextmanager
def session(master: str) -> Iterator[Any]:
    """A Spark session whose executors are all there."""
    from sparkdl.spark.cluster import wait_for_slots
    from sparkdl.spark.session import local_session

    spark = local_session(master, {**fault_subject.CONF, "spark.cores.max": "2"}, app_name="faults")
    spark.sparkContext.addPyFile(fault_subject.__file__)
    wait_for_slots(spark.sparkContext, 2)
    try:
        yield spark
    finally:
        application = spark.sparkContext.applicationId
        spark.stop()
        fault_subject.remove_work(application)


def schedule(arguments: argparse.Namespace, names: Sequence[str]) -> list[tuple[int, str]]:
    """Number and fault of each run: the faults in turn, and those that need no session of ours at the end."""
    numbers = range(arguments.first, arguments.first + arguments.runs)
    return sorted(((number, names[number % len(names)]) for number in numbers), key=lambda run: run[1] == "kill driver")


def run_all(arguments: argparse.Namespace) -> list[Outcome]:
    """All runs, with a line for each."""
    outcomes = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sparkdl-faults-")))
        cluster = None
        if arguments.master == "standalone":
            cluster = stack.enter_context(Standalone(folder, arguments.hosts))
        master = arguments.master if cluster is None else cluster.url
        runs = schedule(arguments, arguments.faults or possible(master))
        with session(master) as spark:
            reference = reference_run(spark)
            print(f"undisturbed: {reference.seconds:.1f} s, {reference.trained.workers} workers", flush=True)
            for number, name in runs:
                if name != "kill driver":
                    outcomes.append(in_session(spark, name, number, arguments.seed, folder, reference, cluster))
        for number, name in runs:
            if name == "kill driver":
                place = folder / str(number)
                place.mkdir()
                outcomes.append(report(killed_driver_run(master, seed_of(arguments.seed, number), place, reference)))
    return outcomes


def in_session(
    spark: Any, name: str, number: int, seed: int, folder: Path, reference: Reference, cluster: Standalone | None
) -> Outcome:
    """One run, repeated where it ended before its moment came; then what it broke is made whole."""
    from sparkdl.spark.cluster import wait_for_slots

    for turn in range(5):
        place = folder / f"{number}-{turn}"
        place.mkdir()
        outcome = disturbed_run(spark, name, seed_of(seed, number, turn), place, reference, cluster)
        if cluster is not None:
            cluster.repair()
        wait_for_slots(spark.sparkContext, 2)
        if outcome.problem != "missed":
            break
    return report(outcome)


def seed_of(seed: int, number: int, turn: int = 0) -> int:
    """What decides a run."""
    return 1_000_000 * seed + 10 * number + turn


def report(outcome: Outcome) -> Outcome:
    """Prints a line."""
    times = " ".join(f"{name} {value:.1f}" for name, value in times_of(outcome).items())
    end = outcome.problem or "survived"
    print(
        f"{time.strftime('%H:%M:%S')} {outcome.fault:<20} seed {outcome.seed} every {outcome.every} at "
        f"{outcome.moment:.1f} s ({outcome.what}): {end}; {times}; {outcome.reason}",
        flush=True,
    )
    return outcome


def times_of(outcome: Outcome) -> dict[str, float]:
    """The times that are known."""
    times = {"detect": outcome.detect, "recover": outcome.recover, "seconds": outcome.seconds}
    return {name: value for name, value in times.items() if value is not None}


def table(outcomes: Sequence[Outcome]) -> str:
    """A line per fault: medians, and the worst in brackets."""
    head = f"{'fault':<22}{'runs':>5}{'survived':>9}{'s to detect':>18}{'s to recover':>18}"
    lines = [head, "-" * len(head)]
    for name in FAULTS:
        mine = [outcome for outcome in outcomes if outcome.fault == name]
        if mine:
            well = sum(not outcome.problem for outcome in mine)
            detect, recover = (_spread([getattr(outcome, what) for outcome in mine]) for what in ("detect", "recover"))
            lines.append(f"{name:<22}{len(mine):>5}{well:>9}{detect:>18}{recover:>18}")
    survived = sum(not outcome.problem for outcome in outcomes)
    return "\n".join([*lines, "-" * len(head), f"{'all':<22}{len(outcomes):>5}{survived:>9}"])


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.1f} ({max(known):.1f})" if known else "-"


def main() -> None:
    """Runs them all; ends with 1 where one was not survived."""
    arguments = parse_arguments()
    outcomes = run_all(arguments)
    print(table(outcomes))
    kept = [{name: value for name, value in asdict(outcome).items() if name != "victims"} for outcome in outcomes]
    print(json.dumps({**vars(arguments), "results": kept}))
    raise SystemExit(any(outcome.problem for outcome in outcomes))


if __name__ == "__main__":
    main()
