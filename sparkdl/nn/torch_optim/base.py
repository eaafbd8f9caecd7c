"""What Torch's optimization methods share as Keras optimizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

Scope = Literal["element", "variable", "all"]
Range = Sequence[float] | None
_UPPER = 0xFFFF0000  # the half of a float32 that holds its sign, its exponent and seven bits of its mantissa


class TorchOptimizer(keras.optimizers.Optimizer):
    """What Torch's methods share.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        clip_range: the least and the greatest value of an element of the gradient (Keras's `clipvalue` knows only
            -v to v); None for no limit.
        halved: whether only the upper half of each number (bfloat16, rounded towards 0) is used of gradients, after
            they are added up, and of the weights that models compute with. The optimizer holds the weights as a
            whole. See `halve` and `make_whole`.
        **kwargs: of `keras.optimizers.Optimizer`.

    Attributes:
        scope: what the new value of an element depends on. Each class says it for itself, as a subclass may differ.
        settings: names of the attributes that belong to the configuration.
    """

    scope: Scope = "all"
    settings: tuple[str, ...] = ()

    def __init__(
        self, learning_rate: Any = 0.001, *, clip_range: Range = None, halved: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.clip_range = None if clip_range is None else (float(clip_range[0]), float(clip_range[1]))
        self.halved = halved
        self._arrays: dict[str, list[keras.Variable]] = {}
        self._whole: list[keras.Variable] = []

    def slots(self) -> Mapping[str, float]:
        """Names of the arrays that each variable has, and what they begin with."""
        return {}

    def build(self, variables: list[keras.Variable]) -> None:
        """Makes the arrays of `slots`."""
        if self.built:
            return
        super().build(variables)
        for name, value in self.slots().items():
            start = keras.initializers.Constant(value)
            made = [self.add_variable_from_reference(variable, name=name, initializer=start) for variable in variables]
            self._arrays[name] = made
        if self.halved:
            self._whole = [self.add_variable_from_reference(variable, name="whole") for variable in variables]
            for whole, variable in zip(self._whole, variables, strict=True):
                whole.assign(variable)

    def halve(self, variables: Sequence[keras.Variable]) -> None:
        """To be called before a training: remembers the weights, and leaves their upper halves; no more than that
        where `halved` is false."""
        self.build(list(variables))
        for whole, variable in zip(self._whole, variables, strict=bool(self._whole)):
            whole.assign(variable)
            variable.assign(upper_half(variable.value))

    def make_whole(self, variables: Sequence[keras.Variable]) -> None:
        """To be called after a training: puts the whole weights back into the variables."""
        for whole, variable in zip(self._whole, variables, strict=bool(self._whole)):
            variable.assign(whole)

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        """See `keras.optimizers.Optimizer`."""
        index = self._get_variable_index(variable)
        weights = self._whole[index] if self.halved else variable
        slots = {name: arrays[index] for name, arrays in self._arrays.items()}
        self.update(self.prepared(gradient, variable), weights, learning_rate, **slots)
        if self.halved:
            variable.assign(upper_half(weights.value))

    def update(self, gradient: Any, weights: keras.Variable, rate: Any, **slots: keras.Variable) -> None:
        """One step.

        Args:
            gradient: of the weights' shape and dtype.
            weights: to be assigned.
            rate: the learning rate.
            **slots: the arrays of these weights, by name.
        """
        raise NotImplementedError

    def prepared(self, gradient: Any, variable: keras.Variable) -> Any:
        """The gradient in the variable's dtype, within the range."""
        gradient = ops.cast(gradient, variable.dtype)
        return gradient if self.clip_range is None else ops.clip(gradient, *self.clip_range)

    def get_config(self) -> dict[str, Any]:
        """See `keras.optimizers.Optimizer`."""
        own = {"clip_range": self.clip_range, "halved": self.halved}
        return super().get_config() | own | {name: getattr(self, name) for name in self.settings}


def upper_half(values: Any) -> Any:
    """Float32 numbers without the lower halves of their bits.

    Example:
        >>> upper_half(keras.ops.convert_to_tensor([1.0, -1.00390625, 3.14159])).numpy().tolist()
        [1.0, -1.0, 3.140625]
    """
    bits = tf.bitcast(tf.cast(values, tf.float32), tf.uint32)
    return tf.bitcast(tf.bitwise.bitwise_and(bits, tf.constant(_UPPER, tf.uint32)), tf.float32)


def halve_in_place(values: np.ndarray) -> None:
    """What `upper_half` does, in an array of float32."""
    bits = values.view(np.uint32)
    np.bitwise_and(bits, np.uint32(_UPPER), out=bits)
