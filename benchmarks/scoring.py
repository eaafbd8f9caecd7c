"""Rows per second of `sdl.predict` against Spark's own way of scoring, and against the same runtime without Spark.

    python benchmarks/scoring.py                                  # all cases: about 10 minutes
    python benchmarks/scoring.py mlp --rows 200000 --turns 2

`mlp` scores a multilayer perceptron over rows of 100 features from Parquet, beside `predict_batch_udf` with the same
model, and beside a bare loop: pyarrow reads, OpenVINO computes, pyarrow writes, in one process per core, without Spark.
"zeros" is a function of the same columns that looks at nothing: what Spark itself takes.
`openvino` and `tensorflow` score ResNet-50 over raw images from Parquet, beside the same runtime without Spark. All
write `id` and `prediction` as Parquet. They take turns (A B A B), so that all see the same machine; figures are medians
over turns, and so are ratios, each of one turn of both. The ratio of processor time (of all processes of each) tells
more than that of time where other programs run too. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from process_tree import descendants

CASES = ("mlp", "openvino", "tensorflow")
FEATURES, PARTS = 100, 4
QUIET_LOAD = 0.5
Turn = Callable[[], Any]


@dataclass(frozen=True)
class Result:
    """sparkdl beside another way: rows per second of both, and their ratio, in time and in processor time."""

    case: str
    other: str
    sparkdl: float
    rows_per_second: float
    ratio: float
    cpu_ratio: float
    goal: float | None
    ratios: list[float]
    cpu_ratios: list[float]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"{', '.join(CASES)} (default: all)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the MLP (default %(default)s)")
    parser.add_argument("--hidden", type=int, nargs="+", default=[512, 512], help="its layers (default %(default)s)")
    parser.add_argument("--batch", type=int, default=1024, help="its rows per call (default %(default)s)")
    parser.add_argument("--images", type=int, default=256, help="images of ResNet-50 (default %(default)s)")
    parser.add_argument("--image-batch", type=int, default=16, help="its images per call (default %(default)s)")
    parser.add_argument("--size", type=int, default=224, help="height and width of images (default %(default)s)")
    parser.add_argument("--turns", type=int, default=4, help="turns of each (default %(default)s)")
    parser.add_argument("--record-batches", type=int, metavar="MB", help="size at most (default: as sessions have it)")
    parser.add_argument("--cores", type=int, default=2, help="cores that each way uses (default %(default)s)")
    parsed = parser.parse_args(arguments)
    unknown = sorted({*parsed.cases} - {*CASES})
    if unknown:
        parser.error(f"there is no case {', '.join(unknown)}: choose among {', '.join(CASES)}")
    parsed.cases = parsed.cases or list(CASES)
    return parsed


def write_vectors(folder: Path, rows: int) -> None:
    """Parquet files of `id` and `features`."""
    dice = np.random.default_rng(0)
    for part in range(PARTS):
        ids = np.arange(part * rows // PARTS, (part + 1) * rows // PARTS)
        values = pa.array(dice.normal(size=len(ids) * FEATURES).astype("float32"))
        offsets = pa.array(np.arange(len(ids) + 1, dtype="int32") * FEATURES)
        table = pa.table({"id": ids, "features": pa.ListArray.from_arrays(offsets, values)})
        pq.write_table(table, folder / f"{part}.parquet", row_group_size=50_000, use_dictionary=["id"])


def write_images(folder: Path, images: int, size: int) -> None:
    """Parquet files of `id` and raw images as `features`."""
    dice = np.random.default_rng(0)
    for part in range(PARTS):
        ids = np.arange(part * images // PARTS, (part + 1) * images // PARTS)
        raw = [dice.integers(0, 256, (size, size, 3), "uint8").tobytes() for _ in ids]
        pq.write_table(pa.table({"id": ids, "features": pa.array(raw, pa.binary())}), folder / f"{part}.parquet")


def perceptron(hidden: Sequence[int]) -> Any:
    """The MLP, which gives one number."""
    import keras

    layers = [keras.layers.Dense(units, "relu") for units in hidden]
    last = [keras.layers.Dense(1, "sigmoid"), keras.layers.Reshape(())]
    return keras.Sequential([keras.Input((FEATURES,)), *layers, *last])


def resnet(size: int) -> Any:
    """ResNet-50 over raw bytes."""
    import keras

    inputs = keras.Input((size, size, 3), dtype="uint8")
    net = keras.applications.ResNet50(weights=None, input_shape=(size, size, 3))
    return keras.Model(inputs, net(keras.layers.Rescaling(1 / 255.0)(inputs)))


@functools.cache
def bare_runtime(runtime: str, place: str) -> Callable[[np.ndarray], np.ndarray]:
    """A model on one thread of this process."""
    if runtime.startswith("openvino"):
        import openvino

        hint = "bf16" if runtime.endswith("bf16") else "f32"
        settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": hint}
        compiled = openvino.Core().compile_model(f"{place}.xml", "CPU", {**settings, "ENABLE_CPU_PINNING": False})
        request = compiled.create_infer_request()
        return lambda rows: request.infer([rows], share_inputs=True)[0]
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = keras.saving.load_model(f"{place}.keras")
    call = tf.function(lambda rows: model(rows, training=False))
    return lambda rows: call(rows).numpy()


def bare_part(runtime: str, place: str, shape: tuple[int, ...], batch: int, files: Sequence[str], folder: str) -> None:
    """Reads, scores and writes some of the files."""
    pa.set_cpu_count(1)
    call = bare_runtime(runtime, place)
    for file in files:
        ids, values = [], []
        for read in pq.ParquetFile(file).iter_batches(batch):
            column = read.column("features")
            content = column.buffers()[2] if pa.types.is_binary(column.type) else None
            flat = column.flatten().to_numpy() if content is None else np.frombuffer(content, "uint8")
            rows = flat[: read.num_rows * int(np.prod(shape))].reshape(read.num_rows, *shape)
            values.append(call(rows))
            ids.append(read.column("id").to_numpy())
        found = np.concatenate(values)
        prediction = pa.array(found.reshape(-1))
        if found.ndim > 1:
            offsets = pa.array(np.arange(len(found) + 1, dtype="int32") * found.shape[1])
            prediction = pa.ListArray.from_arrays(offsets, prediction)
        pq.write_table(pa.table({"id": np.concatenate(ids), "prediction": prediction}), Path(folder, Path(file).name))


def processor_seconds() -> float:
    """What this process and all that it has started have used so far."""
    return sum(os.times()[:4]) + sum(process.processor_seconds for process in descendants())


def compare(
    case: str, rows: int, turns: Mapping[str, Turn], goals: Mapping[str, float | None], count: int
) -> list[Result]:
    """Lets all take turns; the first is sparkdl."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
    for run in turns.values():  # loads models, and warms the JVM up
        run()
    for _ in range(count):
        for name, run in turns.items():
            start, cpu = time.perf_counter(), processor_seconds()
            run()
            times[name].append((time.perf_counter() - start, processor_seconds() - cpu))
    own, *others = times
    results = []
    for other in others:
        pairs = list(zip(times[other], times[own], strict=True))
        ratios, cpu_ratios = ([a[clock] / b[clock] for a, b in pairs] for clock in (0, 1))
        speeds = (rows / statistics.median(wall for wall, _ in times[name]) for name in (own, other))
        middle = statistics.median(ratios), statistics.median(cpu_ratios)
        results.append(Result(case, other, *speeds, *middle, goals[other], ratios, cpu_ratios))
    return results


