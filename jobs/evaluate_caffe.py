"""Evaluates a Caffe net for handwritten digits over MNIST's images in a Spark DataFrame.

Run it with `spark-submit jobs/evaluate_caffe.py net.prototxt net.caffemodel --mnist DIR`, or plainly with Python.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from counts import count
from digits import read_mnist
from pyspark.sql import SparkSession
from train_digits import digits_frame

if TYPE_CHECKING:
    import keras


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Accuracy of a Caffe net for digits, computed inside Spark.")
    parser.add_argument("prototxt", type=Path, help="the definition of the net, which ends in probabilities")
    parser.add_argument("caffemodel", type=Path, help="its weights")
    parser.add_argument("--mnist", type=Path, metavar="DIR", required=True, help="MNIST's IDX files (gzipped or not)")
    parser.add_argument("--scale", type=float, default=1 / 256, help="what pixels are multiplied with (%(default)s)")
    parser.add_argument("--transform", type=Path, metavar="PROTOTXT", help="a net whose readers say this, and the mean")
    parser.add_argument("--batch-size", type=count, default=500, help="rows per call of the net (default %(default)s)")
    parser.add_argument("--master", default="local[*]", help="Spark master where spark-submit gives none (%(default)s)")
    return parser.parse_args(arguments)


def load_model(prototxt: Path, caffemodel: Path, scale: float, readers: Path | None = None) -> keras.Model:
    """The net behind what Caffe did to pixels while it read them, compiled."""
    import sparkdl as sdl
    from sparkdl.importers.caffe.transform import CaffeTransform

    net = sdl.load_caffe(prototxt, caffemodel, data_format="channels_last")
    if readers is None:
        transform = CaffeTransform(scale=scale, data_format="channels_last")
    else:
        transform = sdl.caffe_transform(readers, data_format="channels_last")
    model = transform.before(net, net.input_shape[1:])
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def run(arguments: argparse.Namespace, spark: SparkSession) -> dict[str, float]:
    """Loads, evaluates and prints."""
    import sparkdl as sdl

    digits = read_mnist(arguments.mnist)
    frame = digits_frame(spark, digits, partitions=max(2, spark.sparkContext.defaultParallelism))
    model = load_model(arguments.prototxt, arguments.caffemodel, arguments.scale, arguments.transform)
    start = time.perf_counter()
    columns = {"features": "pixels", "label": "digit", "dtypes": {"pixels": "uint8"}}
    scores = sdl.evaluate(model, frame, **columns, batch_size=arguments.batch_size)
    seconds = time.perf_counter() - start
    print(f"{len(digits.images):,} images in {seconds:.1f} s: " + ", ".join(f"{k} {v:.4f}" for k, v in scores.items()))
    return scores


def main() -> None:
    """Runs the job."""
    from sparkdl.spark.program import one_line
    from sparkdl.spark.session import local_session

    arguments = parse_arguments()
    with local_session(arguments.master, app_name="evaluate Caffe") as spark, one_line():
        run(arguments, spark)


if __name__ == "__main__":
    main()
