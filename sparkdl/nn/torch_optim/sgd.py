"""Torch's optimization methods that follow the gradient itself, as Keras optimizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from sparkdl.nn.torch_optim.base import TorchOptimizer


@keras.saving.register_keras_serializable("sparkdl")
class TorchSGD(TorchOptimizer):
    """SGD with dampened momentum, a penalty on squares, and factors for single weights.

    The first step puts the whole gradient into the momentum; `dampening` counts from the second on.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        momentum: the share of the former step that is kept.
        dampening: the share of the gradient that is left out of the momentum.
        nesterov: whether the step looks ahead.
        l2: factor of the weights in the gradient.
        factors: whether each weight has its own factors of the learning rate and of itself in the gradient, which
            `set_factors` gives.
        **kwargs: of `TorchOptimizer`.

    Example:
        >>> weights = keras.Variable([1.0])
        >>> optimizer = TorchSGD(0.5, momentum=0.5, dampening=0.5)
        >>> for _ in range(2):
        ...     optimizer.apply([keras.ops.ones(1)], [weights])
        >>> weights.numpy().tolist()
        [0.0]
    """

    scope = "element"
    settings = ("momentum", "dampening", "nesterov", "l2", "factors")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        l2: float = 0.0,
        factors: bool = False,
        *,
        name: str = "sgd",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.momentum, self.dampening, self.nesterov = momentum, dampening, nesterov
        self.l2, self.factors = l2, factors

    def slots(self) -> Mapping[str, float]:
        """See `TorchOptimizer`."""
        return ({"momentum": 0.0} if self.momentum else {}) | ({"factor": 1.0, "l2": 0.0} if self.factors else {})

    def set_factors(self, rates: Sequence[np.ndarray] | None = None, l2: Sequence[np.ndarray] | None = None) -> None:
        """Gives single weights their factors; the optimizer must have been built on all variables.

        Args:
            rates: for each variable an array of its shape, which the learning rate is multiplied with.
            l2: for each variable an array of its shape: the factor of each weight in its own gradient.
        """
        for name, arrays in (("factor", rates), ("l2", l2)):
            for variable, array in zip(self._arrays[name], arrays or (), strict=False):
                variable.assign(array)

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """See `TorchOptimizer`."""
        if self.l2:
            gradient = gradient + self.l2 * weights
        elif self.factors:
            gradient = gradient + slots["l2"] * weights
        if self.momentum:
            momentum = slots["momentum"]
            later = self.momentum * momentum + (1.0 - self.dampening) * gradient
            self.assign(momentum, ops.where(ops.equal(self.iterations, 0), gradient, later))
            gradient = gradient + self.momentum * momentum if self.nesterov else momentum
        if self.factors:
            gradient = gradient * slots["factor"]
        self.assign_sub(weights, ops.cast(rate, weights.dtype) * gradient)


@keras.saving.register_keras_serializable("sparkdl")
class TorchLARS(TorchOptimizer):
    """SGD with momentum whose steps are as long, for each variable, as its weights are (LARS).

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        trust: the length of a step relative to the weights, times the learning rate.
        momentum: the share of the former step that is kept.
        l2: factor of the weights in the gradient.
        **kwargs: of `TorchOptimizer`.

    Example:
        >>> weights = keras.Variable([3.0, 4.0])
        >>> TorchLARS(0.1, momentum=0.0, l2=0.0).apply([keras.ops.convert_to_tensor([0.0, 20.0])], [weights])
        >>> weights.numpy().round(4).tolist()
        [3.0, 3.5]
    """

    scope = "variable"
    settings = ("trust", "momentum", "l2")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        trust: float = 1.0,
        momentum: float = 0.5,
        l2: float = 0.0005,
        *,
        name: str = "lars",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.trust, self.momentum, self.l2 = trust, momentum, l2

    def slots(self) -> Mapping[str, float]:
        """See `TorchOptimizer`."""
        return {"momentum": 0.0}

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """See `TorchOptimizer`."""
        norm, size = _norm(gradient), _norm(weights)
        scale = (norm + self.l2 * size) / size
        # Weights of no length take steps as if they were long, gradients of no length short ones.
        scale = ops.where(ops.isinf(scale), 1e4, ops.where(ops.isnan(scale), 1.0, ops.maximum(scale, 1e-4)))
        step = ops.cast(rate, weights.dtype) * self.trust / scale * (gradient + self.l2 * weights)
        self.assign(slots["momentum"], self.momentum * slots["momentum"] + step)
        self.assign_sub(weights, slots["momentum"])


def _norm(values: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(values)))
