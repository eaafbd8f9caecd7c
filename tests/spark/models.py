"""Small models and data for the tests of the verbs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from pyspark.sql import DataFrame, SparkSession


def blobs(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three separable classes in four dimensions: float32 (rows, 4), int64 (rows,)."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, rows)
    centers = np.array([[2, 0, 0, 1], [0, 2, 0, -1], [0, 0, 2, 0]], "float32")
    return (centers[y] + 0.3 * random.normal(size=(rows, 4))).astype("float32"), y


def frame(spark: SparkSession, x: np.ndarray, y: np.ndarray, partitions: int = 3) -> DataFrame:
    """Columns `id`, `features` (array<float>) and `label`, in the same places and order at every reading."""
    rows = [(i, features.tolist(), int(label)) for i, (features, label) in enumerate(zip(x, y, strict=True))]
    return (
        spark.createDataFrame(rows, "id int, features array<float>, label int")
        .repartition(partitions, "id")
        .sortWithinPartitions("id")
    )


def classifier(optimizer: Any = "adam", seed: int = 1, **options: Any) -> keras.Model:
    """A small softmax classifier, compiled."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax")]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", **({"metrics": ["accuracy"]} | options))
    return model
