"""What the fault harness trains: a model with state of every kind, on rows that are the same at every reading.

As a program it trains once and says on its output what it hears of it, for drivers that are killed:

    python benchmarks/fault_subject.py --master 'local-cluster[2,1,1024]' --checkpoints DIR [--resume]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyspark

import sparkdl as sdl

FEATURES, CLASSES, ROWS, PARTITIONS = 16, 3, 540, 3
BATCH, EPOCHS, STEPS = 32, 6, 16
CONF = {"spark.ui.enabled": "false", "spark.default.parallelism": "2", "spark.executorEnv.TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclass(frozen=True)
class Trained:
    """What a run left behind. Two runs with the same fingerprint have the same bytes everywhere.

    Attributes:
        fingerprint: of weights, statistics, the optimizer's variables, history and what callbacks remember.
    """

    fingerprint: str
    history: dict[str, list[float]]
    epochs: list[int]
    attempts: int
    workers: int
    seconds: float


class Slow(keras.callbacks.Callback):
    """Lets every step last a while, so that there is a middle of it."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """See Keras."""
        time.sleep(self.seconds)


class Raises(keras.callbacks.Callback):
    """Raises an error at a step of the run, until it has done so `times` times, over all attempts.

    Args:
        folder: where it keeps count, on the machine of worker 0.
    """

    def __init__(self, error: Exception, step: int, folder: Path, times: int) -> None:
        super().__init__()
        self.error, self.step, self.folder, self.times = error, step, str(folder), times
        self.steps = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """See Keras."""
        self.steps += 1
        done = len(os.listdir(self.folder))
        if self.steps == self.step and done < self.times:
            Path(self.folder, str(done)).touch()
            raise self.error


def build() -> keras.Model:
    """BatchNorm, Dropout, Adam's moments and a metric; about 2 MB of state, so that messages have a middle too."""
    keras.utils.set_random_seed(7)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            layers.Dense(256, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(512, "relu"),
            layers.Dense(CLASSES, "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def rows(spark: Any) -> Any:
    """Three overlapping classes: columns `id`, `features` and `label`, always in the same places and order."""
    random = np.random.default_rng(3)
    labels = random.integers(0, CLASSES, ROWS)
    features = random.normal(size=(CLASSES, FEATURES))[labels] + 1.5 * random.normal(size=(ROWS, FEATURES))
    table = [(i, row.tolist(), int(label)) for i, (row, label) in enumerate(zip(features, labels, strict=True))]
    frame = spark.createDataFrame(table, "id int, features array<float>, label int")
    return frame.repartition(PARTITIONS, "id").sortWithinPartitions("id")


def train(
    spark: Any,
    checkpoint: sdl.Checkpoint | None = None,
    resume: str | None = None,
    more: Sequence[Any] = (),
    pause: float = 0.03,
    deadline: float = 60.0,
) -> Trained:
    """Trains a new model.

    Args:
        more: callbacks of a fault.
        pause: how long a step lasts at least.
        deadline: see `sdl.fit`.
    """
    model = build()
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, factor=0.7, min_delta=1.0)
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=EPOCHS, restore_best_weights=True)
    callbacks = [plateau, stopping, Slow(pause), *more, *([checkpoint] if checkpoint is not None else [])]
    history = sdl.fit(
        model,
        rows(spark),
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_split=0.1,
        callbacks=callbacks,
        resume=resume,
        deadline=deadline,
        verbose=0,
    )
    remembered = [plateau.wait, stopping.wait, stopping.best, stopping.best_epoch]
    told = json.dumps([history.history, history.epoch, [float(value) for value in remembered]])
    arrays = [*model.get_weights(), *map(np.asarray, model.optimizer.variables)]
    content = b"".join([told.encode(), *(array.tobytes() for array in arrays)])
    fingerprint = hashlib.sha256(content).hexdigest()
    workers = len(history.timings)
    return Trained(fingerprint, history.history, history.epoch, history.attempts, workers, history.seconds)


def remove_work(application: str) -> None:
    """Removes what executors of local-cluster leave behind in Spark's own folder."""
    home = os.environ.get("SPARK_HOME") or os.path.dirname(pyspark.__file__)
    shutil.rmtree(Path(home, "work", application), ignore_errors=True)


def main() -> None:
    """Trains once; each line of the output is a word (application, hello, step, trained) and what belongs to it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--master", required=True)
    parser.add_argument("--checkpoints", required=True)
    parser.add_argument("--every", type=lambda text: text if text == "epoch" else int(text), default="epoch")
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()

    from fault_watch import Watch

    from sparkdl.spark.session import local_session

    with Watch(say=lambda word: print(word, flush=True)):
        spark = local_session(arguments.master, CONF, app_name="a driver to be killed")
        application = spark.sparkContext.applicationId
        print("application", application, flush=True)
        checkpoint = sdl.Checkpoint(arguments.checkpoints, every=arguments.every)
        trained = train(spark, checkpoint, arguments.checkpoints if arguments.resume else None)
    print("trained", json.dumps(asdict(trained)), flush=True)
    spark.stop()
    remove_work(application)


if __name__ == "__main__":
    main()
