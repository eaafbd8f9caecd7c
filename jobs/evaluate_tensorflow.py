"""Evaluates a TensorFlow graph over an RDD of samples: top-1 accuracy, 128 rows at a time.

`spark-submit jobs/evaluate_tensorflow.py --model graph.pb --checkpoint model.ckpt --data rows.npz` evaluates a graph of
yours: frozen, or with a checkpoint, or BigDL's pair (`--bin-file`), or a SavedModel. Without --model, TensorFlow trains
an LSTM, in the way of its version 1, on device telemetry (see `train_failure_lstm.py`) and saves it; it is loaded, and
evaluated on devices that it has never seen, beside TensorFlow itself. A driver that runs in the cluster needs
`--py-files` with `lstm_graph.py`, `train_failure_lstm.py` and what that one needs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import telemetry
from counts import count
from pyspark import RDD
from pyspark.sql import DataFrame, SparkSession
from telemetry import PROCESS
from train_failure_lstm import build_windows
from windows import Windowing, on_grid, read_tables

if TYPE_CHECKING:
    import keras


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Top-1 accuracy of a TensorFlow graph, computed inside Spark.")
    parser.add_argument("--model", help="graph (.pb, .pbtxt, .meta) or directory of a SavedModel; path or URL")
    parser.add_argument("--checkpoint", help="the values of its variables, as TensorFlow saves them")
    parser.add_argument("--bin-file", help="the values of its variables, as BigDL saves them")
    parser.add_argument("--inputs", nargs="+", default=["Placeholder"], help="names of its inputs (%(default)s)")
    parser.add_argument("--outputs", nargs="+", default=["prediction/Softmax"], help="and outputs (%(default)s)")
    parser.add_argument(
        "--data", help=".npz file with features and labels, or a folder of telemetry as train_failure_lstm.py reads it"
    )
    parser.add_argument(
        "--batch-size", type=count, default=128, help="rows per call of the graph (default %(default)s)"
    )
    parser.add_argument("--devices", type=count, default=800, help="devices to make, without --data (%(default)s)")
    parser.add_argument("--length", type=count, default=24, help="readings per sequence, without --model (%(default)s)")
    parser.add_argument("--epochs", type=count, default=6, help="passes of the training, without --model (%(default)s)")
    parser.add_argument("--master", default="local[*]", help="Spark master where spark-submit gives none (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of data, split and weights (%(default)s)")
    return parser.parse_args(arguments)


def sequences(spark: SparkSession, arguments: argparse.Namespace, length: int, folder: Path) -> DataFrame:
    """Windows of telemetry, `features` and `failed`, with the split of their device."""
    directory = arguments.data
    if directory is None:
        slots = 18 * 3600 // telemetry.SLOT_SECONDS
        fleet = telemetry.simulate(PROCESS, arguments.devices, slots, np.random.default_rng(arguments.seed))
        telemetry.write(folder / "data", fleet, PROCESS, arguments.seed)
        directory = str(folder / "data")
    gauges = tuple(gauge.name for gauge in PROCESS.gauges)
    windowing = Windowing(gauges, tuple(counter.name for counter in PROCESS.counters), length=length)
    readings, failures = read_tables(spark, directory, windowing.sensors)
    return build_windows(on_grid(readings, failures, windowing).cache(), windowing, arguments.seed).cache()


def arrays(windows: DataFrame, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of windows as arrays on the driver."""
    rows = windows.select("features", "failed").collect()
    x = np.array([row["features"] for row in rows], "float32")
    return x.reshape(len(rows), length, -1), np.array([row["failed"] for row in rows], "int32")


def samples_of(spark: SparkSession, x: np.ndarray, labels: np.ndarray) -> RDD[Any]:
    """Arrays as an RDD of samples."""
    import sparkdl as sdl

    rows = spark.sparkContext.parallelize(list(zip(x, labels.tolist(), strict=True)))
    return rows.map(lambda row: sdl.Sample.from_ndarray(row[0], row[1]))


def load(arguments: argparse.Namespace) -> keras.Model:
    """The graph as a Keras model, compiled for its accuracy."""
    import sparkdl as sdl

    model = sdl.load_tensorflow(
        arguments.model,
        arguments.inputs,
        arguments.outputs,
        checkpoint=arguments.checkpoint,
        bin_file=arguments.bin_file,
    )
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    print(f"Loaded {arguments.model}: {arguments.inputs} to {arguments.outputs}, {model.count_params():,} weights.")
    return model


def evaluate(model: keras.Model, samples: RDD[Any], batch_size: int) -> dict[str, float]:
    """Evaluates on Spark, and prints."""
    import sparkdl as sdl

    start = time.perf_counter()
    scores = sdl.evaluate(model, samples, batch_size=batch_size)
    seconds = time.perf_counter() - start
    print(
        f"{samples.count():,} samples, {batch_size} at a time, in {seconds:.1f} s: "
        f"loss {scores['loss']:.4f}, top-1 accuracy {scores['accuracy']:.4f}"
    )
    return scores


def run(arguments: argparse.Namespace, spark: SparkSession, folder: Path) -> None:
    """Makes what is not given, evaluates and prints."""
    if arguments.data is not None and arguments.data.endswith(".npz"):
        with np.load(arguments.data) as rows:
            x, labels = rows["features"], rows["labels"]
        if arguments.model is None:
            raise SystemExit("--data is an .npz file: give the graph that it is for, by --model.")
        evaluate(load(arguments), samples_of(spark, x, labels), arguments.batch_size)
        return
    model = load(arguments) if arguments.model is not None else None
    length = arguments.length if model is None else model.input_shape[1]
    windows = sequences(spark, arguments, length, folder)
    x, labels = arrays(windows.where("split = 'test'"), length)
    samples = samples_of(spark, x, labels)
    if model is not None:
        evaluate(model, samples, arguments.batch_size)
        return
    import lstm_graph

    train = arrays(windows.where("split = 'train'"), length)
    lstm_graph.train(folder, *train, hidden=16, epochs=arguments.epochs, seed=arguments.seed)
    print(f"TensorFlow trained an LSTM on {len(train[0]):,} sequences, and saved graph.pb and model.ckpt.")
    arguments.model, arguments.checkpoint = str(folder / "graph.pb"), str(folder / "model.ckpt")
    evaluate(load(arguments), samples, arguments.batch_size)
    own = (lstm_graph.predict(folder, x).argmax(1) == labels).mean()
    print(f"TensorFlow itself, on the driver:  top-1 accuracy {own:.4f}")


def main() -> None:
    """Runs the job."""
    from sparkdl.spark.program import one_line
    from sparkdl.spark.session import local_session

    arguments = parse_arguments()
    with (
        local_session(arguments.master, app_name="evaluate TensorFlow") as spark,
        tempfile.TemporaryDirectory() as folder,
        one_line(),
    ):
        run(arguments, spark, Path(folder))


if __name__ == "__main__":
    main()
