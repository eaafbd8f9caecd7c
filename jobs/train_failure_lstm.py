"""Trains an LSTM that tells from 12 hours of telemetry whether a device is about to fail.

Spark reads the CSV files, cuts them into sequences per device and splits them by device; the network
is trained where the sequences lie. Run it with `spark-submit jobs/train_failure_lstm.py --data DIR`
(on a cluster with `--py-files jobs/telemetry.py,jobs/oracle.py,jobs/windows.py,jobs/reporting.py,jobs/plots.py`),
or plainly with `python`. `--make-data DIR` writes data to try it on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import oracle
import reporting
import telemetry
from counts import count, rate
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from telemetry import PROCESS
from windows import Windowing, balanced, filled, on_grid, read_tables, scales, sequences, split_column

if TYPE_CHECKING:
    import keras

SPLITS = {"train": "train on", "valid": "validate", "test": "test"}


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Trains an LSTM on device telemetry to foresee failures, inside Spark."
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", metavar="DIR", help="folder or URL with readings/*.csv and failures.csv")
    source.add_argument("--make-data", type=Path, metavar="DIR", help="write such data of a known process, and stop")
    parser.add_argument("--devices", type=count, default=4000, help="devices to make (default %(default)s)")
    parser.add_argument("--hours", type=count, default=18, help="hours of readings per device to make (%(default)s)")
    parser.add_argument(
        "--horizon-hours", type=count, default=5, help="how early a failure is to be seen (%(default)s)"
    )
    parser.add_argument("--length", type=count, default=48, help="readings per sequence (%(default)s)")
    parser.add_argument("--hidden", type=count, default=64, help="units of the LSTM (%(default)s)")
    parser.add_argument("--epochs", type=count, default=15, help="most passes over the training rows (%(default)s)")
    parser.add_argument(
        "--batch-size", type=count, default=256, help="rows of one step, over all workers (%(default)s)"
    )
    parser.add_argument("--learning-rate", type=rate, default=3e-3, help="highest learning rate (%(default)s)")
    parser.add_argument("--workers", type=count, help="training processes (default: one per task slot)")
    parser.add_argument("--output", type=Path, default=Path("failure-output"), help="folder to write to (%(default)s)")
    parser.add_argument("--master", default="local[*]", help="Spark master where spark-submit gives none (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of data, split, weights and shuffling (%(default)s)")
    return parser.parse_args(arguments)


def make_data(arguments: argparse.Namespace) -> None:
    """Writes readings, failures, and the fingerprint of the process they come from."""
    slots = arguments.hours * 3600 // telemetry.SLOT_SECONDS
    fleet = telemetry.simulate(PROCESS, arguments.devices, slots, np.random.default_rng(arguments.seed))
    rows = telemetry.write(arguments.make_data, fleet, PROCESS, arguments.seed)
    print(f"Wrote {rows:,} readings of {arguments.devices:,} devices, {int(fleet.failed.sum()):,} of which fail, to")
    print(f"{arguments.make_data}. Train on them with --data {arguments.make_data}.")


def build_model(windowing: Windowing, hidden: int, rate: float, steps: int, seed: int) -> keras.Model:
    """An LSTM over the sequence and one probability, compiled."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((windowing.length, windowing.features), name="readings"),
            layers.Dropout(0.1),
            layers.LSTM(hidden),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="failure",
    )
    optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(rate, steps), weight_decay=0.01)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def build_windows(grid: DataFrame, windowing: Windowing, seed: int) -> DataFrame:
    """Balanced sequences with the split of their device."""
    rows = filled(grid, windowing).withColumn("split", split_column(seed)).cache()
    scale = scales(rows.where("split = 'train'"), windowing)
    windows = sequences(rows, windowing, scale).withColumn("split", split_column(seed))
    return balanced(windows.cache())


def best_scores(grid: DataFrame, keys: Sequence[tuple[str, int]], windowing: Windowing) -> np.ndarray:
    """The likelihood ratio of the given (device, end) windows, from the raw readings of their devices."""
    wanted = sorted({device for device, _ in keys})
    frame = grid.join(
        F.broadcast(grid.sparkSession.createDataFrame([(name,) for name in wanted], "device_id string")), "device_id"
    )
    rows = frame.orderBy("device_id", "slot").select("device_id", "slot", *PROCESS.sensors).collect()
    table = np.array([row[1:] for row in rows], np.float64)
    position = {(row[0], row[1]): index for index, row in enumerate(rows)}
    last = np.array([position[key] for key in keys])
    places = last[:, None] + np.arange(1 - windowing.length, 1)
    return oracle.log_likelihood_ratio(PROCESS, table[places, 1:], table[places, 0], windowing.leads)


def made_by_us(directory: str) -> bool:
    """Whether the data come from the process in `telemetry`, so that the best score can be known."""
    facts = Path(directory, "process.json")
    return facts.is_file() and json.loads(facts.read_text())["fingerprint"] == PROCESS.fingerprint


