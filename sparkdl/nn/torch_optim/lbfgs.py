"""L-BFGS with a step per minibatch, as a Keras optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from sparkdl.nn.torch_optim.base import TorchOptimizer, upper_half

_LEAST_CURVATURE = 1e-10  # of a pair of differences that is remembered


@keras.saving.register_keras_serializable("sparkdl")
class TorchLBFGS(TorchOptimizer):
    """A quasi-Newton step on each minibatch: its direction follows from differences of weights and of gradients.

    Nothing is evaluated twice and no line is searched. The dot products go over all weights, so one worker does the
    update. The first step is at most as long as `learning_rate` in the sum of absolute values.

    Args:
        learning_rate: the length of a step in units of its direction.
        history: how many pairs of differences are remembered.
        least_gradient: below this sum of absolute values of the gradient the weights stay as they are.
        least_descent: a direction that descends less than this is not taken.
        **kwargs: of `TorchOptimizer`.

    Example:
        >>> weights = keras.Variable([4.0])
        >>> optimizer = TorchLBFGS()
        >>> for _ in range(3):
        ...     optimizer.apply([2.0 * weights], [weights])
        >>> weights.numpy().tolist()
        [0.0]
    """

    scope = "all"
    settings = ("history", "least_gradient", "least_descent")

    def __init__(
        self,
        learning_rate: Any = 1.0,
        history: int = 100,
        least_gradient: float = 1e-5,
        least_descent: float = 1e-9,
        *,
        name: str = "lbfgs",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.history, self.least_gradient, self.least_descent = history, least_gradient, least_descent

    def slots(self) -> dict[str, float]:
        """See `TorchOptimizer`: the last direction and gradient."""
        return {"direction": 0.0, "gradient": 0.0}

    def build(self, variables: list[keras.Variable]) -> None:
        """Makes the memory of differences too: for each variable an array (history, *shape)."""
        if self.built:
            return
        super().build(variables)

        def remembered(name: str) -> list[keras.Variable]:
            return [self.add_variable((self.history, *variable.shape), name=name) for variable in variables]

        self._moves, self._changes = remembered("moves"), remembered("changes")
        self._remembered = self.add_variable((), name="remembered", dtype="int32")
        self._taken = self.add_variable((), name="taken", dtype="int32")
        self._length, self._scale = self.add_variable((), name="length"), self.add_variable((), name="scale")

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[keras.Variable], learning_rate: Any
    ) -> None:
        # All variables at once, where Keras would call update_step for each.
        pairs = zip(grads, trainable_variables, strict=True)
        gradient = _joined([self.prepared(gradient, variable) for gradient, variable in pairs])
        weights, rate = self._whole if self.halved else trainable_variables, tf.cast(learning_rate, tf.float32)
        small = tf.reduce_sum(tf.abs(gradient)) < self.least_gradient
        tf.cond(small, lambda: None, lambda: self._step(gradient, weights, rate))
        for whole, variable in zip(self._whole, trainable_variables, strict=self.halved):
            variable.assign(upper_half(whole.value))

    def _step(self, gradient: tf.Tensor, variables: Sequence[keras.Variable], rate: tf.Tensor) -> None:
        first = tf.equal(self._taken.value, 0)
        tf.cond(first, lambda: None, lambda: self._remember(gradient))
        direction = tf.cond(first, lambda: -gradient, lambda: self._direction(gradient))
        self._spread("gradient", gradient)
        self._spread("direction", direction)
        self._taken.assign_add(1)
        descends = tf.reduce_sum(gradient * direction) <= -self.least_descent
        length = tf.where(first, tf.minimum(1.0, 1.0 / tf.reduce_sum(tf.abs(gradient))) * rate, rate)
        self._length.assign(tf.where(descends, length, tf.where(first, rate, self._length.value)))
        moved = tf.where(descends, length * direction, tf.zeros_like(direction))
        for variable, part in zip(variables, _split(moved, variables), strict=True):
            variable.assign_add(tf.cast(part, variable.dtype))

    def _remember(self, gradient: tf.Tensor) -> None:
        """Adds the last move and the change of the gradient over it, where the change says something."""
        change = gradient - _joined(self._arrays["gradient"])
        move = self._length.value * _joined(self._arrays["direction"])
        curvature = tf.reduce_sum(change * move)

        def add() -> None:
            full = tf.equal(self._remembered.value, self.history)
            place = tf.minimum(self._remembered.value, self.history - 1)
            for memory, values in ((self._moves, move), (self._changes, change)):
                for kept, part in zip(memory, _split(values, self._arrays["gradient"]), strict=True):
                    shifted = tf.cond(full, lambda kept=kept: tf.roll(kept.value, -1, 0), lambda kept=kept: kept.value)
                    kept.assign(tf.tensor_scatter_nd_update(shifted, [[place]], [part]))
            self._remembered.assign(place + 1)
            self._scale.assign(curvature / tf.reduce_sum(change * change))

        tf.cond(curvature > _LEAST_CURVATURE, add, lambda: None)

    def _direction(self, gradient: tf.Tensor) -> tf.Tensor:
        """The two loops over the remembered differences."""
        moves, changes = _rows(self._moves), _rows(self._changes)
        count = self._remembered.value
        curvatures = tf.reduce_sum(moves * changes, axis=1)
        scale = tf.where(count > 0, self._scale.value, 1.0)

        def back(index: tf.Tensor, result: tf.Tensor, factors: tf.Tensor) -> tuple[tf.Tensor, ...]:
            factor = tf.reduce_sum(moves[index] * result) / curvatures[index]
            kept = tf.tensor_scatter_nd_update(factors, [[index]], [factor])
            return index - 1, result - factor * changes[index], kept

        def forth(index: tf.Tensor, result: tf.Tensor, factors: tf.Tensor) -> tuple[tf.Tensor, ...]:
            factor = factors[index] - tf.reduce_sum(changes[index] * result) / curvatures[index]
            return index + 1, result + factor * moves[index], factors

        start = (count - 1, -gradient, tf.zeros(self.history))
        _, result, factors = tf.while_loop(lambda index, *_: index >= 0, back, start)
        return tf.while_loop(lambda index, *_: index < count, forth, (0, result * scale, factors))[1]

    def _spread(self, name: str, values: tf.Tensor) -> None:
        slots = self._arrays[name]
        for slot, part in zip(slots, _split(values, slots), strict=True):
            slot.assign(part)


def _joined(arrays: Sequence[Any]) -> tf.Tensor:
    return tf.concat([tf.reshape(tf.cast(tf.convert_to_tensor(array), tf.float32), [-1]) for array in arrays], 0)


def _rows(memory: Sequence[keras.Variable]) -> tf.Tensor:
    return tf.concat([tf.reshape(kept.value, [kept.shape[0], -1]) for kept in memory], 1)


def _split(values: tf.Tensor, like: Sequence[Any]) -> list[tf.Tensor]:
    parts = tf.split(values, [math.prod(variable.shape) for variable in like])
    return [tf.reshape(part, variable.shape) for part, variable in zip(parts, like, strict=True)]
