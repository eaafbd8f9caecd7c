"""Rows per second from Spark into the workers' stores: 28x28 float32 images with a label, two tasks.

    python benchmarks/feeding.py [--rows 60000] [--rounds 3]

Each kind of data is read by a bare `mapInArrow` that only drains the record batches (or, for an RDD, a bare
`mapPartitions`), by the same behind Spark's own `repartition(2)`, by the reader into a store where the rows
lie, and through the shuffle that deals them out; the rounds alternate (A B C D A B C D). Prints a table of
medians and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparkdl.data.store import PartitionStore
from sparkdl.spark.frames import DataArguments, ModelShapes, Prepared, prepare
from sparkdl.spark.session import local_session
from sparkdl.types import Sample

SHAPE = (28, 28)
PIXELS = 784


def rows_of(partition: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of one partition."""
    random = np.random.default_rng(partition)
    return random.random((rows, PIXELS), dtype=np.float32), random.integers(0, 10, rows)


def frames(spark: SparkSession, rows: int) -> dict[str, DataFrame]:
    """The same rows as cached DataFrames of two partitions, in three forms."""

    def binary(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for partition in batch.column(0).to_pylist():
                images, labels = rows_of(partition, rows // 2)
                for start in range(0, len(images), 5000):
                    part = [image.tobytes() for image in images[start : start + 5000]]
                    yield pa.RecordBatch.from_arrays(
                        [pa.array(part), pa.array(labels[start : start + 5000])], names=["features", "label"]
                    )

    def array(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            values = pa.array(np.frombuffer(b"".join(batch.column(0).to_pylist()), np.float32))
            offsets = pa.array(np.arange(0, len(values) + 1, PIXELS, dtype=np.int32))
            lists = pa.ListArray.from_arrays(offsets, values)
            yield pa.RecordBatch.from_arrays([lists, batch.column(1)], names=["features", "label"])

    raw = spark.range(0, 2, 1, 2).mapInArrow(binary, "features binary, label long")
    kept = {"binary": stored(raw)}
    kept["array<float>"] = stored(kept["binary"].mapInArrow(array, "features array<float>, label long"))
    vector = array_to_vector(F.col("features")).alias("features")
    kept["ML vector"] = stored(kept["array<float>"].select(vector, "label"))
    return kept


def stored(frame: DataFrame) -> DataFrame:
    """The frame in Spark's memory, as an RDD of the JVM, so that reading it costs as little as can be."""
    return frame.localCheckpoint(eager=True)


def drain(frame: DataFrame) -> int:
    """A bare `mapInArrow` that only takes the batches."""

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = sum(batch.num_rows for batch in batches)
        yield pa.RecordBatch.from_pydict({"rows": [rows]})

    return sum(row.rows for row in frame.mapInArrow(count, "rows long", barrier=True).collect())


def drain_rdd(rdd: Any) -> int:
    """A bare `mapPartitions` that only takes the items."""
    return sum(rdd.barrier().mapPartitions(lambda items: [sum(1 for _ in items)]).collect())


def fill(prepared: Prepared) -> int:
    """Reads all rows into a store per task."""
    spec, blocks = prepared.spec, prepared.blocks

    def rows(items: Iterator[Any]) -> int:
        with PartitionStore(spec) as store:
            for block in blocks(items):
                store.append(block)
            store.freeze()
            return store.rows

    if prepared.frame is None:
        rdd: Any = prepared.rdd
        return sum(rdd.barrier().mapPartitions(lambda items: [rows(items)]).collect())

    def arrow(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict({"rows": [rows(batches)]})

    return sum(row.rows for row in prepared.frame.mapInArrow(arrow, "rows long", barrier=True).collect())


def programs(spark: SparkSession, rows: int) -> dict[str, dict[str, Callable[[], int]]]:
    """What is timed, by kind of data."""
    timed = {kind: variants_of_frame(frame) for kind, frame in frames(spark, rows).items()}
    return {**timed, "RDD of Sample": variants_of_rdd(samples(spark, rows))}


def variants_of_frame(frame: DataFrame) -> dict[str, Callable[[], int]]:
    """What is timed of a DataFrame."""
    arguments, model = DataArguments("features", "label", dtypes={"features": "float32"}), ModelShapes((SHAPE,))
    return {
        "bare": lambda: drain(frame),
        "bare repartition": lambda: drain(frame.repartition(2)),
        "store": lambda: fill(prepare(frame, arguments, model, workers=2, shuffle=False)),
        "shuffled": lambda: fill(prepare(frame, arguments, model, workers=2, shuffle=True)),
    }


def variants_of_rdd(rdd: Any) -> dict[str, Callable[[], int]]:
    """What is timed of an RDD of samples."""
    arguments, model = DataArguments(), ModelShapes((SHAPE,))
    return {
        "bare": lambda: drain_rdd(rdd),
        "bare repartition": lambda: drain_rdd(rdd.repartition(2)),
        "store": lambda: fill(prepare(rdd, arguments, model, workers=2, shuffle=False)),
        "shuffled": lambda: fill(prepare(rdd, arguments, model, workers=2, shuffle=True)),
    }


def samples(spark: SparkSession, rows: int) -> Any:
    """The same rows as a cached RDD of pickled samples."""

    def make(partition: int, _: Iterator[Any]) -> Iterator[Sample]:
        images, labels = rows_of(partition, rows // 2)
        return (Sample.from_ndarray(image.reshape(SHAPE), label) for image, label in zip(images, labels, strict=True))

    rdd = spark.sparkContext.parallelize(range(2), 2).mapPartitionsWithIndex(make).cache()
    rdd.count()
    return rdd


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    spark = local_session("local[2]", {"spark.driver.memory": "4g", "spark.ui.enabled": "false"}, "feeding")
    rates: dict[str, dict[str, list[float]]] = {}
    for kind, variants in programs(spark, given.rows).items():
        for lap in range(given.rounds + 1):  # the first one warms up
            for variant, run in variants.items():
                start = time.perf_counter()
                if run() != given.rows:
                    raise RuntimeError(f"{kind}, {variant}: rows were lost")
                if lap:
                    rate = given.rows / (time.perf_counter() - start) / 1000
                    rates.setdefault(kind, {}).setdefault(variant, []).append(rate)
    spark.stop()
    medians = {k: {v: round(statistics.median(r), 1) for v, r in found.items()} for k, found in rates.items()}
    lines = [f"{'krows/s':15}" + "".join(f"{variant:>18}" for variant in next(iter(medians.values())))]
    lines += [f"{kind:15}" + "".join(f"{rate:18.1f}" for rate in found.values()) for kind, found in medians.items()]
    sys.stdout.write("\n".join(lines) + "\n" + json.dumps({"feeding": medians, "rows": given.rows}) + "\n")


if __name__ == "__main__":
    main()
