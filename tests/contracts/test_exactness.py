"""Several workers against Keras in one process: the promise that adding workers keeps the objective."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from workers import plan_for, run_workers, stores

from sparkdl.engine.replica import KerasReplica
from sparkdl.engine.serialization import model_arrays, pack_model, set_model_arrays, unpack_model
from sparkdl.engine.updater import KerasUpdater, excluded_variables, shard_buckets
from sparkdl.train.run import Run
from sparkdl.types import Collective

Runs = list[Run]
pytestmark = pytest.mark.tf
ROWS = 60
COUNTS = {1: (60,), 2: (41, 19), 3: (35, 0, 25), 4: (30, 1, 0, 29)}
OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.05),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "adadelta": lambda: keras.optimizers.Adadelta(1.0),
    "adamax": lambda: keras.optimizers.Adamax(0.01),
    "ftrl": lambda: keras.optimizers.Ftrl(0.1),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "lion": lambda: keras.optimizers.Lion(0.005),
    "lamb": lambda: keras.optimizers.Lamb(0.01),
}


def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(11)
    x = random.normal(size=(ROWS, 6)).astype("float32")
    return x, (x[:, 0] * x[:, 1] > 0).astype("int64") + (x[:, 2] > 0.5)


def network(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(9, activation="tanh", kernel_regularizer="l2"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train_on(
    model: keras.Model,
    columns: list[np.ndarray],
    counts: tuple[int, ...],
    labels: int = 1,
    bucket: int | None = None,
    **plan,
) -> list[Run]:
    """The engine, the loop and the collective of threads on copies of the model."""
    payload, arrays = pack_model(model), model_arrays(model)
    filled = stores(columns, counts, labels)
    excluded = excluded_variables(model.optimizer, model.trainable_variables)

    def build(collective: Collective) -> tuple[KerasReplica, KerasUpdater]:
        twin = unpack_model(payload)
        set_model_arrays(twin, arrays)
        replica = KerasReplica(twin, filled[0].spec, workers=collective.size, sum_over_workers=collective.all_sum)
        variables = twin.trainable_variables
        buckets = shard_buckets(replica.layout, collective.size, twin.optimizer, variables, bucket_size=bucket)
        replica.stream_gradients(buckets, in_runs=collective.size > 1)
        updater = KerasUpdater(
            twin.optimizer,
            twin.trainable_variables,
            replica.layout,
            buckets,
            collective.rank,
            replica.weights,
            excluded,
            collective.all_sum,
        )
        return replica, updater

    return run_workers(plan_for(len(counts), **plan), filled, build)


def difference(model: keras.Model, reference: keras.Model) -> float:
    """Largest max|a - b| / max|b| over the weight tensors."""
    pairs = zip(model.get_weights(), reference.get_weights(), strict=True)
    return max(float(np.max(np.abs(a - b)) / max(np.max(np.abs(b)), 1e-12)) for a, b in pairs)


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ten_epochs_equal_keras_on_all_rows(name: str, workers: int) -> None:
    x, y = data()
    reference = network(OPTIMIZERS[name]())
    runs = train_on(network(OPTIMIZERS[name]()), [x, y], COUNTS[workers], batch_size=ROWS, epochs=10)
    losses = [float(reference.train_on_batch(x, y, return_dict=True)["loss"]) for _ in range(1)]
    for _ in range(9):
        reference.reset_metrics()
        losses.append(float(reference.train_on_batch(x, y, return_dict=True)["loss"]))
    assert difference(runs[0].replica.model, reference) < 1e-4
    np.testing.assert_allclose(runs[0].observer.losses, losses, rtol=1e-4)
    for run in runs[1:]:
        assert run.replica.weights.tobytes() == runs[0].replica.weights.tobytes()


@pytest.mark.parametrize("bucket", [1, 60])
def test_gradients_that_leave_during_the_backward_pass_give_the_same_training(bucket: int) -> None:
    x, y = data()
    whole, early = (
        train_on(network(OPTIMIZERS["adam"]()), [x, y], (30, 0, 30), batch_size=16, epochs=3, bucket=size)
        for size in (None, bucket)
    )
    assert len(early[0].updater.buckets) > 1
    assert difference(early[0].replica.model, whole[0].replica.model) < 1e-6
    np.testing.assert_allclose(early[0].observer.losses, whole[0].observer.losses, rtol=1e-6)
    assert early[2].replica.weights.tobytes() == early[0].replica.weights.tobytes()


def test_the_same_seed_gives_the_same_bytes() -> None:
    x, y = data()
    first, second = (
        train_on(network(OPTIMIZERS["adam"]()), [x, y], (30, 18, 12), batch_size=16, epochs=3) for _ in range(2)
    )
    assert first[0].replica.weights.tobytes() == second[0].replica.weights.tobytes()
