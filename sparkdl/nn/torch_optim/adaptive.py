"""Torch's optimization methods that follow the size of past gradients, as Keras optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from sparkdl.nn.torch_optim.base import TorchOptimizer


@keras.saving.register_keras_serializable("sparkdl")
class TorchAdam(TorchOptimizer):
    """Adam as Keras's, with corrections in float64: those of float32 are wrong in the fifth digit at first.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        beta_1: decay of the mean of gradients.
        beta_2: decay of the mean of their squares.
        epsilon: added to the root of this mean.
        **kwargs: of `TorchOptimizer`.

    Example:
        >>> weights = keras.Variable([1.0])
        >>> TorchAdam(0.5).apply([keras.ops.ones(1)], [weights])
        >>> weights.numpy().round(4).tolist()
        [0.5]
    """

    scope = "element"
    settings: tuple[str, ...] = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        name: str = "adam",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def slots(self) -> Mapping[str, float]:
        """See `TorchOptimizer`."""
        return {"mean": 0.0, "square": 0.0}

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """See `TorchOptimizer`."""
        mean, square = slots["mean"], slots["square"]
        self.assign(mean, self.beta_1 * mean + (1.0 - self.beta_1) * gradient)
        self.assign(square, self.beta_2 * square + (1.0 - self.beta_2) * ops.square(gradient))
        step = ops.cast(self.iterations + 1, "float64")
        corrected = ops.sqrt(1.0 - self.beta_2**step) / (1.0 - self.beta_1**step)
        rate = ops.cast(ops.cast(rate, "float64") * corrected, weights.dtype)
        self.assign_sub(weights, rate * mean / (ops.sqrt(square) + self.epsilon))


@keras.saving.register_keras_serializable("sparkdl")
class TorchAdamax(TorchOptimizer):
    """Adamax, whose epsilon is added to a gradient's size before the greatest is kept.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        beta_1: decay of the mean of gradients.
        beta_2: decay of the greatest size.
        epsilon: added to each size.
        **kwargs: of `TorchOptimizer`.
    """

    scope = "element"
    settings = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.002,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-38,
        *,
        name: str = "adamax",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def slots(self) -> Mapping[str, float]:
        """See `TorchOptimizer`."""
        return {"mean": 0.0, "greatest": 0.0}

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """See `TorchOptimizer`."""
        mean, greatest = slots["mean"], slots["greatest"]
        self.assign(mean, self.beta_1 * mean + (1.0 - self.beta_1) * gradient)
        self.assign(greatest, ops.maximum(self.beta_2 * greatest, ops.abs(gradient) + self.epsilon))
        step = ops.cast(self.iterations + 1, "float64")
        rate = ops.cast(ops.cast(rate, "float64") / (1.0 - self.beta_1**step), weights.dtype)
        # The processor may take so small an epsilon for 0 where no gradient ever was.
        self.assign_sub(weights, rate * ops.divide_no_nan(mean, greatest))


@keras.saving.register_keras_serializable("sparkdl")
class TorchAdagrad(TorchOptimizer):
    """Adagrad, whose sums of squares begin with 0.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        l2: factor of the weights in the gradient.
        epsilon: added to the root of the sum.
        **kwargs: of `TorchOptimizer`.
    """

    scope = "element"
    settings = ("l2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        l2: float = 0.0,
        epsilon: float = 1e-10,
        *,
        name: str = "adagrad",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.l2, self.epsilon = l2, epsilon

    def slots(self) -> Mapping[str, float]:
        """See `TorchOptimizer`."""
        return {"square": 0.0}

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """See `TorchOptimizer`."""
        gradient = gradient + self.l2 * weights
        square = slots["square"]
        self.assign_add(square, ops.square(gradient))
        step = ops.cast(rate, weights.dtype) * gradient
        self.assign_sub(weights, step / (ops.sqrt(square) + self.epsilon))


@keras.saving.register_keras_serializable("sparkdl")
class TorchRMSprop(TorchOptimizer):
    """RMSprop, whose epsilon stands outside of the root.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        rho: decay of the mean of squares.
        epsilon: added to its root.
        **kwargs: of `TorchOptimizer`.
    """

    scope = "element"
    settings = ("rho", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.01,
        rho: float = 0.99,
        epsilon: float = 1e-8,
        *,
        name: str = "rmsprop",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.rho, self.epsilon = rho, epsilon

    def slots(self) -> Mapping[str, float]:
        """See `TorchOptimizer`."""
        return {"square": 0.0}

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """See `TorchOptimizer`."""
        square = slots["square"]
        self.assign(square, self.rho * square + (1.0 - self.rho) * ops.square(gradient))
        step = ops.cast(rate, weights.dtype) * gradient
        self.assign_sub(weights, step / (ops.sqrt(square) + self.epsilon))


@keras.saving.register_keras_serializable("sparkdl")
class TorchFtrl(TorchOptimizer):
    """FTRL-proximal; what shrinks the weights counts in the sums of squares too, unlike in Keras's.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        power: of the sums of squares in the learning rate, 0 or negative.
        initial_accumulator_value: what these sums begin with.
        l1: strength of the penalty on absolute values.
        l2: strength of the penalty on squares.
        shrinkage: factor of twice the weights in the gradient.
        **kwargs: of `TorchOptimizer`.
    """

    scope = "element"
    settings = ("power", "initial_accumulator_value", "l1", "l2", "shrinkage")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1: float = 0.0,
        l2: float = 0.0,
        shrinkage: float = 0.0,
        *,
        name: str = "ftrl",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.power, self.initial_accumulator_value = power, initial_accumulator_value
        self.l1, self.l2, self.shrinkage = l1, l2, shrinkage

    def slots(self) -> Mapping[str, float]:
        """See `TorchOptimizer`."""
        return {"square": self.initial_accumulator_value, "linear": 0.0}

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """See `TorchOptimizer`."""
        gradient = gradient + 2.0 * self.shrinkage * weights
        square, linear = slots["square"], slots["linear"]
        rate = ops.cast(rate, weights.dtype)
        before = ops.power(square, -self.power) / rate
        self.assign_add(square, ops.square(gradient))
        after = ops.power(square, -self.power) / rate
        self.assign_add(linear, gradient + (before - after) * weights)
        pulled = ops.clip(linear, -self.l1, self.l1) - linear
        self.assign(weights, ops.divide_no_nan(pulled, after + 2.0 * self.l2))


@keras.saving.register_keras_serializable("sparkdl")
class TorchAdadelta(TorchOptimizer):
    """Adadelta, whose steps have the unit of the weights.

    Args:
        learning_rate: a factor of the steps.
        rho: decay of both means of squares.
        epsilon: added to both before the root.
        **kwargs: of `TorchOptimizer`.
    """

    scope = "element"
    settings = ("rho", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 1.0,
        rho: float = 0.9,
        epsilon: float = 1e-10,
        *,
        name: str = "adadelta",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.rho, self.epsilon = rho, epsilon

    def slots(self) -> Mapping[str, float]:
        """See `TorchOptimizer`."""
        return {"square": 0.0, "step": 0.0}

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """See `TorchOptimizer`."""
        square, steps = slots["square"], slots["step"]
        self.assign(square, self.rho * square + (1.0 - self.rho) * ops.square(gradient))
        step = ops.sqrt(steps + self.epsilon) / ops.sqrt(square + self.epsilon) * gradient
        self.assign(steps, self.rho * steps + (1.0 - self.rho) * ops.square(step))
        self.assign_sub(weights, ops.cast(rate, weights.dtype) * step)
