"""Normalisations that Keras lacks, and the scale that follows one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("sparkdl")
class LocalResponseNormalization(keras.layers.Layer):
    """x / (k + alpha * mean of x squared in a window) ** beta, over channels (the last axis) or over the image.

    Args:
        size: the window, an odd number.
        alpha: the weight of the mean; what others call alpha with a sum is alpha / size here.
        beta: the exponent.
        k: the constant.
        within_channel: a window of size * size of the image instead of one of neighbouring channels.

    Example:
        >>> LocalResponseNormalization(size=1, beta=1.0)(keras.ops.ones((1, 1, 1, 2))).numpy().ravel()
        array([0.5, 0.5], dtype=float32)
    """

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1.0,
        beta: float = 0.75,
        k: float = 1.0,
        within_channel: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.alpha, self.beta, self.k, self.within_channel = size, alpha, beta, k, within_channel

    def call(self, inputs: Any) -> Any:
        side = self.size // 2
        if not self.within_channel:
            return tf.nn.local_response_normalization(inputs, side, self.k, self.alpha / self.size, self.beta)
        around = [[0, 0], [side, side], [side, side], [0, 0]]
        means = tf.nn.avg_pool2d(tf.pad(tf.square(inputs), around), self.size, 1, "VALID")
        return inputs * tf.pow(self.k + self.alpha * means, -self.beta)


@keras.saving.register_keras_serializable("sparkdl")
class MeanVarianceNormalization(keras.layers.Layer):
    """Each row, or each channel of it, with mean 0 and (where asked for) deviation 1.

    Args:
        axes: the axes that are averaged over.
        normalize_variance: divides by the standard deviation + epsilon, too.
        epsilon: see above.
    """

    def __init__(
        self, axes: Sequence[int], normalize_variance: bool = True, epsilon: float = 1e-9, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axes, self.normalize_variance, self.epsilon = list(axes), normalize_variance, epsilon

    def call(self, inputs: Any) -> Any:
        centred = inputs - ops.mean(inputs, self.axes, keepdims=True)
        if not self.normalize_variance:
            return centred
        return centred / (ops.sqrt(ops.mean(ops.square(centred), self.axes, keepdims=True)) + self.epsilon)


@keras.saving.register_keras_serializable("sparkdl")
class ScaleAndShift(keras.layers.Layer):
    """Learnt factors and (where asked for) summands, the same for all rows.

    Args:
        shape: the factors' shape, to be broadcast against the input.
        scale: whether there are factors.
        shift: whether there are summands.
        scale_initializer: how the factors start.
        shift_initializer: how the summands start.

    Example:
        >>> layer = ScaleAndShift([3], shift=True)
        >>> layer(keras.ops.ones((2, 3))).shape, len(layer.trainable_weights)
        (TensorShape([2, 3]), 2)
    """

    def __init__(
        self,
        shape: Sequence[int],
        scale: bool = True,
        shift: bool = False,
        scale_initializer: Any = "ones",
        shift_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.scale, self.shift = list(shape), scale, shift
        self.scale_initializer = keras.initializers.get(scale_initializer)
        self.shift_initializer = keras.initializers.get(shift_initializer)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "shape": self.size,
            "scale": self.scale,
            "shift": self.shift,
            "scale_initializer": keras.initializers.serialize(self.scale_initializer),
            "shift_initializer": keras.initializers.serialize(self.shift_initializer),
        }

    def build(self, _: Any) -> None:
        self.factors = self.add_weight(self.size, self.scale_initializer, name="scale") if self.scale else None
        self.summands = self.add_weight(self.size, self.shift_initializer, name="shift") if self.shift else None

    def call(self, inputs: Any) -> Any:
        if self.factors is not None:
            inputs = inputs * self.factors
        return inputs if self.summands is None else inputs + self.summands


@keras.saving.register_keras_serializable("sparkdl")
class ScaledUnitNorm(keras.layers.Layer):
    """Vectors of length 1 along the given axes, times learnt factors for the channels (the last axis).

    Args:
        axes: the axes over which the length is taken.
        shared: one factor for all channels.
        epsilon: added to the square of the length.
        initializer: how the factors start.
    """

    def __init__(
        self,
        axes: Sequence[int],
        shared: bool = False,
        epsilon: float = 1e-10,
        initializer: Any = "ones",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axes, self.shared, self.epsilon = list(axes), shared, epsilon
        self.initializer = keras.initializers.get(initializer)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axes": self.axes,
            "shared": self.shared,
            "epsilon": self.epsilon,
            "initializer": keras.initializers.serialize(self.initializer),
        }

    def build(self, shape: Sequence[int]) -> None:
        self.factors = self.add_weight([1 if self.shared else shape[-1]], self.initializer, name="scale")

    def call(self, inputs: Any) -> Any:
        squares = ops.sum(ops.square(inputs), self.axes, keepdims=True)
        return inputs * ops.rsqrt(squares + self.epsilon) * self.factors
