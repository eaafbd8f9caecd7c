"""What stays behind of many fits, evaluations and predictions in one session, as in a notebook that is never closed.

    python benchmarks/leaks.py                         # 200 fits of new models, 200 of one, 50 of the other verbs
    python benchmarks/leaks.py --cases new --fits 40

After every few calls it looks at the driver, its JVM and the Python workers: resident memory, descriptors, threads,
what the JVM's heap holds after a collection, and all temporary files.
Prints a table per case, and one line of JSON with the slopes over the last half of the calls: MB per call of the
driver, of each worker, and of the JVM's heap.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

MEGABYTE = 2**20
PAGE = os.sysconf("SC_PAGE_SIZE")
SLOPES = ("driver", "worker", "jvm", "heap", "driver_fds", "worker_fds", "driver_threads", "worker_threads", "files")


@dataclass(frozen=True)
class Census:
    """What there is at one moment; memory in MB.

    Attributes:
        calls: of the verb so far.
        driver, driver_fds, driver_threads: of this process.
        jvm, heap, jvm_threads: of the JVM; the heap after a collection.
        workers, worker, worker_fds, worker_threads: number of Python workers, and the largest of each.
        files: in the folder for temporary files, which nobody else uses.
        seconds: of one call, since the last look.
    """

    calls: int
    driver: float
    driver_fds: int
    driver_threads: int
    jvm: float
    heap: float
    jvm_threads: int
    workers: int
    worker: float
    worker_fds: int
    worker_threads: int
    files: int
    seconds: float = 0.0


def resident(pid: int) -> float:
    """MB of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / MEGABYTE


def count(pid: int, what: str) -> int:
    """How many descriptors (`fd`) or threads (`task`) a process has."""
    return len(os.listdir(f"/proc/{pid}/{what}"))


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def command(pid: int) -> str:
    """A process's command line."""
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def jvm_of_driver() -> int:
    """The Java process that this one has started."""
    pending = children(os.getpid())
    while pending:
        pid = pending.pop()
        if "org.apache.spark.deploy.SparkSubmit" in command(pid) and "java" in os.readlink(f"/proc/{pid}/exe"):
            return pid
        pending += children(pid)
    raise RuntimeError("Spark's JVM is not below this process: run this as a program of its own, not by spark-submit.")


def python_workers(jvm: int) -> list[int]:
    """The workers that PySpark's daemons have forked."""
    return [worker for daemon in children(jvm) if "pyspark.daemon" in command(daemon) for worker in children(daemon)]


def look(spark: Any, calls: int, seconds: float) -> Census:
    """Takes a census."""
    java = spark.sparkContext._jvm.java.lang
    java.System.gc()
    heap = (java.Runtime.getRuntime().totalMemory() - java.Runtime.getRuntime().freeMemory()) / MEGABYTE
    own, jvm = os.getpid(), jvm_of_driver()
    workers = python_workers(jvm)
    return Census(
        calls=calls,
        driver=resident(own),
        driver_fds=count(own, "fd"),
        driver_threads=count(own, "task"),
        jvm=resident(jvm),
        heap=heap,
        jvm_threads=count(jvm, "task"),
        workers=len(workers),
        worker=max((resident(pid) for pid in workers), default=0.0),
        worker_fds=max((count(pid, "fd") for pid in workers), default=0),
        worker_threads=max((count(pid, "task") for pid in workers), default=0),
        files=sum(len(names) for _, _, names in os.walk(tempfile.gettempdir())),
        seconds=seconds,
    )


def network() -> Any:
    """A small model, as new as in a cell of a notebook that is run again."""
    import keras

    model = keras.Sequential(
        [
            keras.Input((16,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def cases(spark: Any) -> dict[str, Callable[[], Any]]:
    """What is called again and again, by name."""
    import sparkdl as sdl

    random = np.random.default_rng(0)
    rows = [(random.normal(size=16).tolist(), int(random.integers(0, 3))) for _ in range(600)]
    data = spark.createDataFrame(rows, "features array<float>, label int").repartition(2).persist()
    data.count()
    one = network()

    def fit(model: Any) -> None:
        sdl.fit(model, data, batch_size=100, epochs=2, verbose=0)

    return {
        "new": lambda: fit(network()),
        "one": lambda: fit(one),
        "evaluate": lambda: sdl.evaluate(network(), data),
        "predict": lambda: sdl.predict(network(), data).collect(),
    }


def repeat(spark: Any, call: Callable[[], Any], times: int, every: int) -> list[Census]:
    """Calls again and again, and looks after every few calls."""
    found = []
    for number in range(0, times, every):
        started = time.perf_counter()
        for _ in range(every):
            call()
        found.append(look(spark, number + every, (time.perf_counter() - started) / every))
        print(" ".join(f"{value:>14.5g}" for value in asdict(found[-1]).values()), flush=True)
    return found


def slope(found: Sequence[Census], field: str) -> float:
    """By how much a number grows per call over the last half."""
    half = found[len(found) // 2 :] if len(found) > 3 else found
    if len(half) < 2:
        return 0.0
    return float(np.polyfit([one.calls for one in half], [getattr(one, field) for one in half], 1)[0])


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=200, help="fits of each kind (default %(default)s)")
    parser.add_argument("--scores", type=int, default=50, help="evaluations and predictions (default %(default)s)")
    parser.add_argument("--every", type=int, default=10, help="calls between two looks (default %(default)s)")
    parser.add_argument("--cases", nargs="+", default=["new", "one", "evaluate", "predict"], help="(default all)")
    return parser.parse_args(arguments)


def main() -> None:
    """Runs the cases in one session."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="sparkdl-leaks-") as folder:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        print(json.dumps(run(arguments, folder)))


def run(arguments: argparse.Namespace, folder: str) -> dict[str, dict[str, float]]:
    """The slopes of each case."""
    from sparkdl.spark.session import local_session

    spark = local_session("local[2]", {"spark.ui.enabled": "false", "spark.local.dir": folder})
    summary = {}
    for name, call in cases(spark).items():
        if name not in arguments.cases:
            continue
        print(f"\n{name}\n" + " ".join(f"{field.name:>14}" for field in fields(Census)), flush=True)
        times = arguments.fits if name in ("new", "one") else arguments.scores
        found = repeat(spark, call, times, arguments.every)
        summary[name] = {field: round(slope(found, field), 4) for field in SLOPES}
    spark.stop()
    return summary


if __name__ == "__main__":
    main()