def batch_udf(model: Any, batch: int) -> Any:
    """Spark's own way, as its documentation shows it."""
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql.types import FloatType

    description, weights = model.to_json(), model.get_weights()

    def make() -> Callable[[np.ndarray], np.ndarray]:
        import keras

        rebuilt = keras.models.model_from_json(description)
        rebuilt.set_weights(weights)
        return lambda rows: rebuilt.predict_on_batch(rows)

    return predict_batch_udf(make, return_type=FloatType(), batch_size=batch, input_tensor_shapes=[[FEATURES]])


def zeros(batches: Iterable[pa.Array]) -> Iterator[pa.Array]:
    """An answer that needs no model."""
    return (pa.array(np.zeros(len(batch), np.float32)) for batch in batches)


def measure(case: str, spark: Any, folder: Path, arguments: argparse.Namespace) -> Iterator[Result]:
    """One case."""
    from pyspark.sql.types import FloatType

    import sparkdl as sdl
    from sparkdl.engine.runtimes.conversion import convert
    from sparkdl.spark.functions import arrow_function
    from sparkdl.types import SampleSpec, TensorSpec

    data, place, out = folder / "data", str(folder / "model"), str(folder / "out")
    data.mkdir(parents=True)
    Path(out).mkdir()
    mlp = case == "mlp"
    rows, batch = (arguments.rows, arguments.batch) if mlp else (arguments.images, arguments.image_batch)
    shape = (FEATURES,) if mlp else (arguments.size, arguments.size, 3)
    write_vectors(data, rows) if mlp else write_images(data, rows, arguments.size)
    model, dtype = (perceptron(arguments.hidden), "float32") if mlp else (resnet(arguments.size), "uint8")
    runtime = "tensorflow" if case == "tensorflow" else "openvino"
    model.save(f"{place}.keras")
    if runtime == "openvino":
        network = convert(model, SampleSpec((TensorSpec("features", shape, dtype),)))
        Path(f"{place}.xml").write_text(network.xml)
        Path(f"{place}.bin").write_bytes(network.weights)
    frame = spark.read.parquet(str(data))
    options = {} if mlp else {"dtypes": {"features": "uint8"}}
    scored = sdl.predict(model, frame, batch_size=batch, runtime=runtime, **options).select("id", "prediction")
    nothing = frame.select("id", arrow_function(zeros, FloatType())("features").alias("prediction"))
    with ProcessPoolExecutor(arguments.cores, multiprocessing.get_context("spawn")) as pool:
        files = sorted(map(str, data.iterdir()))
        part = functools.partial(bare_part, runtime, place, shape, batch)
        turns: dict[str, Turn] = {"sparkdl": functools.partial(write, scored, out)}
        if mlp:
            function = batch_udf(model, batch)
            turns["predict_batch_udf"] = lambda: write(
                frame.select("id", function("features").alias("prediction")), out
            )
        shares = [files[core :: arguments.cores] for core in range(arguments.cores)]
        turns[f"bare {runtime}"] = lambda: list(pool.map(part, shares, [out] * arguments.cores))
        turns["zeros"] = functools.partial(write, nothing, out)
        goals = {"predict_batch_udf": 1.5, f"bare {runtime}": 0.9 if mlp else 0.95, "zeros": None}
        yield from compare(case, rows, turns, goals, arguments.turns)


