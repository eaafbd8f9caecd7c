"""Trainings that one program runs side by side, as CrossValidator(parallelism=2) does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from pyspark.sql import SparkSession

import sparkdl as sdl
from tests.spark.models import blobs, classifier, frame

SEEDS = (1, 2, 3)


def test_they_wait_for_the_slots_and_learn_what_each_learns_alone(spark_local: SparkSession) -> None:
    data = frame(spark_local, *blobs(300)).cache()

    def train(model: keras.Model) -> list[float]:
        return sdl.fit(model, data, batch_size=64, epochs=2, verbose=0, workers=2).history["loss"]

    alone, together = ([classifier(seed=seed) for seed in SEEDS] for _ in range(2))
    losses = [train(model) for model in alone]
    with ThreadPoolExecutor(len(SEEDS)) as threads:  # each wants both slots
        assert list(threads.map(train, together)) == losses
    data.unpersist()
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
