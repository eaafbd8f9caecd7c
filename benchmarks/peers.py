"""sparkdl and others who train on Spark: rows per second, and seconds to a given accuracy.

    python benchmarks/peers.py --environments peers             # all that are installed there
    python benchmarks/peers.py sparkdl --turns 1                # sparkdl alone needs no other environment
    python benchmarks/peers.py --environments peers --docs docs # also writes the tables and the chart of docs/peers.md
    python benchmarks/peers.py --results run.json               # results so far are written there after each turn
    python benchmarks/peers.py --again run.json --docs docs     # measures nothing: writes the page of these results

The folder of `--environments` (or SPARKDL_PEERS) has one virtual environment per peer; docs/peers.md says how to make
them. Each peer is a program of benchmarks/peers, written as that peer's documentation recommends, and a fresh process
in each turn; all take turns (A B A B) on the same file of data, with the same model, optimizer, rate, batch and number
of epochs. They may use as many cores as there are workers. Figures are medians over turns. LeNet is trained on real
handwritten digits, and tested on others; LSTM and MLP on random numbers, for their speed alone. The last line is one
JSON object.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import peers_report

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "peers"
QUIET_LOAD = 0.5
TIMEOUT = 300
ERROR = re.compile(r"[\w.]*(Error|Exception)\b")


@dataclass(frozen=True)
class Peer:
    """One who trains.

    Attributes:
        name: as in tables.
        program: in benchmarks/peers.
        environment: folder of its virtual environment; "" is the one that runs this.
        options: of the program.
    """

    name: str
    program: str
    environment: str
    options: tuple[str, ...] = ()


PEERS = (
    Peer("sparkdl", "sparkdl_fit.py", ""),
    Peer("TorchDistributor", "torch_distributor.py", "torch"),
    Peer("Horovod", "horovod_keras.py", "horovod"),
    Peer("MirroredStrategyRunner", "mirrored_strategy.py", "mirrored"),
    Peer("elephas", "elephas_model.py", "elephas"),
    Peer("BigDL, MKL", "bigdl_engine.py", "bigdl", ("--engine", "mklblas")),
    Peer("BigDL, MKL-DNN", "bigdl_engine.py", "bigdl", ("--engine", "mkldnn")),
)


@dataclass(frozen=True)
class Workload:
    """What is trained: on how many rows, in which batches, with which rate, and for how many epochs."""

    shape: tuple[int, ...]
    classes: int
    rows: int
    batch: int
    epochs: int


WORKLOADS = {
    "lenet": Workload((28, 28, 1), 10, 14_380, 128, 6),
    "lstm": Workload((48, 16), 2, 12_800, 256, 4),
    "mlp": Workload((784,), 10, 12_800, 256, 4),
}
HELD_OUT = 359  # of the 1,797 digits: a fifth


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peers", nargs="*", metavar="PEER", help=f"{'; '.join(names)} (default: all)")
    parser.add_argument(
        "--environments",
        type=Path,
        metavar="DIR",
        default=os.environ.get("SPARKDL_PEERS"),
        help="folder of the peers' virtual environments: bigdl, elephas, horovod, mirrored, torch (SPARKDL_PEERS)",
    )
    parser.add_argument("--bigdl", type=Path, metavar="DIR", help="the environment of BigDL 2.4, where it is elsewhere")
    parser.add_argument("--models", nargs="*", choices=WORKLOADS, default=list(WORKLOADS), help="(default: all)")
    parser.add_argument("--turns", type=int, default=2, help="turns of LeNet, the others have one less (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="of one core each (%(default)s)")
    parser.add_argument("--target", type=float, default=0.97, help="accuracy to reach (%(default)s)")
    parser.add_argument("--rows", type=int, help="train on fewer rows, to try this program out")
    parser.add_argument("--scoring-rows", type=int, default=0, help="also run scoring.py on so many rows (%(default)s)")
    parser.add_argument("--docs", type=Path, metavar="DIR", help="write tables and chart of its page peers.md")
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON, written after each turn")
    parser.add_argument("--again", type=Path, metavar="FILE", help="measure nothing: take an earlier run's results")
    parsed = parser.parse_args(arguments)
    unknown = [name for name in parsed.peers if name not in names]
    if unknown:
        parser.error(f"there is no peer {', '.join(unknown)}: choose among {'; '.join(names)}")
    parsed.peers = parsed.peers or names
    return parsed


def digits(rows: int) -> dict[str, np.ndarray]:
    """Real digits of 8x8 pixels on canvases of 28x28: a fifth to test on, and moved copies of the others."""
    from sklearn.datasets import load_digits

    bunch, dice = load_digits(), np.random.default_rng(0)
    images, labels = bunch.images.astype("float32") / 16, bunch.target.astype("int64")
    order = dice.permutation(len(images))
    held_out, train = order[:HELD_OUT], order[HELD_OUT:]
    chosen = dice.permutation(np.resize(train, rows))

    def canvas(index: int, down: int = 0, right: int = 0) -> np.ndarray:
        drawn = np.zeros((28, 28, 1), "float32")
        drawn[2 + down : 26 + down, 2 + right : 26 + right, 0] = np.kron(images[index], np.ones((3, 3)))
        return drawn

    return {
        "features": np.stack([canvas(index, *dice.integers(-2, 3, 2)) for index in chosen]),
        "labels": labels[chosen],
        "test_features": np.stack([canvas(index) for index in held_out]),
        "test_labels": labels[held_out],
    }


def random_rows(workload: Workload, rows: int) -> dict[str, np.ndarray]:
    """Numbers without a meaning."""
    dice = np.random.default_rng(0)
    return {
        f"{part}{name}": values
        for part, count in (("", rows), ("test_", workload.batch))
        for name, values in (
            ("features", dice.random((count, *workload.shape), np.float32)),
            ("labels", dice.integers(0, workload.classes, count)),
        )
    }


def python_of(peer: Peer, arguments: argparse.Namespace) -> Path | None:
    """The Python that has the peer installed, if there is one."""
    if not peer.environment:
        return Path(sys.executable)
    if peer.environment == "bigdl" and arguments.bigdl:
        folder = arguments.bigdl
    elif arguments.environments:
        folder = Path(arguments.environments) / peer.environment
    else:
        return None
    python = folder.absolute() / "bin" / "python"
    return python if python.exists() else None


def environment(peer: Peer) -> dict[str, str]:
    """Variables for its program: what all programs import, and a Java where the machine has none."""
    from sparkdl.spark.java import has_java

    path = [str(PROGRAMS)] if peer.environment else [str(PROGRAMS), str(HERE.parent)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return variables if has_java(os.environ) else {**variables, "JAVA_HOME": java_home()}


@functools.cache
def java_home() -> str:
    """The Java of a wheel, which sparkdl's environment has."""
    from sparkdl.spark.java import wheel_java_home

    return str(wheel_java_home())


