"""How a training step grows with workers and network, and whether the model of `sdl.plan` predicts it.

    python benchmarks/scaling.py                                   # as root: some minutes
    python benchmarks/scaling.py --networks 0 1 > slow.txt         # one host and one network, then the others
    python benchmarks/scaling.py --networks 10 25 --with slow.txt

One, two, four and eight workers run the real exchange, on one host through shared memory, and on hosts that are
network namespaces behind a bridge, with every cable shaped to 1, 10 and 25 Gbit/s. A timed wait stands for the
computation, with normal noise; all else is as in training.

The workers of eight hosts share the few cores of this machine. So time is stretched for each run by its workers per
core: cables are so much slower and waits so much longer, and what was measured is divided by it. Every worker then has,
as in a cluster, a core of its own.

The model is fitted to the exchanges alone. Then it predicts the steps, which it has not seen, and each exchange from a
fit without it. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from networks import Host, network, possible
from scaling_worker import Task

from sparkdl.train.cost import Cluster, Costs, Measurement, exchange_seconds, fit_costs, step_time, wire_seconds

ROOT = Path(__file__).parents[1]
LENGTHS = (1_000, 62_000, 1_000_000, 7_000_000, 25_600_000)
CLUSTERS = ((2, 1), (4, 1), (8, 1), (4, 2))
ONE_HOST = ((1, 1), (1, 2), (1, 4), (1, 8))
WAIT_SECONDS, NOISE = 0.025, 0.1
# Exchanges and steps of each number of parameters, and of those that take long; seconds that one may take here.
EXCHANGES, STEPS, FEW, LONGEST = 15, 5, 3, 2.0
GIGABIT = 1e9 / 8
QUIET_LOAD = 0.5


@dataclass(frozen=True)
class Point:
    """What was measured of one cluster and number of parameters, in seconds: medians, in the cluster's own time."""

    gbits: float
    cluster: Cluster
    parameters: int
    exchange: float
    update: float
    step: float

    @property
    def place(self) -> tuple[float, int, int, int]:
        """Where it stands in the table; a later run's point takes the place of an earlier one's."""
        return self.gbits, self.cluster.workers, self.cluster.workers_per_host, self.parameters

    @property
    def measurement(self) -> Measurement:
        """For the fit."""
        return Measurement(self.cluster, self.parameters, self.exchange)


@contextmanager
def hosts_of(count: int, gbits: float) -> Iterator[list[Host]]:
    """This machine for one host, otherwise namespaces."""
    if count == 1:
        yield [Host((), "127.0.0.1")]
        return
    with network(count, gbits) as hosts:
        yield hosts


