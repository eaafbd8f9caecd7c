"""Gradients that Torch defines otherwise than TensorFlow finds them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.custom_gradient
def through(value: Any, carrier: Any) -> Any:
    """`value`, whose gradient goes to `carrier` (of the same shape) as it is."""
    return tf.identity(value), lambda gradient: (None, gradient)


@tf.custom_gradient
def penalized(x: Any, addition: Any) -> Any:
    """`x`, to whose gradient `addition` is added."""
    return tf.identity(x), lambda gradient: (gradient + addition, None)


@tf.custom_gradient
def scaled(x: Any, factor: Any) -> Any:
    """`x`, whose gradient is multiplied with `factor`."""
    return tf.identity(x), lambda gradient: (gradient * factor, None)
