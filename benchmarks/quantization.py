"""Rows per second of `sdl.predict` in float32, bf16 and int8 against OpenVINO without Spark, and what int8 brings.

    python benchmarks/quantization.py                               # about 10 minutes
    python benchmarks/quantization.py --images 128 --turns 2

ResNet-50 over raw images from Parquet. The bare loop reads with pyarrow, computes with OpenVINO and writes with
pyarrow, in one process per core, without Spark; its networks are the very bytes that `predict` ships. The two take
turns (A B A B); figures are medians over turns, and so are ratios, each of one turn of both. The report of
`sdl.quantize` comes first, and `--lenet` adds those of BigDL's `quantize()` on a LeNet, with data seen and without. The
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scoring import QUIET_LOAD, Result, bare_part, compare, resnet, table, write, write_images

GOAL = 0.95
KINDS = {"float32": "openvino", "bf16": "openvino bf16", "int8": "openvino"}


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1024, help="rows (default %(default)s)")
    parser.add_argument("--size", type=int, default=224, help="height and width of images (default %(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="images per call (default %(default)s)")
    parser.add_argument("--rows", type=int, default=100, help="images of the calibration (default %(default)s)")
    parser.add_argument("--turns", type=int, default=4, help="turns of each (default %(default)s)")
    parser.add_argument("--cores", type=int, default=2, help="cores that each way uses (default %(default)s)")
    parser.add_argument("--lenet", action="store_true", help="measure BigDL's quantize() on a LeNet too")
    return parser.parse_args(arguments)


def save_network(network: Any, place: str) -> None:
    """The files that the bare loop reads."""
    Path(f"{place}.xml").write_text(network.xml)
    Path(f"{place}.bin").write_bytes(network.weights)


def measure(spark: Any, folder: Path, arguments: argparse.Namespace) -> Iterator[tuple[Any, list[Result]]]:
    """The report of int8, and each precision beside the bare loop."""
    import sparkdl as sdl
    from sparkdl.spark.shipping import converted
    from sparkdl.types import SampleSpec, TensorSpec

    data, out, shape = folder / "data", str(folder / "out"), (arguments.size, arguments.size, 3)
    data.mkdir()
    Path(out).mkdir()
    write_images(data, arguments.images, arguments.size)
    frame, dtypes = spark.read.parquet(str(data)), {"features": "uint8"}
    model = resnet(arguments.size)
    small = sdl.quantize(model, frame, dtypes=dtypes, rows=arguments.rows)
    network, _ = converted(model, SampleSpec((TensorSpec(model.inputs[0].name, shape, "uint8"),)))
    save_network(network, str(folder / "float"))
    save_network(small.network, str(folder / "int8"))
    files = sorted(map(str, data.iterdir()))
    shares = [files[core :: arguments.cores] for core in range(arguments.cores)]
    yield small.report, []
    for kind, runtime in KINDS.items():
        options = {"precision": "bf16"} if kind == "bf16" else {}
        scored = sdl.predict(
            small if kind == "int8" else model, frame, dtypes=dtypes, batch_size=arguments.batch, **options
        ).select("id", "prediction")
        place = str(folder / ("int8" if kind == "int8" else "float"))
        with ProcessPoolExecutor(arguments.cores, multiprocessing.get_context("spawn")) as pool:
            part = functools.partial(bare_part, runtime, place, shape, arguments.batch)
            turns: dict[str, Callable[[], Any]] = {
                "sparkdl": functools.partial(write, scored, out),
                "bare openvino": lambda part=part, pool=pool: list(pool.map(part, shares, [out] * arguments.cores)),
            }
            yield None, compare(kind, arguments.images, turns, {"bare openvino": GOAL}, arguments.turns)


def lenet_reports() -> dict[str, Any]:
    """BigDL's `quantize()` on its LeNet, with rows of 28 x 28 seen before, and without."""
    from sparkdl.bigdl.models.lenet.lenet5 import build_model

    rows = np.random.default_rng(0).uniform(0, 1, (128, 784)).astype("float32")
    model = build_model(10)
    blind = model.quantize()
    blind.forward(rows)
    model.forward(rows)
    return {"LeNet, weights alone": blind.report, "LeNet, data seen": model.quantize().report}


def main() -> None:
    """Runs the benchmark."""
    arguments = parse_arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    load = os.getloadavg()[0]
    from sparkdl.spark.session import local_session

    results: list[Result] = []
    reports: dict[str, Any] = lenet_reports() if arguments.lenet else {}
    with tempfile.TemporaryDirectory(prefix="sparkdl-quantization-") as folder:
        with local_session(f"local[{arguments.cores}]", {"spark.ui.enabled": "false"}, "quantization") as spark:
            for report, found in measure(spark, Path(folder), arguments):
                results += found
                reports |= {} if report is None else {"ResNet-50": report}
    for title, report in reports.items():
        print(f"{title}\n{report}\n")
    print(table(results))
    if load > QUIET_LOAD:
        print(f"The machine was busy before the start (load average {load:.1f}): the ratios mean little.")
    said = {title: asdict(report) for title, report in reports.items()}
    print(json.dumps({**vars(arguments), "load": load, "reports": said, "results": [asdict(r) for r in results]}))


if __name__ == "__main__":
    main()
