"""Parts, shapes and repetitions of tensors, the batch axis included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("sparkdl")
class Transpose(keras.layers.Layer):
    """The axes in another order; unlike Keras's Permute it may move the batch axis."""

    def __init__(self, axes: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axes = list(axes)

    def call(self, inputs: Any) -> Any:
        return ops.transpose(inputs, self.axes)


@keras.saving.register_keras_serializable("sparkdl")
class FullReshape(keras.layers.Layer):
    """Another shape with the same elements; unlike Keras's Reshape it may change the batch axis.

    Args:
        shape: the new shape; one size may be -1, which follows from the others.

    Example:
        >>> FullReshape([-1, 3])(keras.ops.ones((2, 6))).shape
        TensorShape([4, 3])
    """

    def __init__(self, shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = list(shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shape": self.target}

    def call(self, inputs: Any) -> Any:
        return ops.reshape(inputs, self.target)

    def compute_output_spec(self, inputs: Any) -> Any:
        shape = [None if size == -1 else size for size in self.target]
        return keras.KerasTensor(shape, inputs.dtype)


@keras.saving.register_keras_serializable("sparkdl")
class Slice(keras.layers.Layer):
    """The elements from `start` up to `stop` along one axis.

    Example:
        >>> Slice(axis=1, start=1, stop=3)(keras.ops.ones((2, 6))).shape
        TensorShape([2, 2])
    """

    def __init__(self, axis: int, start: int, stop: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis, self.start, self.stop = axis, start, stop

    def call(self, inputs: Any) -> Any:
        return inputs[(slice(None),) * self.axis + (slice(self.start, self.stop),)]


@keras.saving.register_keras_serializable("sparkdl")
class Tile(keras.layers.Layer):
    """The tensor several times along one axis."""

    def __init__(self, axis: int, tiles: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis, self.tiles = axis, tiles

    def call(self, inputs: Any) -> Any:
        return ops.tile(inputs, [self.tiles if axis == self.axis else 1 for axis in range(len(inputs.shape))])


@keras.saving.register_keras_serializable("sparkdl")
class TakeRows(keras.layers.Layer):
    """The rows of the first tensor whose numbers the second one holds."""

    def call(self, inputs: Sequence[Any]) -> Any:
        values, rows = inputs
        return ops.take(values, ops.cast(rows, "int32"), axis=0)


@keras.saving.register_keras_serializable("sparkdl")
class SelectRows(keras.layers.Layer):
    """The rows of all tensors but the last for which the last one is not 0.

    Example:
        >>> SelectRows()([keras.ops.arange(3), keras.ops.array([1.0, 0.0, 2.0])])[0].numpy().tolist()
        [0, 2]
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        *values, selector = inputs
        chosen = tf.reshape(selector, (-1,)) != 0
        return [tf.boolean_mask(tensor, chosen) for tensor in values]

    def compute_output_spec(self, inputs: Sequence[Any]) -> Any:
        return [keras.KerasTensor((None, *tensor.shape[1:]), tensor.dtype) for tensor in inputs[:-1]]


@keras.saving.register_keras_serializable("sparkdl")
class Reduction(keras.layers.Layer):
    """Sum, sum of absolute values, sum of squares or mean over all axes from `axis` on, times `coefficient`.

    Args:
        operation: "sum", "asum", "sumsq" or "mean".
        axis: the first axis that goes.
        coefficient: what the result is multiplied with.

    Example:
        >>> Reduction("sumsq", axis=1)(keras.ops.array([[3.0, 4.0]])).numpy()
        array([25.], dtype=float32)
    """

    def __init__(self, operation: str, axis: int = 1, coefficient: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.operation, self.axis, self.coefficient = operation, axis, coefficient

    def call(self, inputs: Any) -> Any:
        values = {"asum": ops.abs, "sumsq": ops.square}.get(self.operation, lambda value: value)(inputs)
        reduce = ops.mean if self.operation == "mean" else ops.sum
        return reduce(values, axis=list(range(self.axis, len(inputs.shape)))) * self.coefficient


@keras.saving.register_keras_serializable("sparkdl")
class TopClasses(keras.layers.Layer):
    """The places of the `top` largest values along an axis, or all the rest of a row, as floats; of equals the last.

    Args:
        top: how many.
        axis: the axis along which they are looked for and stand in the result; None looks through each row as a
            whole and gives (rows, 1, top), or (rows, 2, top) with the values.
        values: gives the values instead of their places (with `axis` None: behind them).
    """

    def __init__(self, top: int = 1, axis: int | None = None, values: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.top, self.axis, self.values = top, axis, values

    def call(self, inputs: Any) -> Any:
        if self.axis is None:
            largest, places = self._last_top(ops.reshape(inputs, (-1, math.prod(inputs.shape[1:]))))
            parts = [ops.cast(places, inputs.dtype), *([largest] if self.values else [])]
            return ops.stack(parts, axis=1)
        largest, places = self._last_top(ops.moveaxis(inputs, self.axis, -1))
        return ops.moveaxis(largest if self.values else ops.cast(places, inputs.dtype), -1, self.axis)

    def _last_top(self, values: Any) -> tuple[Any, Any]:
        largest, places = ops.top_k(ops.flip(values, -1), self.top)
        return largest, values.shape[-1] - 1 - places


@keras.saving.register_keras_serializable("sparkdl")
class Patches(keras.layers.Layer):
    """The windows of an image (channels last) side by side, by channel and then by place in the window.

    Args:
        size: height and width of the windows.
        strides: the steps from window to window.
        dilation: the steps within a window.
    """

    def __init__(
        self,
        size: Sequence[int],
        strides: Sequence[int] = (1, 1),
        dilation: Sequence[int] = (1, 1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.strides, self.dilation = list(size), list(strides), list(dilation)

    def call(self, inputs: Any) -> Any:
        window = [[1, *pair, 1] for pair in (self.size, self.strides, self.dilation)]
        found = tf.image.extract_patches(inputs, *window, padding="VALID")
        rows, columns, channels = found.shape[1], found.shape[2], inputs.shape[-1]
        split = tf.reshape(found, (-1, rows, columns, self.size[0] * self.size[1], channels))
        return tf.reshape(tf.transpose(split, (0, 1, 2, 4, 3)), (-1, rows, columns, found.shape[3]))


@keras.saving.register_keras_serializable("sparkdl")
class Free(keras.layers.Layer):
    """A tensor that depends on no input: weights of its own, or a constant. What it is called on does not matter.

    Args:
        shape: its whole shape; there is no batch axis.
        constant: the value of all elements; None makes trainable weights.
    """

    def __init__(self, shape: Sequence[int], constant: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.constant = list(shape), constant

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shape": self.size, "constant": self.constant}

    def build(self, _: Any) -> None:
        if self.constant is None:
            self.value = self.add_weight(self.size, "zeros", name="value")

    def call(self, _: Any) -> Any:
        return ops.convert_to_tensor(self.value) if self.constant is None else ops.full(self.size, self.constant)

    def compute_output_spec(self, _: Any) -> Any:
        return keras.KerasTensor(self.size, self.compute_dtype)
