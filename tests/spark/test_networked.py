"""A whole `fit` whose workers have nothing but the network between them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.sql import SparkSession

import sparkdl as sdl
from sparkdl.train.gradient_exchange import BUCKET_SIZE
from sparkdl.types import ExchangePrecision

STEPS = 4


def without_shared_memory(folder: Path) -> Callable[[Iterable[Any]], Iterable[Any]]:
    """Lets the task that reads these rows meet the others over TCP alone, and note the sizes of what it sums up."""

    def prepare(rows: Iterable[Any]) -> Iterable[Any]:
        from pyspark import BarrierTaskContext, TaskContext

        from sparkdl.collective import rendezvous

        by_hosts = rendezvous.by_hosts

        def meet(mesh: Any, precision: ExchangePrecision) -> Any:
            rendezvous.by_hosts = by_hosts
            mesh.round_to(precision)
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


@pytest.fixture(scope="module")
def train(spark_local: SparkSession) -> Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]:
    """Weights of one and the same model before and after some steps, over memory or over TCP alone."""
    x = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
    samples = spark_local.sparkContext.parallelize(list(x), 2).map(lambda row: sdl.Sample.from_ndarray(row, row[:1]))

    @functools.cache
    def trained(folder: Path | None = None, **arguments: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        keras.utils.set_random_seed(1)
        width = int(BUCKET_SIZE**0.5) + 1
        hidden = [keras.layers.Dense(width, "tanh") for _ in range(3)]
        model = keras.Sequential([keras.Input((6,)), *hidden, keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.001, momentum=0.9), "mse")
        before = model.get_weights()
        rows = samples if folder is None else samples.mapPartitions(without_shared_memory(folder))
        sdl.fit(model, rows, batch_size=24, epochs=STEPS // 2, workers=2, verbose=0, **arguments)
        return before, model.get_weights()

    return trained


def test_gradients_leave_bucket_by_bucket_and_the_weights_are_those_of_one_piece(train: Any, tmp_path: Path) -> None:
    _, early = train(tmp_path)
    sums = [[int(size) for size in (tmp_path / str(rank)).read_text().split()] for rank in range(2)]
    assert sums[0] == sums[1] == sums[0][: len(sums[0]) // STEPS] * STEPS
    length = sum(-(-weight.size // 16) * 16 for weight in early)
    assert len(sums[0]) == 3 * STEPS and sum(sums[0]) == STEPS * length
    for one_piece, bucketed in zip(train()[1], early, strict=True):
        np.testing.assert_allclose(bucketed, one_piece, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("precision", "error"), [("bf16", 2**-8), ("fp16", 2**-11)])
def test_what_is_rounded_moves_weights_as_far_but_for_the_error_of_rounding(
    train: Any, tmp_path: Path, precision: ExchangePrecision, error: float
) -> None:
    (before, exact), (_, rounded) = train(), train(tmp_path, exchange_precision=precision)
    for start, goal, reached in zip(before, exact, rounded, strict=True):
        assert goal.tobytes() != reached.tobytes()
        moved = np.abs(goal - start).max()
        # Gradients of two workers are rounded, whose sum may be smaller than each, and then changes of weights.
        np.testing.assert_allclose(reached, goal, rtol=0, atol=4 * error * moved + 1e-7)