def run(hosts: int, per_host: int, gbits: float, cores: float) -> list[Point]:
    """Measures one cluster with all numbers of parameters that do not take too long."""
    stretch = max(1.0, hosts * per_host / cores)
    cluster = Cluster(hosts, per_host, gbits * GIGABIT)
    print(f"{hosts} x {per_host} workers, {gbits:g} Gbit/s", file=sys.stderr, flush=True)
    seconds = {length: stretch * wire_seconds(length, cluster) for length in LENGTHS} if hosts > 1 else {}
    lengths = tuple(length for length in LENGTHS if seconds.get(length, 0.0) <= LONGEST)
    long = [seconds.get(length, 0.0) > LONGEST / 8 for length in lengths]
    with hosts_of(hosts, gbits / stretch) as places:
        tasks = [
            Task(
                rank=rank,
                size=cluster.workers,
                address=places[rank // per_host].address,
                alone=per_host == 1,
                lengths=lengths,
                exchanges=tuple(FEW if slow else EXCHANGES for slow in long),
                steps=tuple(FEW if slow else STEPS for slow in long),
                wait=WAIT_SECONDS * stretch,
                noise=NOISE,
                secret="",
            )
            for rank in range(cluster.workers)
        ]
        results = converse([places[task.rank // per_host] for task in tasks], tasks, len(lengths))
    return [
        Point(gbits, cluster, length, *(summary(told, name) / stretch for name in ("exchange", "update", "step")))
        for length, told in zip(lengths, results, strict=True)
    ]


def summary(told: Sequence[dict[str, list[float]]], name: str) -> float:
    """The median over the rounds, of the slowest worker in each."""
    return statistics.median(max(taken) for taken in zip(*(worker[name] for worker in told), strict=True))


def converse(
    places: Sequence[Host], tasks: Sequence[Any], rounds: int, program: str = "scaling_worker.py"
) -> list[list[Any]]:
    """Runs the workers; what each told in every round."""
    secret = secrets.token_hex(32)
    processes, talks = [], []
    for place, task in zip(places, tasks, strict=True):
        ours, theirs = socket.socketpair()
        with theirs:
            started = [*place.prefix, sys.executable, str(ROOT / "benchmarks" / program)]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
            command = [*started, str(theirs.fileno())]
            processes.append(subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()]))
        talks.append(ours.makefile("rwb", 0))
        ours.close()
        talks[-1].write(json.dumps(asdict(task) | {"secret": secret}).encode() + b"\n")
    results: list[list[Any]] = []
    while len(results) < rounds:
        messages = [json.loads(talk.readline()) for talk in talks]
        if "gather" in messages[0]:
            everything = json.dumps([message["gather"] for message in messages]).encode() + b"\n"
            for talk in talks:
                talk.write(everything)
        else:
            results.append(messages)
    for process in processes:
        process.wait()
    return results


def read_points(path: Path) -> list[Point]:
    """The points that an earlier run printed in its last line."""
    told = json.loads(path.read_text().splitlines()[-1])["points"]
    names = [field.name for field in fields(Point)]
    points = [{name: row[name] for name in names} for row in told]
    return [Point(**point | {"cluster": Cluster(**point["cluster"])}) for point in points]


def predict(point: Point, costs: Costs) -> tuple[float, float]:
    """Seconds of the exchange and of the step, as the model says."""
    parts = step_time(point.parameters, WAIT_SECONDS, NOISE, point.update, point.cluster, costs)
    return exchange_seconds(point.parameters, point.cluster, costs), parts.total


def without(points: Sequence[Point], left_out: Point) -> Costs:
    """The fit to all points but one."""
    rest = [point.measurement for point in points if point is not left_out and point.cluster.workers > 1]
    return fit_costs(rest)


def report(points: Sequence[Point], costs: Costs) -> list[dict[str, Any]]:
    """Prints measured against predicted, and gives it for the JSON line."""
    head = f"{'network':>11}{'hosts':>6}{'workers':>8}{'parameters':>12}"
    head += "".join(f"{name:>12}" for name in ("exchange ms", "unseen", "step ms", "predicted", "error"))
    print(head, "-" * len(head), sep="\n")
    rows = []
    for point in points:
        network_name = f"{point.gbits:g} Gbit/s" if point.cluster.hosts > 1 else "one host"
        unseen = predict(point, without(points, point))[0]
        step = predict(point, costs)[1]
        line = f"{network_name:>11}{point.cluster.hosts:>6}{point.cluster.workers:>8}{point.parameters:>12,}"
        line += "".join(f"{1e3 * value:>12.2f}" for value in (point.exchange, unseen, point.step, step))
        print(f"{line}{step / point.step - 1:>+12.1%}")
        rows.append(asdict(point) | {"unseen": unseen, "predicted": step, "error": step / point.step - 1})
    errors = sorted(abs(row["error"]) for row in rows)
    good = sum(error <= 0.1 for error in errors)
    print(f"Steps: {good} of {len(rows)} within 10 %, median error {statistics.median(errors):.1%}, ", end="")
    print(f"{errors[-1]:.1%} at most.")
    return rows


def leave(*_: object) -> None:
    """Ends the program once, so that networks are taken down."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--networks",
        type=float,
        nargs="*",
        default=[0, 1, 10, 25],
        metavar="GBITS",
        help="Gbit/s, 0 for one host (0 1 10 25)",
    )
    parser.add_argument(
        "--cores", type=float, default=os.cpu_count(), help="cores that workers can have (default: all)"
    )
    parser.add_argument("--with", dest="earlier", type=Path, nargs="*", default=[], help="outputs of earlier runs")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4, 8], help="how many (1 2 4 8)")
    arguments = parser.parse_args()
    if not possible():
        parser.error("shaping networks needs root, and the commands `ip` and `tc` (Debian: iproute2)")
    signal.signal(signal.SIGTERM, leave)
    load = os.getloadavg()[0]
    found = {point.place: point for path in arguments.earlier for point in read_points(path)}
    for gbits in arguments.networks:
        clusters = [pair for pair in (CLUSTERS if gbits else ONE_HOST) if pair[0] * pair[1] in arguments.workers]
        for hosts, each in clusters:
            found |= {point.place: point for point in run(hosts, each, gbits, arguments.cores)}
    points = [found[place] for place in sorted(found)]
    exchanges = [point.measurement for point in points if point.cluster.workers > 1]
    costs = fit_costs(exchanges)
    rows = report(points, costs)
    print(f"Fitted: {costs}")
    if load > QUIET_LOAD:
        print(f"The machine was busy before the start (load average {load:.1f}): what its cores did was slower.")
    print(
        json.dumps(
            {"benchmark": "scaling", "cores": arguments.cores, "load": load, "costs": asdict(costs), "points": rows}
        )
    )


if __name__ == "__main__":
    main()
