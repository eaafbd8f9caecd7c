from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.engine.building import build_model
from sparkdl.engine.probe import probe_extra_losses
from sparkdl.engine.replica import KerasReplica
from sparkdl.types import Batch, SampleSpec, TensorSpec


class Workers:
    """Several replicas of one model in threads of this process, with a real sum between them."""

    def __init__(self, build: Callable[[], keras.Model], spec: SampleSpec, count: int, **arguments: Any) -> None:
        self.spec = spec
        self._barrier = threading.Barrier(count, timeout=60)
        self._values: list[Any] = [None] * count
        models = [build() for _ in range(count)]
        for model in models[1:]:
            model.set_weights(models[0].get_weights())
        build_model(models[0], spec)
        # Once, as `fit` does on the driver.
        arguments = {"extra_losses": probe_extra_losses(models[0], spec)} | arguments
        self.replicas = [
            KerasReplica(model, spec, workers=count, sum_over_workers=self._summer(rank), **arguments)
            for rank, model in enumerate(models)
        ]

    def _summer(self, rank: int) -> Callable[[np.ndarray], np.ndarray]:
        def sum_over_workers(values: np.ndarray) -> np.ndarray:
            self._values[rank] = np.array(values)
            self._barrier.wait()
            total = np.sum(self._values, axis=0)
            self._barrier.wait()
            return total

        return sum_over_workers

    def gradients(self, batches: Sequence[Batch | None], loss_scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """The sums over workers of gradients and scalars."""
        rows = sum(batch.rows for batch in batches if batch is not None)
        results: list[Any] = [None] * len(batches)

        def run(rank: int) -> None:
            gradient, scalars = self.replicas[rank].gradients(batches[rank], rows, loss_scale)
            results[rank] = np.array(gradient), np.array(scalars)

        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(len(batches))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(result[0] for result in results), sum(result[1] for result in results)


def split(batch: Batch, sizes: Sequence[int]) -> list[Batch | None]:
    """Consecutive shares of a batch; None for a share of no rows."""
    shares: list[Batch | None] = []
    start = 0
    for size in sizes:
        rows = slice(start, start + size)
        weights = None if batch.weights is None else batch.weights[rows]
        share = Batch(tuple(x[rows] for x in batch.features), tuple(y[rows] for y in batch.labels), weights)
        shares.append(share if size else None)
        start += size
    return shares


def spec_of(batch: Batch, feature_structure: str = "single", label_structure: str = "single", names: Any = None) -> Any:
    """The SampleSpec of a batch."""
    names = names or [f"label{index}" for index in range(len(batch.labels))]
    features = tuple(TensorSpec(f"feature{i}", x.shape[1:], str(x.dtype)) for i, x in enumerate(batch.features))
    labels = tuple(TensorSpec(name, y.shape[1:], str(y.dtype)) for name, y in zip(names, batch.labels, strict=True))
    return SampleSpec(features, labels, batch.weights is not None, feature_structure, label_structure)


def keras_gradient(model: keras.Model, batch: Batch, layout: Any, scale: float = 1.0) -> tuple[np.ndarray, float]:
    """Keras's own objective on the whole batch, and its gradient in layout order."""
    x = batch.features[0] if len(batch.features) == 1 else list(batch.features)
    y = batch.labels[0] if len(batch.labels) == 1 else list(batch.labels)
    x, y = tf.nest.map_structure(tf.constant, (x, y))
    y = y if batch.labels else None
    weights = None if batch.weights is None else tf.constant(batch.weights)
    variables = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        y_pred = model(x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights)
        scaled = loss * scale
    flat = np.zeros(layout.length, np.float32)
    for spec, gradient in zip(layout.variables, tape.gradient(scaled, variables), strict=True):
        if gradient is not None:
            flat[spec.offset : spec.offset + spec.size] = tf.reshape(tf.convert_to_tensor(gradient), [-1]).numpy()
    return flat, float(loss)


def assert_same_objective(
    build: Callable[[], keras.Model], batch: Batch, sizes: Sequence[int], scale: float = 1.0, **spec_arguments: Any
) -> Workers:
    """The parts of uneven shares add up to what Keras computes on the whole batch."""
    workers = Workers(build, spec_of(batch, **spec_arguments), len(sizes))
    gradient, scalars = workers.gradients(split(batch, sizes), scale)
    reference = build()
    reference.set_weights(workers.replicas[0].model.get_weights())
    expected, loss = keras_gradient(reference, batch, workers.replicas[0].layout, scale)
    assert np.abs(expected).max() > 0
    assert np.abs(gradient - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())
    assert scalars[0] == pytest.approx(loss, rel=1e-5, abs=1e-7)
    return workers
