"""Keras's BatchNormalization in training steps, by TensorFlow's fused kernel.

Keras puts it together of a dozen operations, each of which reads or writes all activations: a third of a step of
ResNet-50 in bfloat16. The kernel does the same in two passes, statistics in float32 included. As with precision, this
is in force only while a training step is traced: the model keeps Keras's own code.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf

from sparkdl.engine.stand_ins import standing_in

# With fewer channels the kernel is no faster, and in bfloat16 slower.
FEWEST_CHANNELS = 16
_DTYPES = (tf.float32, tf.bfloat16)


def fused_batch_normalization(model: keras.Model) -> AbstractContextManager[None]:
    """In this block the model's layers of this kind train by the fused kernel.

    Those that normalise another axis than the last, synchronise, renormalise, are subclasses, or see a mask, another
    dtype than float32 and bfloat16 or few channels stay as they are.

    Example:
        >>> layer = keras.layers.BatchNormalization()
        >>> model = keras.Sequential([keras.Input((32,)), layer])
        >>> with fused_batch_normalization(model):
        ...     y = model(tf.reshape(tf.range(64.0), (2, 32)), training=True)
        >>> y[0, 0].numpy().round(3).item(), f"{layer.moving_mean[0].numpy():.2f}"
        (-1.0, '0.16')
    """
    layers = model._flatten_layers(include_self=False)
    return standing_in("call", [(layer, _Fused(layer)) for layer in layers if _is_plain(layer)])


def _is_plain(layer: keras.layers.Layer) -> bool:
    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.built
        and layer.variable_dtype == "float32"
        and layer.axis in (-1, layer.input_spec.ndim - 1)
        and layer.moving_mean.shape[0] >= FEWEST_CHANNELS
        and not (layer.synchronized or getattr(layer, "renorm", False))
    )


class _Fused:
    """Stands for `call` of one layer."""

    def __init__(self, layer: keras.layers.BatchNormalization) -> None:
        self._layer = layer

    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        layer = self._layer
        if not (training and layer.trainable) or mask is not None or inputs.dtype not in _DTYPES:
            return type(layer).call(layer, inputs, training=training, mask=mask)
        shape, channels = tf.shape(inputs), layer.moving_mean.shape[0]
        images = inputs if inputs.shape.rank == 4 else tf.reshape(inputs, (shape[0], 1, -1, channels))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=images,
            scale=tf.ones(channels) if layer.gamma is None else layer.gamma.value,
            offset=tf.zeros(channels) if layer.beta is None else layer.beta.value,
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=layer.epsilon,
            is_training=True,
        )
        # The kernel tells the variance of a sample, Keras takes that of the batch.
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        self._follow(layer.moving_mean, mean)
        self._follow(layer.moving_variance, variance * (tf.maximum(count - 1.0, 1.0) / count))
        outputs = outputs if outputs.shape.rank == inputs.shape.rank else tf.reshape(outputs, shape)
        return keras.ops.cast(outputs, layer.compute_dtype)

    def _follow(self, moving: keras.Variable, value: tf.Tensor) -> None:
        momentum = self._layer.momentum
        moving.assign(moving * momentum + value * (1.0 - momentum))
