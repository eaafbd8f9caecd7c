"""Functions of one element, or of the same element of several tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("sparkdl")
class Power(keras.layers.Layer):
    """(shift + scale * x) ** power.

    Example:
        >>> Power(power=2.0, shift=1.0)(keras.ops.ones(2)).numpy()
        array([4., 4.], dtype=float32)
    """

    def __init__(self, power: float = 1.0, scale: float = 1.0, shift: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.power, self.scale, self.shift = power, scale, shift

    def call(self, inputs: Any) -> Any:
        inner = inputs * self.scale + self.shift
        return inner if self.power == 1 else ops.power(inner, self.power)


@keras.saving.register_keras_serializable("sparkdl")
class Exponential(keras.layers.Layer):
    """base ** (shift + scale * x); `base` None is e.

    Example:
        >>> Exponential(base=2.0)(keras.ops.array([3.0])).numpy()
        array([8.], dtype=float32)
    """

    def __init__(self, base: float | None = None, scale: float = 1.0, shift: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.base, self.scale, self.shift = base, scale, shift

    def call(self, inputs: Any) -> Any:
        factor = 1.0 if self.base is None else math.log(self.base)
        return ops.exp(inputs * (self.scale * factor) + self.shift * factor)


@keras.saving.register_keras_serializable("sparkdl")
class Logarithm(keras.layers.Layer):
    """The logarithm to a base of (shift + scale * x); `base` None is e.

    Example:
        >>> Logarithm(base=2.0)(keras.ops.array([8.0])).numpy()
        array([3.], dtype=float32)
    """

    def __init__(self, base: float | None = None, scale: float = 1.0, shift: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.base, self.scale, self.shift = base, scale, shift

    def call(self, inputs: Any) -> Any:
        factor = 1.0 if self.base is None else 1.0 / math.log(self.base)
        return ops.log(inputs * self.scale + self.shift) * factor


@keras.saving.register_keras_serializable("sparkdl")
class Absolute(keras.layers.Layer):
    """|x|."""

    def call(self, inputs: Any) -> Any:
        return ops.abs(inputs)


@keras.saving.register_keras_serializable("sparkdl")
class Threshold(keras.layers.Layer):
    """1 where x is above the threshold, else 0; it has no gradient."""

    def __init__(self, threshold: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold

    def call(self, inputs: Any) -> Any:
        return ops.cast(inputs > self.threshold, inputs.dtype)


@keras.saving.register_keras_serializable("sparkdl")
class Clip(keras.layers.Layer):
    """x, but at least `minimum` and at most `maximum`."""

    def __init__(self, minimum: float, maximum: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.minimum, self.maximum = minimum, maximum

    def call(self, inputs: Any) -> Any:
        return ops.clip(inputs, self.minimum, self.maximum)


@keras.saving.register_keras_serializable("sparkdl")
class Swish(keras.layers.Layer):
    """x * sigmoid(beta * x)."""

    def __init__(self, beta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, inputs: Any) -> Any:
        return inputs * ops.sigmoid(inputs * self.beta)


@keras.saving.register_keras_serializable("sparkdl")
class LastingDropout(keras.layers.Dropout):
    """Keras's Dropout that goes on outside of training: each prediction is one draw of many."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return super().call(inputs, training=True)


@keras.saving.register_keras_serializable("sparkdl")
class WeightedSum(keras.layers.Layer):
    """The sum of several tensors of one shape, each times its coefficient.

    Example:
        >>> WeightedSum([1.0, -0.5])([keras.ops.ones(2), keras.ops.ones(2)]).numpy()
        array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, coefficients: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.coefficients = list(coefficients)

    def call(self, inputs: Sequence[Any]) -> Any:
        terms = [value * factor for value, factor in zip(inputs, self.coefficients, strict=True)]
        return sum(terms[1:], terms[0])
