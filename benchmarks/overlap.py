"""How long a training step waits for the exchange: behind the backward pass, and beside it.

    python benchmarks/overlap.py                                    # as root: ResNet-50 on two hosts, some minutes
    python benchmarks/overlap.py --model inception --gbits 1

The hosts are network namespaces, with every cable shaped to 1 and 10 Gbit/s; all else is real: the model, its
gradients, the optimizer, the exchange over TCP. Each worker has one thread. "Alone" is a worker that exchanges nothing.
A worker waits for the exchange, and before it for the slower ones: "exposed" is the wait of the one that waits least in
a step, since it came last, and "share" is that part of the step. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
from collections.abc import Callable
from typing import Any

from networks import network, possible
from overlap_worker import ALONE, BEHIND, BESIDE, Task
from scaling import QUIET_LOAD, converse, leave
from workloads import WORKLOADS

from sparkdl.collective.codecs import CODECS


def measure(arguments: argparse.Namespace, gbits: float) -> dict[str, dict[str, float]]:
    """Medians over all steps: seconds of the slowest worker, of the longest wait and of the shortest in each."""
    turns = (ALONE, BEHIND, BESIDE) * arguments.turns
    with network(arguments.workers, gbits) as hosts:
        tasks = [
            Task(
                rank,
                arguments.workers,
                host.address,
                arguments.model,
                arguments.rows,
                arguments.steps,
                turns,
                "",
                precision=arguments.exchange_precision,
            )
            for rank, host in enumerate(hosts)
        ]
        told = converse(hosts, tasks, len(turns), "overlap_worker.py")
    results: dict[str, dict[str, float]] = {}
    for kind in dict.fromkeys(turns):
        rounds = [workers for turn, workers in zip(turns, told, strict=True) if turn == kind]
        results[kind] = {
            "step": _median(rounds, "step", max),
            "waits": _median(rounds, "exchange", max),
            "exposed": _median(rounds, "exchange", min),
        }
    return results


def _median(rounds: list[list[Any]], name: str, pick: Callable[[Any], float]) -> float:
    """Over the steps of all rounds, of one worker in each."""
    return statistics.median(
        pick(taken) for workers in rounds for taken in zip(*(worker[name] for worker in workers), strict=True)
    )


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=sorted(WORKLOADS), default="resnet50")
    parser.add_argument("--rows", type=int, default=16, help="rows per worker and step (16)")
    parser.add_argument("--workers", type=int, default=2, help="each on a host of its own (2)")
    parser.add_argument("--gbits", type=float, nargs="*", default=[1, 10], help="Gbit/s of each cable (1 10)")
    parser.add_argument(
        "--exchange-precision", choices=sorted(CODECS), default="float32", help="between hosts (float32)"
    )
    parser.add_argument("--steps", type=int, default=3, help="steps of a turn (3)")
    parser.add_argument("--turns", type=int, default=2, help="turns of each kind (2)")
    arguments = parser.parse_args()
    if not possible():
        parser.error("shaping networks needs root, and the commands `ip` and `tc` (Debian: iproute2)")
    signal.signal(signal.SIGTERM, leave)
    load = os.getloadavg()[0]
    precision = arguments.exchange_precision
    print(f"{arguments.model}, {arguments.workers} hosts, {arguments.rows} rows per worker, {precision} between hosts")
    head = (
        f"{'network':>12}{'exchange':>10}{'step ms':>10}{'waits ms':>10}{'exposed ms':>12}{'share':>8}{'of alone':>10}"
    )
    print(head, "-" * len(head), sep="\n")
    rows = []
    for gbits in arguments.gbits:
        results = measure(arguments, gbits)
        for kind, seconds in results.items():
            step, exposed = seconds["step"], seconds["exposed"]
            alone = step / results[ALONE]["step"]
            line = f"{gbits:>5g} Gbit/s {kind:>9}{1e3 * step:>10.0f}{1e3 * seconds['waits']:>10.0f}"
            print(f"{line}{1e3 * exposed:>12.0f}{exposed / step:>8.1%}{alone:>10.2f}")
            rows.append({"gbits": gbits, "exchange": kind, **seconds, "of_alone": alone})
    if load > QUIET_LOAD:
        print(f"The machine was busy before the start (load average {load:.1f}): what its cores did was slower.")
    told = {"load": load, "model": arguments.model, "exchange_precision": precision, "rows": rows}
    print(json.dumps({"benchmark": "overlap", **told}))


if __name__ == "__main__":
    main()
