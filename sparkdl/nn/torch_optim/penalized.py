"""Variants of Adam with penalties on the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops
from keras.optimizers import schedules

from sparkdl.nn.torch_optim.adaptive import TorchAdam
from sparkdl.nn.torch_optim.base import TorchOptimizer


@keras.saving.register_keras_serializable("sparkdl")
class PenalizedAdam(TorchAdam):
    """Adam on gradients to which `l2` times the weights are added.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        beta_1: decay of the mean of gradients.
        beta_2: decay of the mean of their squares.
        epsilon: added to the root of this mean.
        l2: the factor.
        **kwargs: of `TorchOptimizer`.
    """

    scope = "element"
    settings: tuple[str, ...] = ("beta_1", "beta_2", "epsilon", "l2")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        l2: float = 0.0,
        *,
        name: str = "adam",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name=name, **kwargs)
        self.l2 = l2

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """See `TorchOptimizer`."""
        super().update(gradient + self.l2 * weights if self.l2 else gradient, weights, rate, **slots)


@keras.saving.register_keras_serializable("sparkdl")
class UncorrectedAdam(TorchOptimizer):
    """Adam without corrections of its first means, and with weight decay apart from the gradients, as for BERT.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        beta_1: decay of the mean of gradients.
        beta_2: decay of the mean of their squares.
        epsilon: added to the root of this mean.
        decay: part of the weights that is taken off, times the rate.
        **kwargs: of `TorchOptimizer`.

    Example:
        >>> weights = keras.Variable([1.0])
        >>> UncorrectedAdam(0.1, 0.9, 0.99, 0.0, decay=1.5).apply([keras.ops.ones(1)], [weights])
        >>> weights.numpy().round(4).tolist()
        [0.75]
    """

    scope = "element"
    settings = ("beta_1", "beta_2", "epsilon", "decay")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        decay: float = 0.01,
        *,
        name: str = "adam",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.beta_1, self.beta_2, self.epsilon, self.decay = beta_1, beta_2, epsilon, decay

    def slots(self) -> Mapping[str, float]:
        """See `TorchOptimizer`."""
        return {"mean": 0.0, "square": 0.0}

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """See `TorchOptimizer`."""
        mean, square = slots["mean"], slots["square"]
        self.assign(mean, self.beta_1 * mean + (1.0 - self.beta_1) * gradient)
        self.assign(square, self.beta_2 * square + (1.0 - self.beta_2) * ops.square(gradient))
        step = mean / (ops.sqrt(square) + self.epsilon) + self.decay * weights
        self.assign_sub(weights, ops.cast(rate, weights.dtype) * step)


@keras.saving.register_keras_serializable("sparkdl")
class WarmedUpDecay(schedules.LearningRateSchedule):
    """A rate that grows from 0 for a part of all steps, and then falls "linear", as "cosine", or stays "constant".

    Args:
        rate: the greatest one.
        total: the number of all steps.
        portion: the part of them that the rate grows for.
        shape: how it goes on.
        power: of the factor of the rate.

    Example:
        >>> rates = WarmedUpDecay(1.0, 10, 0.2, "linear")
        >>> [round(float(rates(step)), 2) for step in (0, 1, 2, 5, 10)]
        [0.0, 0.5, 0.8, 0.5, 0.0]
    """

    def __init__(self, rate: float, total: int, portion: float, shape: str, power: int = 1) -> None:
        self.rate, self.total, self.portion, self.shape, self.power = rate, total, portion, shape, power

    def __call__(self, step: Any) -> Any:
        part = ops.cast(step, "float64") / self.total
        falling = {
            "linear": 1.0 - part,
            "cosine": 0.5 * (1.0 + ops.cos(math.pi * part)),
            "constant": ops.ones_like(part),
        }[self.shape]
        growing = part / self.portion if self.portion > 0 else part
        factor = ops.where(part < self.portion, growing, falling)
        return ops.cast(self.rate * factor**self.power, keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        names = ("rate", "total", "portion", "shape", "power")
        return {name: getattr(self, name) for name in names}
