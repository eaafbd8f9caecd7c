"""Tells benign from malignant tumours by three Spark ML pipelines that differ in their last stage alone.

A Keras network (`DLClassifier`) stands beside Spark ML's own LogisticRegression and GBTClassifier, on the same split of
the 569 real measurements that scikit-learn brings along. Run it with `spark-submit jobs/pipeline_tabular.py`, or
plainly with `python jobs/pipeline_tabular.py`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counts import count, rate
from pyspark.ml import Pipeline
from pyspark.ml.classification import GBTClassifier, LogisticRegression
from pyspark.ml.evaluation import BinaryClassificationEvaluator, MulticlassClassificationEvaluator
from pyspark.ml.feature import StandardScaler, VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

if TYPE_CHECKING:
    import keras

TEST_SHARE = 3  # tenths


@dataclass(frozen=True)
class Result:
    """One row of the table: how well a pipeline does on the test rows, and how long it took."""

    name: str
    auc: float
    accuracy: float
    log_loss: float
    fit_seconds: float
    score_seconds: float


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compares a network with Spark ML's classifiers on tumours.")
    parser.add_argument("--epochs", type=count, default=60, help="passes over the training rows at most (%(default)s)")
    parser.add_argument("--batch-size", type=count, default=32, help="rows of one step, over all workers (%(default)s)")
    parser.add_argument("--units", type=count, default=32, help="units of the hidden layers (%(default)s)")
    parser.add_argument("--learning-rate", type=rate, default=3e-3, help="of Adam (%(default)s)")
    parser.add_argument("--workers", type=count, help="training processes (default: one per task slot)")
    parser.add_argument("--output", type=Path, help="folder to save the fitted pipeline with the network to")
    parser.add_argument("--master", default="local[*]", help="Spark master where spark-submit gives none (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of split, weights and shuffling (%(default)s)")
    return parser.parse_args(arguments)


def tumours_frame(spark: SparkSession) -> tuple[DataFrame, list[str]]:
    """The measurements, one row per tumour, and the names of the 30 columns of features."""
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer(as_frame=True).frame
    table.columns = [name.replace(" ", "_") for name in table.columns]
    features = [name for name in table.columns if name != "target"]
    frame = spark.createDataFrame(table.reset_index(names="id"))
    # scikit-learn's 0 is malignant, which is what is to be found.
    return frame.select("id", *features, (1 - F.col("target")).cast("double").alias("label")), features


def network(features: int, units: int) -> keras.Model:
    """Two hidden layers with dropout, and one probability; not compiled."""
    import keras
    from keras import layers

    hidden = [layer for _ in range(2) for layer in (layers.Dense(units, "relu"), layers.Dropout(0.3))]
    return keras.Sequential([keras.Input((features,)), *hidden, layers.Dense(1, "sigmoid")])


def classifiers(arguments: argparse.Namespace, features: int) -> dict[str, Any]:
    """The last stages to compare, with the same columns."""
    from sparkdl.ml import DLClassifier

    columns = {"featuresCol": "features", "labelCol": "label"}
    return {
        "DLClassifier": DLClassifier(
            model=network,
            modelParams={"features": features, "units": arguments.units},
            optimizer="adam",
            learningRate=arguments.learning_rate,
            epochs=arguments.epochs,
            batchSize=arguments.batch_size,
            validationSplit=0.15,
            earlyStopping=10,
            numWorkers=arguments.workers,
            seed=arguments.seed,
            **columns,
        ),
        "LogisticRegression": LogisticRegression(regParam=0.01, **columns),
        "GBTClassifier": GBTClassifier(seed=arguments.seed, **columns),
    }


def compare(name: str, classifier: Any, features: list[str], train: DataFrame, test: DataFrame) -> tuple[Result, Any]:
    """Fits a pipeline that ends in `classifier`, and measures it on the test rows."""
    stages = [
        VectorAssembler(inputCols=features, outputCol="measured"),
        StandardScaler(inputCol="measured", outputCol="features", withMean=True),
        classifier,
    ]
    start = time.perf_counter()
    fitted = Pipeline(stages=stages).fit(train)
    trained = time.perf_counter()
    scored = fitted.transform(test).select("label", "rawPrediction", "probability", "prediction").cache()
    scored.count()
    finished = time.perf_counter()
    numbers = {
        metric: MulticlassClassificationEvaluator(metricName=metric).evaluate(scored)
        for metric in ("accuracy", "logLoss")
    }
    auc = BinaryClassificationEvaluator(numBins=0).evaluate(scored)
    scored.unpersist()
    result = Result(name, auc, numbers["accuracy"], numbers["logLoss"], trained - start, finished - trained)
    return result, fitted


def table(results: Sequence[Result]) -> str:
    """The results as text."""
    head = f"{'last stage':<20}{'AUC':>8}{'accuracy':>10}{'log loss':>10}{'fit s':>8}{'score s':>9}"
    rows = [
        f"{row.name:<20}{row.auc:>8.4f}{row.accuracy:>10.4f}{row.log_loss:>10.4f}{row.fit_seconds:>8.1f}"
        f"{row.score_seconds:>9.1f}"
        for row in results
    ]
    return "\n".join([head, "─" * len(head), *rows])


def run(arguments: argparse.Namespace, spark: SparkSession) -> list[Result]:
    """Reads, fits, measures and reports."""
    frame, features = tumours_frame(spark)
    bucket = F.pmod(F.xxhash64("id", F.lit(arguments.seed)), F.lit(10))
    frame = frame.withColumn("bucket", bucket).cache()
    train, test = frame.where(F.col("bucket") >= TEST_SHARE).drop("bucket"), frame.where(F.col("bucket") < TEST_SHARE)
    print(f"{train.count()} tumours to train on, {test.count()} to test, {len(features)} measurements of each.\n")
    results = []
    for name, classifier in classifiers(arguments, len(features)).items():
        result, fitted = compare(name, classifier, features, train, test)
        results.append(result)
        if name == "DLClassifier":
            epochs = fitted.stages[-1].summary.epoch
            if arguments.output:
                fitted.write().overwrite().save(str(arguments.output))
    print(table(results))
    print(f"\nThe network stopped after {len(epochs)} epochs, and kept the weights of the best.")
    if arguments.output:
        print(f"Saved its pipeline to {arguments.output}.")
    return results


def main() -> None:
    """Runs the job."""
    from sparkdl.spark.program import one_line
    from sparkdl.spark.session import local_session

    arguments = parse_arguments()
    with local_session(arguments.master, app_name="tumours") as spark, one_line():
        run(arguments, spark)


if __name__ == "__main__":
    main()