def run(peer: Peer, python: Path, data: Path, model: str, turn: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One turn of one peer: what its program printed, or its "error"."""
    workload = WORKLOADS[model]
    words: list[Any] = [python, PROGRAMS / peer.program, data, "--model", model, "--epochs", workload.epochs]
    words += ["--batch", workload.batch, "--workers", arguments.workers, "--seed", turn, *peer.options]
    with subprocess.Popen(
        [str(word) for word in words],
        env=environment(peer),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        try:
            printed, said = program.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(program.pid, signal.SIGKILL)
            return {"error": f"not done after {TIMEOUT} s"}
    if program.returncode:
        return {"error": first_error(said)}
    return json.loads(printed.splitlines()[-1])


def first_error(said: str) -> str:
    """The line that tells most of what went wrong: Java's causes lie deep, Python's error comes last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    errors = [line for line in lines if ERROR.match(line)]
    return (causes or errors or lines or ["it said nothing"])[-1][:300]


def measure(folder: Path, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All turns of all peers, with the results so far; who failed once is not asked again for the same model."""
    chosen = {peer: python_of(peer, arguments) for peer in PEERS if peer.name in arguments.peers}
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for model in arguments.models:
        rows = arguments.rows or WORKLOADS[model].rows
        made = digits(rows) if model == "lenet" else random_rows(WORKLOADS[model], rows)
        np.savez(folder / f"{model}.npz", **made)
    for turn in range(arguments.turns):
        for model in arguments.models if turn < max(1, arguments.turns - 1) else arguments.models[:1]:
            for peer, python in chosen.items():
                done = runs.setdefault((model, peer.name), [])
                if python is None or any("error" in one for one in done):
                    continue
                load = os.getloadavg()[0]
                done.append({**run(peer, python, folder / f"{model}.npz", model, turn, arguments), "load": load})
                told = peers_report.in_short(done[-1])
                print(f"{model}, {peer.name}, turn {turn}: load {load:.1f}, {told}", flush=True)
                yield {
                    "results": [
                        peers_report.summary(model, name, done, arguments.target)
                        for (model, name), done in runs.items()
                        if done
                    ],
                    "absent": [peer.name for peer, python in chosen.items() if python is None],
                }


def scoring(rows: int) -> list[dict[str, Any]]:
    """What scoring.py finds, which measures `predict_batch_udf`."""
    words = [sys.executable, str(HERE / "scoring.py"), "mlp", "--rows", str(rows), "--turns", "3"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    results = json.loads(done.stdout.splitlines()[-1])["results"]
    return [result for result in results if result["other"] != "zeros"]


def keep(told: dict[str, Any], results: Path | None) -> None:
    """Writes what is known so far, where it is asked for."""
    if results:
        results.write_text(json.dumps(told) + "\n")


def main() -> None:
    """Runs the benchmark."""
    arguments = parse_arguments()
    if arguments.again:
        told = json.loads(arguments.again.read_text().splitlines()[-1])
    else:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.workers])
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory(prefix="sparkdl-peers-") as folder:
            told = {"benchmark": "peers", "load": load, "target": arguments.target, "workers": arguments.workers}
            told.update(results=[], absent=[], scoring=[])
            for so_far in measure(Path(folder), arguments):
                told.update(so_far)
                keep(told, arguments.results)
        if arguments.scoring_rows:
            told["scoring"] = scoring(arguments.scoring_rows)
            keep(told, arguments.results)
    print(peers_report.table(told))
    if told["load"] > QUIET_LOAD:
        print(f"The machine was busy before the start (load average {told['load']:.1f}): the ratios mean little.")
    if arguments.docs:
        peers_report.write_page(told, arguments.docs)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
