"""The tables of docs/scaling.md, of what benchmarks/scaling.py and benchmarks/limits.py printed.

    python benchmarks/scaling_tables.py scaling.txt limits.txt [more of limits.py ...]

First the steps that were measured against those that the model of cost predicts; then what nodes would give, each with
some workers of one core that compute as the one process of bare TensorFlow did.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparkdl.train.cost import Cluster, Costs, Line, Way
from sparkdl.train.forecast import Workload, forecast

TITLES = {"lenet": "LeNet", "inception": "Inception-v1", "resnet50": "ResNet-50", "vgg16": "VGG-16"}
NODES = (8, 16, 32, 64, 128, 256, 512)
LATENCY, NOISE = 5e-5, 0.05
GIGABIT = 1e9 / 8


def row(*cells: object) -> str:
    """A line of a table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def measured_table(points: Sequence[dict[str, Any]]) -> str:
    """Measured steps in milliseconds, and in brackets how far off the prediction is."""
    lengths = sorted({point["parameters"] for point in points})
    heads = [f"{length:,} parameters" for length in lengths]
    lines = [row("network", "hosts x workers", *heads), row(*["---"] * (2 + len(heads)))]
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for point in points:
        cluster = point["cluster"]
        network = "one host" if cluster["hosts"] == 1 else f"{point['gbits']:g} Gbit/s"
        group = groups.setdefault((network, f"{cluster['hosts']} x {cluster['workers_per_host']}"), {})
        group[point["parameters"]] = f"{1e3 * point['step']:.1f} ({point['error']:+.1%})"
    lines += [row(*names, *(cells.get(length, "") for length in lengths)) for names, cells in groups.items()]
    return "\n".join(lines)


def errors(points: Sequence[dict[str, Any]]) -> str:
    """How good the predictions are, in a line."""
    found = [abs(point["error"]) for point in points]
    good = sum(error <= 0.1 for error in found)
    return f"{good} of {len(found)} within 10 %, median {statistics.median(found):.1%}, at most {max(found):.1%}"


def costs_of(told: dict[str, Any]) -> Costs:
    """What scaling.py fitted."""
    return Costs(Way(**told["tcp"]), Way(**told["memory"]), told["framing"])


def update_line(points: Sequence[dict[str, Any]]) -> Line:
    """Seconds of an update by parameters, as measured with plain SGD."""
    each = [
        point["update"] * point["cluster"]["hosts"] * point["cluster"]["workers_per_host"] / point["parameters"]
        for point in points
        if point["parameters"] >= 1_000_000
    ]
    return Line(0.0, statistics.median(each))


def predicted_table(limits: dict[str, Any], costs: Costs, update: Line, workers: int, networks: Sequence[float]) -> str:
    """Rows per second and efficiency by network, model and nodes."""
    heads = [f"{nodes} nodes" for nodes in NODES]
    lines = [row("network", "model", *heads), row(*["---"] * (2 + len(heads)))]
    for gbits in networks:
        for name, title in TITLES.items():
            if name not in limits["steps"]:
                continue
            batch = limits["batch"][name]
            compute = Line(0.0, limits["steps"][name]["1"]["processor ms"] / 1e3 / batch)
            load = Workload(limits["parameters"][name], compute, update, Line(0, 0), None, batch, NOISE)
            clusters = [Cluster(nodes, workers, gbits * GIGABIT, LATENCY) for nodes in NODES]
            found = [forecast(load, cluster, costs) for cluster in clusters]
            cells = [f"{each.rows_per_second:,.0f} ({each.efficiency:.0%})" for each in found]
            lines.append(row(f"{gbits:g} Gbit/s", title, *cells))
    return "\n".join(lines)


def models_table(limits: dict[str, Any]) -> str:
    """What the prediction takes from bare TensorFlow."""
    lines = [row("model", "parameters", "rows per worker", "processor seconds of a step"), row(*["---"] * 4)]
    for name, title in TITLES.items():
        if name in limits["steps"]:
            seconds = limits["steps"][name]["1"]["processor ms"] / 1e3
            lines.append(row(title, f"{limits['parameters'][name]:,}", limits["batch"][name], f"{seconds:.3f}"))
    return "\n".join(lines)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scaling", type=Path, help="output of scaling.py")
    parser.add_argument("limits", type=Path, nargs="+", help="outputs of limits.py")
    parser.add_argument("--workers", type=int, default=16, help="of a node (default %(default)s)")
    arguments = parser.parse_args()
    scaling, *parts = (json.loads(path.read_text().splitlines()[-1]) for path in (arguments.scaling, *arguments.limits))
    limits: dict[str, Any] = {"steps": {}, "parameters": {}, "batch": {}}
    for name, part in itertools.product(limits, parts):
        limits[name] |= part[name]
    print(measured_table(scaling["points"]), errors(scaling["points"]), sep="\n\n")
    costs = costs_of(scaling["costs"])
    print(f"\n{costs}\n", models_table(limits), "", sep="\n")
    networks = sorted({point["gbits"] for point in scaling["points"] if point["gbits"]})
    print(predicted_table(limits, costs, update_line(scaling["points"]), arguments.workers, networks))


if __name__ == "__main__":
    main()