def write(frame: Any, folder: str) -> None:
    """Runs the query."""
    frame.write.mode("overwrite").parquet(folder)


def table(results: Sequence[Result]) -> str:
    """The figures for people."""
    head = f"{'rows/s':<12}{'sparkdl':>12}{'beside':>20}{'':>12}{'ratio':>8}{'of CPU':>8}{'at least':>10}"
    rows = [
        f"{r.case:<12}{r.sparkdl:>12,.0f}{r.other:>20}{r.rows_per_second:>12,.0f}{r.ratio:>8.2f}{r.cpu_ratio:>8.2f}"
        + (f"{r.goal:>10.2f}" if r.goal else "")
        for r in results
    ]
    return "\n".join([head, "-" * len(head), *rows])


def main() -> None:
    """Runs the benchmark."""
    arguments = parse_arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    load = os.getloadavg()[0]
    from sparkdl.spark.session import local_session

    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="sparkdl-scoring-") as folder:
        with local_session(f"local[{arguments.cores}]", {"spark.ui.enabled": "false"}, "scoring") as spark:
            if arguments.record_batches:
                spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", arguments.record_batches << 20)
            for case in arguments.cases:
                results += measure(case, spark, Path(folder, case), arguments)
    print(table(results))
    if load > QUIET_LOAD:
        print(f"The machine was busy before the start (load average {load:.1f}): the ratios mean little.")
    print(json.dumps({**vars(arguments), "load": load, "results": [asdict(result) for result in results]}))


if __name__ == "__main__":
    main()
