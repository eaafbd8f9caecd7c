"""What a stage makes of a model's outputs on the executors: numpy and Arrow, no Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Numbers:
    """Predictions of a regression: the one number of each row, as float64."""

    def __call__(self, outputs: list[np.ndarray]) -> list[Any]:
        return [outputs[0].reshape(len(outputs[0])).astype(np.float64)]


@dataclass(frozen=True)
class Classes:
    """Predictions of a classification, as Spark ML has them.

    Attributes:
        kind: what the model gives: probabilities or logits, of each class, or of the second of two.
        wanted: which of "rawPrediction", "probability", "prediction" and "label", in this order.
        thresholds: what each class's probability is divided by before the largest is taken; empty for none.
        abstain_below: probability below which the prediction is null.
        labels: the label of each class, for "label"; null for a class that has none.

    Example:
        >>> derive = Classes("logit", ("probability", "prediction"))
        >>> [column.tolist() for column in derive([np.zeros((1, 1))])]
        [[[0.5, 0.5]], [0.0]]
    """

    kind: Literal["probability", "logit"]
    wanted: tuple[str, ...]
    thresholds: tuple[float, ...] = ()
    abstain_below: float = 0.0
    labels: tuple[str, ...] = ()

    def __call__(self, outputs: list[np.ndarray]) -> list[Any]:
        raw, probability = both(outputs[0], self.kind)
        made = {"rawPrediction": raw, "probability": probability}
        if "prediction" in self.wanted or "label" in self.wanted:
            chosen = choose(probability, self.thresholds)
            unsure = np.take_along_axis(probability, chosen[:, None], 1)[:, 0] < self.abstain_below
            made["prediction"] = pa.array(chosen.astype(np.float64), mask=unsure) if unsure.any() else chosen * 1.0
            made["label"] = pa.array(self.labels, pa.string()).take(self._places(chosen, unsure))
        return [made[name] for name in self.wanted]

    def _places(self, chosen: np.ndarray, unsure: np.ndarray) -> pa.Array:
        return pa.array(chosen, pa.int64(), mask=unsure | (chosen >= len(self.labels)))


def both(output: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Raw predictions and probabilities of all classes.

    A model that gives logits has them as raw predictions, one unit z as (-z, z); one that gives probabilities
    has these as both.

    Args:
        output: (rows,), (rows, 1) or (rows, classes).
        kind: "logit" or "probability".

    Returns:
        two float64 arrays (rows, classes).
    """
    values = output.astype(np.float64).reshape(len(output), -1)
    if kind == "probability":
        found = np.hstack([1 - values, values]) if values.shape[1] == 1 else values
        return found, found
    if values.shape[1] == 1:
        return np.hstack([-values, values]), np.hstack([sigmoid(-values), sigmoid(values)])
    shifted = np.exp(values - values.max(axis=1, keepdims=True))
    return values, shifted / shifted.sum(axis=1, keepdims=True)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """The logistic function, which neither overflows nor loses small probabilities.

    Example:
        >>> sigmoid(np.array([-800.0, 0.0, 800.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1 / (1 + small), small / (1 + small))


def choose(probability: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
    """The class of each row: the largest probability, divided by the threshold of its class; the first of equals.

    As in Spark ML, a class whose threshold is 0 is chosen always, but where its probability is 0 too.

    Example:
        >>> choose(np.array([[0.7, 0.3], [0.9, 0.1]]), (0.8, 0.2)).tolist()
        [1, 0]
    """
    if not thresholds:
        return probability.argmax(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = probability / np.array(thresholds)
    return np.where(np.isnan(scaled), -np.inf, scaled).argmax(axis=1)
