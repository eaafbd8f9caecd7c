"""A linear model in numpy, as Replica and Updater: the loop's contracts without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparkdl.collective.buckets import spans
from sparkdl.types import Arrived, Batch, VariableSpec, WeightLayout


class LinearReplica:
    """Least squares: the objective is the mean of (x w - y)^2 over the global batch."""

    scalar_names = ("loss",)

    def __init__(self, width: int) -> None:
        self.layout = WeightLayout((VariableSpec("w", (width,), 0),), width)
        self.weights = np.zeros(width, np.float32)
        self.seen: list[int] = []
        self.early: Sequence[int] = ()  # buckets that it tells of, in this order
        self.seconds_statistics = np.zeros(1)
        self.reset_sums()

    def gradients(
        self, batch: Batch | None, global_rows: int, loss_scale: float, arrived: Arrived | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        if batch is None:
            return np.zeros_like(self.weights), np.zeros(1)
        x, y = batch.features[0], batch.labels[0]
        residual = x @ self.weights - y
        self.seen.extend(int(value) for value in x[:, 0])
        self._sums += [float(residual @ residual), batch.rows]
        gradient = (2 * loss_scale / global_rows * (x.T @ residual)).astype(np.float32)
        for number in self.early if arrived is not None else ():
            arrived(gradient, number)
        return gradient, np.array([residual @ residual / global_rows], np.float64)

    def evaluate(self, batch: Batch) -> list[np.ndarray]:
        predictions = batch.features[0] @ self.weights
        residual = predictions - batch.labels[0]
        self._sums += [float(residual @ residual), batch.rows]
        return [predictions]

    def reset_sums(self) -> None:
        self._sums = np.zeros(2)

    def sums(self) -> np.ndarray:
        return self._sums

    def epoch_state(self) -> dict[str, np.ndarray]:
        return {"sums": self._sums.copy()}

    def set_epoch_state(self, state: Mapping[str, np.ndarray]) -> None:
        self._sums = np.array(state["sums"])

    def results(self, sums: np.ndarray) -> dict[str, float]:
        return {"loss": float(sums[0] / sums[1])}

    def statistics(self) -> np.ndarray:
        return self.seconds_statistics

    def set_statistics(self, values: np.ndarray) -> None:
        self.seconds_statistics = values

    def local_state(self) -> dict[str, np.ndarray]:
        return {"seed": np.array([len(self.seen)], np.uint32)}

    def set_local_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.restored = int(state["seed"][0])

    def weights_written(self) -> None:
        pass

    def refresh_weights(self) -> bool:
        return False


def places(buckets: tuple[tuple[int, ...], ...], rank: int) -> np.ndarray:
    """The positions in the flat vector that a worker owns."""
    return np.concatenate([np.arange(low, high) for low, high in spans(buckets, rank)] or [np.arange(0)])


class MomentumUpdater:
    """SGD with momentum over this worker's part; its velocity is the optimizer state."""

    loss_scale = 1.0
    exact_weights = False
    averages = False

    def __init__(self, buckets: tuple[tuple[int, ...], ...], rank: int, learning_rate: float = 0.05) -> None:
        self.buckets = buckets
        self.mine = places(buckets, rank)
        self.rank = rank
        self.learning_rate = learning_rate
        self.velocity = np.zeros(len(self.mine), np.float32)

    def apply(self, gradient: np.ndarray, weights: np.ndarray) -> None:
        self.velocity = np.float32(0.9) * self.velocity - np.float32(self.learning_rate) * gradient
        weights[self.mine] += self.velocity

    def finalize(self, weights: np.ndarray) -> None:
        pass

    def state(self) -> dict[str, np.ndarray]:
        return {"velocity": self.velocity}

    def merge_state(self, parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        velocity = np.zeros(self.buckets[-1][-1], np.float32)
        for rank, part in enumerate(parts):
            velocity[places(self.buckets, rank)] = part["velocity"]
        return {"optimizer/velocity": velocity}

    def load_state(self, merged: Mapping[str, np.ndarray]) -> None:
        self.velocity = merged["optimizer/velocity"][self.mine]
