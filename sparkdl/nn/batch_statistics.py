"""Normalisation of channels (the last axis) with statistics that other layers choose by `training`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("sparkdl")
class FixedStatisticsNormalization(keras.layers.BatchNormalization):
    """Keras's BatchNormalization with the moving statistics in training, too; its factors and summands still learn."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(inputs, training=False, mask=mask)


@keras.saving.register_keras_serializable("sparkdl")
class BatchStatisticsNormalization(keras.layers.Layer):
    """Normalisation with the statistics of the batch, outside of training, too: a row's answer depends on the others.

    Args:
        affine: whether there are learnt factors and summands.
        epsilon: added to the variance.
        gamma_initializer: how the factors start.
        beta_initializer: how the summands start.

    Example:
        >>> BatchStatisticsNormalization(affine=False)(keras.ops.array([[0.0], [2.0]])).numpy().round(3).tolist()
        [[-1.0], [1.0]]
    """

    def __init__(
        self,
        affine: bool = True,
        epsilon: float = 1e-5,
        gamma_initializer: Any = "ones",
        beta_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.affine, self.epsilon = affine, epsilon
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.beta_initializer = keras.initializers.get(beta_initializer)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "affine": self.affine,
            "epsilon": self.epsilon,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "beta_initializer": keras.initializers.serialize(self.beta_initializer),
        }

    def build(self, shape: Sequence[int]) -> None:
        self.gamma = self.add_weight(shape[-1:], self.gamma_initializer, name="gamma") if self.affine else None
        self.beta = self.add_weight(shape[-1:], self.beta_initializer, name="beta") if self.affine else None

    def call(self, inputs: Any) -> Any:
        mean, variance = ops.moments(inputs, list(range(len(inputs.shape) - 1)), keepdims=True)
        normal = (inputs - mean) * ops.rsqrt(variance + self.epsilon)
        return normal if self.gamma is None else normal * self.gamma + self.beta
