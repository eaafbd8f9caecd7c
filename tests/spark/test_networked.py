"""A whole `fit` whose workers have nothing but the network between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from pyspark.sql import SparkSession

import sparkdl as sdl
from sparkdl.train.gradient_exchange import BUCKET_SIZE


def without_shared_memory(folder: Path) -> Callable[[Iterable[Any]], Iterable[Any]]:
    """Lets the task that reads these rows meet the others over TCP alone, and note the sizes of what it sums up."""

    def prepare(rows: Iterable[Any]) -> Iterable[Any]:
        from pyspark import BarrierTaskContext, TaskContext

        from sparkdl.collective import rendezvous

        by_hosts = rendezvous.by_hosts

        def meet(mesh: Any) -> Any:
            rendezvous.by_hosts = by_hosts
            reduce_scatter = mesh.reduce_scatter

            def noted(values: np.ndarray, bounds: Any, scalars: np.ndarray) -> Any:
                with (folder / str(mesh.rank)).open("a") as file:
                    file.write(f"{len(values)} ")
                return reduce_scatter(values, bounds, scalars)

            mesh.reduce_scatter = noted
            return mesh

        if isinstance(TaskContext.get(), BarrierTaskContext):
            rendezvous.by_hosts = meet
        return rows

    return prepare


def test_gradients_leave_bucket_by_bucket_and_the_weights_are_those_of_one_piece(
    spark_local: SparkSession, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(48, 6)).astype("float32")
    samples = spark_local.sparkContext.parallelize(list(x), 2).map(lambda row: sdl.Sample.from_ndarray(row, row[:1]))
    width = int(BUCKET_SIZE**0.5) + 1
    models = []
    for prepare in (lambda rows: rows, without_shared_memory(tmp_path)):
        keras.utils.set_random_seed(1)
        hidden = [keras.layers.Dense(width, "tanh") for _ in range(3)]
        models.append(keras.Sequential([keras.Input((6,)), *hidden, keras.layers.Dense(1)]))
        models[-1].compile(keras.optimizers.SGD(0.001, momentum=0.9), "mse")
        sdl.fit(models[-1], samples.mapPartitions(prepare), batch_size=24, epochs=2, workers=2, verbose=0)
    sums = [[int(size) for size in (tmp_path / str(rank)).read_text().split()] for rank in range(2)]
    steps = 4
    assert sums[0] == sums[1] == sums[0][: len(sums[0]) // steps] * steps
    length = sum(-(-weight.size // 16) * 16 for weight in models[0].get_weights())
    assert len(sums[0]) == 3 * steps and sum(sums[0]) == steps * length
    for one_piece, early in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(early, one_piece, rtol=1e-5, atol=1e-7)
