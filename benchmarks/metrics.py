"""AUROC and average precision of many rows: `sdl.measure` against collecting them for scikit-learn.

    python benchmarks/metrics.py --rows 10000000
    python benchmarks/metrics.py --rows 1000000 --repeats 3

The rows lie in Parquet, a label and a float score each, so that both sides read them. Prints a table of seconds and
of the driver's peak memory, and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import sparkdl as sdl
from sparkdl.spark.session import local_session

METRICS = [sdl.metrics.AUROC(), sdl.metrics.AveragePrecision()]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to measure (default %(default)s)")
    parser.add_argument("--master", default="local[2]", help="Spark master (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=2, help="turns of each (default %(default)s)")
    return parser.parse_args(arguments)


def measured(frame: Any) -> list[float]:
    """By sparkdl, where the rows lie."""
    found = sdl.measure(frame, METRICS)
    return [found[metric.name] for metric in METRICS]


def collected(frame: Any) -> list[float]:
    """By scikit-learn, from rows that Arrow brings to the driver."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    table = frame.toArrow()
    label, score = (table.column(name).to_numpy() for name in ("label", "prediction"))
    return [roc_auc_score(label, score), average_precision_score(label, score)]


def main() -> None:
    """Measures in turns."""
    arguments = parse_arguments()
    session = local_session(
        arguments.master, {"spark.driver.memory": "6g", "spark.driver.maxResultSize": "0", "spark.ui.enabled": "false"}
    )
    sides: dict[str, Callable[[Any], list[float]]] = {"sdl.measure": measured, "toArrow + scikit-learn": collected}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "scored")
        rows = session.range(arguments.rows).selectExpr("float(rand(1)) as prediction", "rand(2) as luck")
        rows.selectExpr("int(luck < prediction) as label", "prediction").write.parquet(path)
        frame = session.read.parquet(path)
        measured(frame.limit(1000))  # starts Python workers
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        peaks, values = {}, {}
        for _ in range(arguments.repeats):
            for name, side in sides.items():
                started = time.perf_counter()
                values[name] = side(frame)
                seconds[name].append(time.perf_counter() - started)
                # It only grows: sdl.measure, which goes first, is not charged with what the other takes.
                peaks.setdefault(name, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    assert np.allclose(*values.values(), rtol=1e-9, atol=0)
    for name in sides:
        print(f"{name:24} {min(seconds[name]):8.2f} s   peak of the driver's Python {peaks[name]:8.0f} MB")
    print(json.dumps({"rows": arguments.rows, "seconds": seconds, "peak_mb": peaks, "values": values}))


if __name__ == "__main__":
    main()
