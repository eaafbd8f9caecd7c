"""The models that the training benchmark runs, and their data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A model with its global batch, its input, and the share of the synchronous limit that `fit` should reach.

    Attributes:
        name: as on the command line.
        shape: shape of one row of features, float32.
        classes: labels are 0 to classes - 1.
        batch: rows of a step over all workers.
        steps: steps of an epoch, unless the command line says otherwise.
        goal: share of the limit.
        layers: makes the model, uncompiled.
    """

    name: str
    shape: tuple[int, ...]
    classes: int
    batch: int
    steps: int
    goal: float
    layers: Callable[[], Any]

    def model(self, optimizer: str) -> Any:
        """The compiled model, with the same weights in every process."""
        import keras

        keras.utils.set_random_seed(1)
        model = self.layers()
        model.compile(optimizer, "sparse_categorical_crossentropy")
        return model

    def rows(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Random features (count, *shape) float32 and labels (count,) int64."""
        rng = np.random.default_rng(seed)
        return rng.random((count, *self.shape), np.float32), rng.integers(0, self.classes, count)


@dataclass(frozen=True)
class MakeRows:
    """Fills a Spark range with a workload's rows: features as raw bytes, and a label."""

    shape: tuple[int, ...]
    classes: int

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in batches:
            count = batch.num_rows
            rng = np.random.default_rng(batch.column(0)[0].as_py())
            values = rng.random((count, *self.shape), np.float32)
            labels = rng.integers(0, self.classes, count)
            column = pa.array([row.tobytes() for row in values], pa.binary())
            yield pa.RecordBatch.from_arrays([column, pa.array(labels, pa.int64())], names=["features", "label"])


def _lenet() -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, activation="tanh"),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 5, activation="tanh"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(100, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _lstm() -> Any:
    import keras
    from keras import layers

    return keras.Sequential([keras.Input((48, 16)), layers.LSTM(64), layers.Dense(2, activation="softmax")])


def _mlp() -> Any:
    import keras
    from keras import layers

    hidden = [layers.Dense(512, activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input((784,)), *hidden, layers.Dense(10, activation="softmax")])


def _resnet50() -> Any:
    import keras

    return keras.applications.ResNet50(weights=None)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("lenet", (28, 28, 1), 10, 512, 200, 0.93, _lenet),
        Workload("lstm", (48, 16), 2, 256, 200, 0.93, _lstm),
        Workload("mlp", (784,), 10, 256, 400, 0.6, _mlp),
        Workload("resnet50", (224, 224, 3), 1000, 16, 6, 0.97, _resnet50),
    )
}
