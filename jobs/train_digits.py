"""Trains a small convolutional network on handwritten digits that lie in a Spark DataFrame.

Run it with `spark-submit jobs/train_digits.py`, or plainly with `python jobs/train_digits.py`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import reporting
from counts import count
from digits import Digits, read_mnist, read_scikit_digits
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, ByteType, LongType, StringType, StructField, StructType

if TYPE_CHECKING:
    import keras

SCHEMA = StructType(
    [
        StructField("id", LongType(), nullable=False),
        StructField("part", StringType(), nullable=False),
        StructField("pixels", BinaryType(), nullable=False),
        StructField("digit", ByteType(), nullable=False),
    ]
)
CLASSES = 10
SHOWN = 12
SPLITS = {"train": "train on", "valid": "validate", "test": "test"}


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains a LeNet-style network on handwritten digits inside Spark.")
    parser.add_argument("--mnist", type=Path, metavar="DIR", help="read MNIST's IDX files (gzipped or not) from DIR")
    parser.add_argument("--epochs", type=count, default=20, help="passes over the training rows (default %(default)s)")
    parser.add_argument("--batch-size", type=count, default=64, help="rows of one step, over all workers (%(default)s)")
    parser.add_argument("--workers", type=count, help="training processes (default: one per task slot)")
    parser.add_argument("--output", type=Path, default=Path("digits-output"), help="folder to write to (%(default)s)")
    parser.add_argument("--master", default="local[*]", help="Spark master where spark-submit gives none (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of split, weights and shuffling (%(default)s)")
    return parser.parse_args(arguments)


def digits_frame(spark: SparkSession, digits: Digits, partitions: int) -> DataFrame:
    """One row per image: its pixels as raw uint8 bytes, and the digit."""
    rows = [
        (index, part, bytearray(image.tobytes()), int(label))
        for index, (image, label, part) in enumerate(zip(digits.images, digits.labels, digits.parts, strict=True))
    ]
    return spark.createDataFrame(spark.sparkContext.parallelize(rows, partitions), SCHEMA)


def split_column(seed: int) -> Column:
    """`train` (70 %), `valid` (10 %) or `test` (20 %) by a hash of the row's id; MNIST's own test images stay test."""
    bucket = F.pmod(F.xxhash64("id", F.lit(seed)), F.lit(10))
    hashed = F.when(bucket < 2, "test").when(bucket == 2, "valid").otherwise("train")
    official = F.when(F.col("part") == "test", "test").when(bucket == 2, "valid").otherwise("train")
    return F.when(F.col("part") == "", hashed).otherwise(official)


def build_model(shape: tuple[int, int], brightest: int, steps: int, seed: int) -> keras.Model:
    """Two blocks of convolutions and a dense head, as in LeNet, compiled."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    same = {"padding": "same", "activation": "relu"}
    model = keras.Sequential(
        [
            keras.Input((*shape, 1), name="pixels"),
            layers.Rescaling(1 / brightest),
            layers.Conv2D(32, 3, **same),
            layers.Conv2D(32, 3, **same),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, **same),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(CLASSES, activation="softmax"),
        ],
        name="digits",
    )
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def hardest(scored: DataFrame, shape: tuple[int, int], count: int) -> list[Any]:
    """The test images to whose true digit the model gave the least probability, the worst first."""
    from plots import Guess

    given = F.element_at("prediction", F.col("digit").cast("int") + 1)
    rows = scored.orderBy(given, "id").select("pixels", "digit", "predicted", "confidence").limit(count).collect()
    return [
        Guess(np.frombuffer(row.pixels, np.uint8).reshape(shape), row.digit, row.predicted, row.confidence)
        for row in rows
    ]


def with_answer(scored: DataFrame) -> DataFrame:
    """Adds the predicted digit and its probability to a frame with a `prediction` array."""
    return scored.selectExpr(
        "*",
        "array_max(prediction) AS confidence",
        "CAST(array_position(prediction, array_max(prediction)) - 1 AS INT) AS predicted",
    )


def run(arguments: argparse.Namespace, spark: SparkSession) -> None:
    """Reads, trains, evaluates, predicts and reports."""
    import sparkdl as sdl

    start = time.perf_counter()
    digits = read_mnist(arguments.mnist) if arguments.mnist else read_scikit_digits()
    frame = digits_frame(spark, digits, partitions=max(2, spark.sparkContext.defaultParallelism))
    frame = frame.withColumn("split", split_column(arguments.seed)).cache()
    train, valid, test = (frame.where(F.col("split") == name) for name in SPLITS)
    counts = {row.split: row["count"] for row in frame.groupBy("split").count().collect()}
    print(
        f"{len(digits.images):,} images of {digits.shape[0]}x{digits.shape[1]}: "
        + ", ".join(f"{counts.get(name, 0):,} to {verb}" for name, verb in SPLITS.items())
        + "."
    )

    steps = arguments.epochs * -(-counts["train"] // arguments.batch_size)
    model = build_model(digits.shape, digits.brightest, steps, arguments.seed)
    columns = {"features": "pixels", "label": "digit", "dtypes": {"pixels": "uint8"}}
    history = sdl.fit(
        model,
        train,
        **columns,
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        validation_data=valid,
        workers=arguments.workers,
        seed=arguments.seed,
    )
    scores = sdl.evaluate(model, test, **columns)
    scored = with_answer(sdl.predict(model, test, features="pixels", dtypes=columns["dtypes"])).cache()
    report(arguments.output, model, history, scores, scored, digits.shape)
    print(f"All in {time.perf_counter() - start:.1f} s.")


def report(
    output: Path, model: keras.Model, history: Any, scores: dict[str, float], scored: DataFrame, shape: tuple[int, int]
) -> None:
    """Prints the confusion matrix and the timings; writes picture, model and history."""
    from plots import digits_report

    pairs = scored.groupBy("digit", "predicted").count().collect()
    matrix = reporting.confusion_matrix(((row[0], row[1], row[2]) for row in pairs), CLASSES)
    print()
    print(reporting.confusion_table(matrix, [str(digit) for digit in range(CLASSES)]))
    print()
    print("Test: " + ", ".join(f"{name} {value:.4f}" for name, value in scores.items()))
    print("\n".join(reporting.timing_lines(history)))
    output.mkdir(parents=True, exist_ok=True)
    title = f"Handwritten digits on Spark: {scores['accuracy']:.1%} of {int(matrix.sum()):,} test images right"
    digits_report(output / "report.png", title, history.history, hardest(scored, shape, SHOWN))
    model.save(output / "model.keras")
    reporting.write_history(output / "history.json", history, scores)
    print(f"Wrote {output / 'report.png'}, {output / 'model.keras'} and {output / 'history.json'}.")


def main() -> None:
    """Runs the job."""
    from sparkdl.spark.program import one_line
    from sparkdl.spark.session import local_session

    arguments = parse_arguments()
    with local_session(arguments.master, app_name="train digits") as spark, one_line():
        run(arguments, spark)


if __name__ == "__main__":
    main()
