"""Gradients as one flat vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.types import WeightLayout


def gradient_pieces(gradients: Sequence[Any], layout: WeightLayout) -> list[tf.Tensor | int]:
    """The flat gradient in pieces: float32 (size,) for variables; for what is zero between them, how many zeros.

    Args:
        gradients: a tensor, IndexedSlices or None for each variable of the layout.
    """
    pieces: list[tf.Tensor | int] = []
    zeros = 0
    ends = [spec.offset for spec in layout.variables[1:]] + [layout.length]
    for gradient, spec, end in zip(gradients, layout.variables, ends, strict=True):
        if gradient is None:
            zeros += end - spec.offset
            continue
        if zeros:
            pieces.append(zeros)
        pieces.append(tf.reshape(tf.cast(tf.convert_to_tensor(gradient), tf.float32), [-1]))
        zeros = end - spec.offset - spec.size
    return [*pieces, zeros] if zeros else pieces


def flatten_gradients(gradients: Sequence[Any], layout: WeightLayout) -> tf.Tensor:
    """The gradients in layout order, float32 (layout.length,), zeros between and where there is none.

    Args:
        gradients: a tensor, IndexedSlices or None for each variable of the layout.
    """
    pieces = gradient_pieces(gradients, layout) or [0]
    return tf.concat([tf.zeros(piece) if isinstance(piece, int) else piece for piece in pieces], 0)


class _Memory:
    """Describes a tensor's memory to numpy as writable, and keeps the tensor alive as long as the array."""

    __slots__ = ("__array_interface__", "_tensor")

    def __init__(self, tensor: Any, array: np.ndarray) -> None:
        self._tensor = tensor
        self.__array_interface__ = {
            "data": (array.ctypes.data, False),
            "shape": array.shape,
            "typestr": array.dtype.str,
            "version": 3,
        }


def writable(tensor: tf.Tensor) -> np.ndarray:
    """A writable array over the memory of a tensor that nobody else will read; no copy.

    Only for the fresh result of a function, as `flatten_gradients` gives: TensorFlow takes tensors for constant.
    """
    array = np.asarray(tensor)
    return np.asarray(_Memory(tensor, array)) if array.size else np.array(array)
