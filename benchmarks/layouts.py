"""Whether the layout that `fit` takes by itself is as fast as the best of those that one could ask for.

    python benchmarks/layouts.py                            # LeNet, MLP and ResNet-50 on local[2]
    python benchmarks/layouts.py vgg16 --turns 1

For each model and layout (workers x threads of each) a program of its own trains it, since a process keeps the number
of threads that TensorFlow began with; "auto" is `fit` without `workers=` and `cores_per_worker=`, which times layouts
first where the model has two million parameters or more. The programs take turns. Rates are those of the epochs after
the first, in rows per second, medians over turns. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import workloads
from training import QUIET_LOAD, rate_text
from workloads import WORKLOADS, MakeRows

AUTO = "auto"
GOAL = 0.95
MODELS = ("lenet", "mlp", "resnet50")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL", help=f"{', '.join(WORKLOADS)}")
    parser.add_argument("--slots", type=int, default=2, help="task slots, local[N] (default %(default)s)")
    parser.add_argument("--turns", type=int, default=2, help="programs of each layout (default %(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="of each program; the first is left out (%(default)s)")
    parser.add_argument("--one", metavar="LAYOUT", help="train the (only) model in this layout, and print one line")
    parsed = parser.parse_args(arguments)
    if unknown := sorted({*parsed.models} - {*WORKLOADS}):
        parser.error(f"there is no model {', '.join(unknown)}: choose among {', '.join(WORKLOADS)}")
    return parsed


def layouts(slots: int) -> list[str]:
    """All that use every slot."""
    return [f"{slots // threads}x{threads}" for threads in range(1, slots + 1) if slots % threads == 0]


def train(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains the model in one layout: rows per second, and what was chosen."""
    import sparkdl as sdl
    from sparkdl.spark.session import local_session

    workload = WORKLOADS[arguments.models[0]]
    fixed: dict[str, int] = {}
    if arguments.one != AUTO:
        fixed = dict(zip(("workers", "cores_per_worker"), map(int, arguments.one.split("x")), strict=True))
    rows = workload.batch * workload.steps
    conf = {"spark.ui.enabled": "false", "spark.driver.memory": "4g"}
    with local_session(f"local[{arguments.slots}]", conf, "layouts benchmark") as spark:
        spark.sparkContext.addPyFile(workloads.__file__)
        task = MakeRows(workload.shape, workload.classes)
        frame = spark.range(0, rows, 1, arguments.slots).mapInArrow(task, "features binary, label bigint").cache()
        frame.count()
        options = {"batch_size": workload.batch, "epochs": arguments.epochs, "dtypes": {"features": "float32"}}
        history = sdl.fit(workload.model("sgd"), frame, **options, **fixed, verbose=0)
    seconds = sum(history.epoch_seconds[1:])
    chosen = history.choices.get("layout", {}).get("chosen")
    told = f"{chosen['workers']}x{chosen['cores']}" if chosen else f"{history.params['workers']}x1"
    return {"rate": rows * (arguments.epochs - 1) / seconds, "layout": told, "seconds": history.seconds}


def program(name: str, layout: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The same in a process of its own."""
    numbers = ["--slots", str(arguments.slots), "--epochs", str(arguments.epochs)]
    command = [sys.executable, str(Path(__file__)), name, "--one", layout, *numbers]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} in layout {layout} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """All layouts of one model, and what `fit` takes by itself."""
    names = [*layouts(arguments.slots), AUTO]
    turns = [{layout: program(name, layout, arguments) for layout in names} for _ in range(arguments.turns)]
    rates = {layout: statistics.median(turn[layout]["rate"] for turn in turns) for layout in names}
    best = max(names[:-1], key=lambda layout: rates[layout])
    taken = sorted({turn[AUTO]["layout"] for turn in turns})
    return {"model": name, "rates": rates, "best": best, "taken": taken, "ratio": rates[AUTO] / rates[best]}


def table(results: Sequence[dict[str, Any]]) -> str:
    """The figures for people."""
    names = list(results[0]["rates"])
    head = f"{'model':<12}" + "".join(f"{name + '/s':>10}" for name in names) + f"{'takes':>8}{'ratio':>7}{'goal':>6}"
    lines = [head, "-" * len(head)]
    for result in results:
        rates = "".join(rate_text(result["rates"][name]) for name in names)
        lines.append(f"{result['model']:<12}{rates}{','.join(result['taken']):>8}{result['ratio']:>7.3f}{GOAL:>6.2f}")
    return "\n".join(lines)


def main() -> None:
    """Runs the benchmark."""
    arguments = parse_arguments()
    if arguments.one:
        print(json.dumps(train(arguments)))
        return
    load = os.getloadavg()[0]
    results = [compare(name, arguments) for name in arguments.models]
    print(table(results))
    if load > QUIET_LOAD:
        print(f"The machine was busy before the start (load average {load:.1f}): the ratios mean little.")
    print(json.dumps({"benchmark": "layouts", "load": load, "results": results}))


if __name__ == "__main__":
    main()
