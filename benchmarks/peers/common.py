"""What the programs of all peers share: their command line, the data, and the line of JSON that they print.

It needs numpy alone, and keeps to Python 3.7, which BigDL 2.4 runs on.
"""

import argparse
import json
import os
import sys
import time

import numpy as np

MODELS = ("lenet", "lstm", "mlp")


def parse_arguments(description, **options):
    """The command line: the same for all, and `options` with their defaults."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("data", help="file of benchmarks/peers.py: arrays features, labels, test_features, test_labels")
    parser.add_argument("--model", choices=MODELS, default="lenet")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=128, help="rows of a step, over all workers (%(default)s)")
    parser.add_argument("--rate", type=float, default=0.1, help="learning rate of plain SGD (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="of one core and one thread each (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    for name, default in options.items():
        parser.add_argument("--" + name, default=default, help="(default %(default)s)")
    return parser.parse_args()


def read(path):
    """The four arrays: features float32 (rows, ...), labels int64 (rows,), and the same of the held-out rows."""
    with np.load(path) as arrays:
        return tuple(arrays[name] for name in ("features", "labels", "test_features", "test_labels"))


# Spark's workers run what this program runs on.
os.environ["PYSPARK_PYTHON"] = sys.executable


def spark_session(workers, **settings):
    """A Spark of this machine, with nothing but `settings` of its own."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{workers}]").config("spark.ui.enabled", "false")
    for name, value in {"spark.driver.memory": "4g", "spark.log.level": "ERROR", **settings}.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    warm_up(spark, workers)
    return spark


def warm_up(spark, workers):
    """Starts Spark's Python workers, so that nobody's training waits for that."""
    spark.sparkContext.parallelize(range(workers), workers).map(str).count()


class Stopwatch:
    """Moments of a training that began with the call; processes of one machine share this clock."""

    def __init__(self, began):
        self.began = began
        self.epochs = []

    def start_steps(self):
        """An epoch begins."""
        self.steps_began = time.time()

    def end_steps(self):
        """Its last step is done, and its validation begins."""
        self.trained = time.time() - self.steps_began

    def end_epoch(self, accuracy):
        """The accuracy on the held-out rows is known."""
        entry = {"train": self.trained, "end": time.time() - self.began, "accuracy": float(accuracy)}
        self.epochs.append(entry)


def report(peer, arguments, rows, seconds, epochs, versions):
    """Prints the result, as the last line.

    Args:
        peer: its name.
        arguments: the command line.
        rows: of an epoch.
        seconds: of the call that trains.
        epochs: for each epoch the seconds of its steps ("train"), the seconds from the call until its accuracy was
            known ("end"), and that "accuracy".
        versions: of what counts, by name.
    """
    line = {"peer": peer, "model": arguments.model, "rows": rows, "seconds": seconds, "epochs": epochs}
    print(json.dumps({**line, "versions": versions}), flush=True)
