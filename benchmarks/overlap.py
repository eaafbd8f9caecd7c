"""How long a training step waits for the exchange: behind the backward pass, and beside it.

    python benchmarks/overlap.py                                    # as root: ResNet-50 on two hosts, some minutes
    python benchmarks/overlap.py --model inception --gbits 1

The hosts are network namespaces, with every cable shaped to 1 and 10 Gbit/s; all else is real: the model, its
gradients, the optimizer, the exchange over TCP. Each worker has one thread. "Alone" is a worker that exchanges nothing.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
from typing import Any

from networks import network, possible
from overlap_worker import ALONE, BEHIND, BESIDE, Task
from scaling import QUIET_LOAD, converse, leave
from workloads import WORKLOADS

from sparkdl.collective.codecs import CODECS


def measure(arguments: argparse.Namespace, gbits: float) -> dict[str, dict[str, float]]:
    """Medians over all steps, of the slowest worker in each: seconds of a step, and share of it spent waiting."""
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
        results[kind] = {name: _slowest(rounds, name) for name in ("step", "exchange")}
    return results


def _slowest(rounds: list[list[Any]], name: str) -> float:
    steps = [max(taken) for workers in rounds for taken in zip(*(worker[name] for worker in workers), strict=True)]
    return statistics.median(steps)


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
    head = f"{'network':>12}{'exchange':>10}{'step ms':>10}{'waits ms':>10}{'share':>8}{'of alone':>10}"
    print(head, "-" * len(head), sep="\n")
    rows = []
    for gbits in arguments.gbits:
        results = measure(arguments, gbits)
        for kind, seconds in results.items():
            step, waits = seconds["step"], seconds["exchange"]
            alone = step / results[ALONE]["step"]
            print(
                f"{gbits:>5g} Gbit/s {kind:>9}{1e3 * step:>10.0f}{1e3 * waits:>10.0f}{waits / step:>8.1%}{alone:>10.2f}"
            )
            rows.append({"gbits": gbits, "exchange": kind, "step": step, "waits": waits, "of_alone": alone})
    if load > QUIET_LOAD:
        print(f"The machine was busy before the start (load average {load:.1f}): what its cores did was slower.")
    told = {"load": load, "model": arguments.model, "exchange_precision": precision, "rows": rows}
    print(json.dumps({"benchmark": "overlap", **told}))


if __name__ == "__main__":
    main()
