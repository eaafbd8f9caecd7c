"""Training steps around a fault of TensorFlow's: the gradient of convolutions with steps and kernels of one element.

oneDNN's `Conv2DBackpropFilter` (TensorFlow 2.21) writes beyond its memory, and so ends the process or spoils others'
numbers, where elements are left over behind the last window, a block of 16 channels is not full, and the number of rows
is odd. Most batches are even, but not always the last one. Where only the elements that windows see are taken before,
the convolution has no steps, and the same outputs and gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras

from sparkdl.engine.stand_ins import standing_in

BLOCK = 16
# A class of the user's own may make other kernels or outputs, but where it has a `call` of its own nobody knows what
# that does with the elements.
_CALLS = tuple(kind.call for kind in (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D))


def elements_taken_first(model: keras.Model) -> AbstractContextManager[None]:
    """In this block the model's convolutions of this kind take the elements that their windows see first.

    Example:
        >>> layer = keras.layers.Conv1D(1, 1, strides=2, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((4, 1)), layer])
        >>> with elements_taken_first(model):
        ...     y = model(keras.ops.reshape(keras.ops.arange(4.0), (1, 4, 1)))
        >>> y.numpy().ravel().tolist()
        [0.0, 2.0]
    """
    layers = model._flatten_layers(include_self=False)
    return standing_in("call", [(layer, _taking(layer)) for layer in layers if _is_concerned(layer)])


def _is_concerned(layer: keras.layers.Layer) -> bool:
    return (
        getattr(type(layer), "call", None) in _CALLS
        and layer.built
        and set(layer.kernel_size) == {1}
        and max(layer.strides) > 1
        and layer.groups == 1
        and layer.data_format == "channels_last"
        and layer.kernel.shape[-2] < BLOCK
    )


def _taking(layer: keras.layers.Layer) -> Callable[[Any], Any]:
    """Stands for `call` of one layer. No kernel of one element needs padding, so nothing but the steps differs."""
    strides = layer.strides
    taken = tuple(slice(None, None, stride) for stride in (1, *strides))

    def call(inputs: Any) -> Any:
        layer.strides = (1,) * len(strides)
        try:
            return type(layer).call(layer, inputs[taken])
        finally:
            layer.strides = strides

    return call
