"""Transposed convolutions in groups, which Keras's own do not know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("sparkdl")
class GroupedConv2DTranspose(keras.layers.Layer):
    """A transposed convolution of images (channels last), each group of channels by itself, without padding.

    Its kernel is (height, width, filters / groups, channels): that of the groups lies side by side in the channels.

    Args:
        filters: the channels of the result.
        kernel_size: height and width of the window.
        strides: the steps of the window.
        dilation_rate: the steps within a window.
        groups: how many parts the channels have.
        use_bias: whether something is added to each channel of the result.
        kernel_initializer: how the kernel starts.
        bias_initializer: how the bias starts.

    Example:
        >>> GroupedConv2DTranspose(4, [2, 2], [2, 2], groups=2)(keras.ops.ones((1, 3, 3, 2))).shape
        TensorShape([1, 6, 6, 4])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sequence[int],
        strides: Sequence[int] = (1, 1),
        dilation_rate: Sequence[int] = (1, 1),
        groups: int = 1,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.groups, self.use_bias = filters, groups, use_bias
        self.kernel_size, self.strides, self.dilation_rate = list(kernel_size), list(strides), list(dilation_rate)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }

    def build(self, shape: Sequence[int]) -> None:
        size = (*self.kernel_size, self.filters // self.groups, shape[-1])
        self.kernel = self.add_weight(size, self.kernel_initializer, name="kernel")
        self.bias = self.add_weight((self.filters,), self.bias_initializer, name="bias") if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        kernel = self._spread(tf.convert_to_tensor(self.kernel))
        sizes = [
            (size - 1) * step + window
            for size, step, window in zip(inputs.shape[1:3], self.strides, kernel.shape[:2], strict=True)
        ]
        shape = (tf.shape(inputs)[0], *sizes, self.filters // self.groups)
        parts = zip(
            tf.split(inputs, self.groups, axis=-1),
            tf.split(kernel, self.groups, axis=-1),
            strict=True,
        )
        grown = [tf.nn.conv2d_transpose(part, kernel, shape, self.strides, "VALID") for part, kernel in parts]
        result = tf.concat(grown, axis=-1)
        return result if self.bias is None else result + self.bias

    def _spread(self, kernel: Any) -> Any:
        """The kernel with zeros between its rows and columns: transposed convolutions know no dilation here."""
        high, wide = self.dilation_rate
        if max(high, wide) == 1:
            return kernel
        rows, columns, *rest = kernel.shape
        apart = tf.pad(
            kernel[:, tf.newaxis, :, tf.newaxis], [[0, 0], [0, high - 1], [0, 0], [0, wide - 1], [0, 0], [0, 0]]
        )
        full = tf.reshape(apart, (rows * high, columns * wide, *rest))
        return full[: (rows - 1) * high + 1, : (columns - 1) * wide + 1]