def run(arguments: argparse.Namespace, spark: SparkSession) -> None:
    """Reads, trains, scores the held-out devices and reports."""
    import sparkdl as sdl

    start = time.perf_counter()
    windowing = Windowing(
        gauges=tuple(gauge.name for gauge in PROCESS.gauges),
        counters=tuple(counter.name for counter in PROCESS.counters),
        length=arguments.length,
        horizon=arguments.horizon_hours * 3600 // telemetry.SLOT_SECONDS,
    )
    readings, failures = read_tables(spark, arguments.data, windowing.sensors)
    grid = on_grid(readings, failures, windowing).cache()
    windows = build_windows(grid, windowing, arguments.seed).cache()
    counts = describe(readings, grid, windows)
    print(f"Prepared in {time.perf_counter() - start:.1f} s.")

    train, valid, test = (windows.where(F.col("split") == name) for name in SPLITS)
    steps = arguments.epochs * -(-counts["train"] // arguments.batch_size)
    model = build_model(windowing, arguments.hidden, arguments.learning_rate, steps, arguments.seed)
    history = sdl.fit(
        model,
        train,
        features="features",
        label="failed",
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        validation_data=valid,
        workers=arguments.workers,
        seed=arguments.seed,
    )
    scores = sdl.evaluate(model, test, features="features", label="failed")
    scored = sdl.predict(model, test, features="features", output="prediction")
    rows = scored.select("device_id", "end", "failed", F.element_at("prediction", 1)).collect()
    best = best_scores(grid, [(row[0], row[1]) for row in rows], windowing) if made_by_us(arguments.data) else None
    report(arguments.output, model, history, scores, rows, best)
    print(f"All in {time.perf_counter() - start:.1f} s.")


def describe(readings: DataFrame, grid: DataFrame, windows: DataFrame) -> dict[str, int]:
    """Prints what there is; returns the number of windows per split."""
    slots, arrived = grid.agg(F.count("*"), F.sum("arrived")).first()
    print(f"{readings.count():,} readings; of {slots:,} slots of the devices {1 - arrived / slots:.1%} are lost.")
    counts = windows.groupBy("split").agg(F.count("*"), F.sum("failed"), F.countDistinct("device_id")).collect()
    by_split = {row[0]: row for row in counts}
    for name, verb in SPLITS.items():
        _, count, failing, devices = by_split.get(name, (name, 0, 0, 0))
        print(f"  {count:>7,} sequences of {devices:,} devices to {verb}, {failing:,} of them before a failure")
    return {name: row[1] for name, row in by_split.items()}


def report(
    output: Path, model: keras.Model, history: Any, scores: dict[str, float], rows: list[Any], best: np.ndarray | None
) -> None:
    """Prints accuracy and AUROC beside the best possible; writes picture, model and history."""
    from plots import failure_report

    labels = np.array([row[2] for row in rows])
    predicted = np.array([row[3] for row in rows], np.float64)
    matrix = reporting.confusion_matrix(((row[2], int(row[3] > 0.5), 1) for row in rows), 2)
    scores = {**scores, "auroc": oracle.auroc(predicted, labels)}
    curves = {f"LSTM, area {scores['auroc']:.3f}": oracle.roc_curve(predicted, labels)}
    print("\n" + reporting.confusion_table(matrix, ["healthy", "failing"]) + "\n")
    if best is not None:
        scores |= {"best_accuracy": float(np.mean((best > 0) == labels)), "best_auroc": oracle.auroc(best, labels)}
        curves[f"best possible, area {scores['best_auroc']:.3f}"] = oracle.roc_curve(best, labels)
    print(f"Held-out devices: accuracy {scores['accuracy']:.4f}, AUROC {scores['auroc']:.4f}")
    if best is not None:
        print(f"Best possible:    accuracy {scores['best_accuracy']:.4f}, AUROC {scores['best_auroc']:.4f}")
    print("\n".join(reporting.timing_lines(history)))
    output.mkdir(parents=True, exist_ok=True)
    title = f"Failures foreseen from telemetry: AUROC {scores['auroc']:.3f} on devices never seen"
    groups = (predicted[labels == 1], predicted[labels == 0])
    failure_report(output / "report.png", title, history.history, curves, groups)
    model.save(output / "model.keras")
    reporting.write_history(output / "history.json", history, scores)
    print(f"Wrote {output / 'report.png'}, {output / 'model.keras'} and {output / 'history.json'}.")


def main() -> None:
    """Runs the job."""
    arguments = parse_arguments()
    if arguments.make_data:
        make_data(arguments)
        return
    from sparkdl.spark.program import one_line
    from sparkdl.spark.session import local_session

    with local_session(arguments.master, app_name="failure LSTM") as spark, one_line():
        run(arguments, spark)


if __name__ == "__main__":
    main()
