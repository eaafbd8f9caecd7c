"""Layers that Keras 3 no longer has: convolutions with kernels of their own at each place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import activations, constraints, initializers, ops, regularizers


@keras.saving.register_keras_serializable("sparkdl")
class LocallyConnected2D(keras.layers.Layer):
    """A convolution whose kernel is another one at each place of the image; images are channels last, without padding.

    Args:
        filters: how many numbers it makes at each place.
        kernel_size: rows and columns of the windows.
        strides: how far they lie apart.
        activation: what is done to the result.
        use_bias: whether a number is added, another one at each place.
        kernel_initializer: how kernels, of shape (places, window, filters), begin.
        bias_initializer: how biases begin.
        kernel_regularizer: what is added to the loss for kernels.
        bias_regularizer: likewise for biases.
        kernel_constraint: what kernels are held to.
        bias_constraint: likewise for biases.

    Example:
        >>> LocallyConnected2D(5, (2, 3))(keras.ops.ones((1, 4, 4, 2))).shape
        TensorShape([1, 3, 2, 5])
    """

    AXES = 2

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.use_bias = filters, use_bias
        self.kernel_size, self.strides = self._sizes(kernel_size), self._sizes(strides)
        self.activation = activations.get(activation)
        self.kernel_initializer, self.bias_initializer = map(initializers.get, (kernel_initializer, bias_initializer))
        self.kernel_regularizer, self.bias_regularizer = map(regularizers.get, (kernel_regularizer, bias_regularizer))
        self.kernel_constraint, self.bias_constraint = map(constraints.get, (kernel_constraint, bias_constraint))

    def _sizes(self, sizes: int | Sequence[int]) -> tuple[int, ...]:
        return (sizes,) * self.AXES if isinstance(sizes, int) else tuple(sizes)

    def _places(self, shape: Sequence[int | None]) -> tuple[int, ...]:
        """How many windows there are along each axis."""
        sizes = [size or 0 for size in shape[1:-1]]
        if any(size < window for size, window in zip(sizes, self.kernel_size, strict=True)):
            raise ValueError(f"{self.name!r} needs rows of a fixed size, at least {self.kernel_size}; received {shape}")
        parts = zip(sizes, self.kernel_size, self.strides, strict=True)
        return tuple((size - window) // stride + 1 for size, window, stride in parts)

    def build(self, input_shape: Sequence[int | None]) -> None:
        places, window = self._places(input_shape), math.prod(self.kernel_size) * (input_shape[-1] or 0)
        self.kernel = self.add_weight(
            (math.prod(places), window, self.filters),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (*places, self.filters),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs: Any) -> Any:
        places = self._places(tuple(inputs.shape))
        windows = self._windows(inputs)
        outputs = ops.einsum("bpk,pkf->bpf", ops.reshape(windows, (-1, *self.kernel.shape[:2])), self.kernel)
        outputs = ops.reshape(outputs, (-1, *places, self.filters))
        return self.activation(outputs if self.bias is None else outputs + self.bias)

    def _windows(self, inputs: Any) -> Any:
        return ops.image.extract_patches(inputs, self.kernel_size, self.strides, data_format="channels_last")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], *self._places(input_shape), self.filters)

    def get_config(self) -> dict[str, Any]:
        config = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        for part in ("kernel", "bias"):
            config[f"{part}_initializer"] = initializers.serialize(getattr(self, f"{part}_initializer"))
            config[f"{part}_regularizer"] = regularizers.serialize(getattr(self, f"{part}_regularizer"))
            config[f"{part}_constraint"] = constraints.serialize(getattr(self, f"{part}_constraint"))
        activation = activations.serialize(self.activation)
        return {**super().get_config(), **config, "activation": activation, "use_bias": self.use_bias}


@keras.saving.register_keras_serializable("sparkdl")
class LocallyConnected1D(LocallyConnected2D):
    """A convolution over steps whose kernel is another one at each step, without padding.

    Its arguments are those of `LocallyConnected2D`.

    Example:
        >>> LocallyConnected1D(5, 2, strides=2)(keras.ops.ones((1, 6, 3))).shape
        TensorShape([1, 3, 5])
    """

    AXES = 1

    def _windows(self, inputs: Any) -> Any:
        patches = ops.image.extract_patches(
            ops.expand_dims(inputs, 2), (*self.kernel_size, 1), (*self.strides, 1), data_format="channels_last"
        )
        return ops.squeeze(patches, 2)
