"""Ways for weights to start that Keras lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable("sparkdl")
class Bilinear(keras.initializers.Initializer):
    """A kernel (height, width, ...) that interpolates: a transposed convolution with it enlarges images smoothly.

    Example:
        >>> Bilinear()((4, 4, 1, 1))[1, :, 0, 0].numpy().tolist()
        [0.1875, 0.5625, 0.5625, 0.1875]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        sides = [_triangle(size) for size in shape[:2]]
        plane = np.outer(*sides).reshape(*shape[:2], *[1] * (len(shape) - 2))
        return keras.ops.convert_to_tensor(np.broadcast_to(plane, shape), dtype or "float32")


def _triangle(size: int) -> np.ndarray:
    half = -(-size // 2)
    middle = (size - 1) / (2 * half)
    return 1 - np.abs(np.arange(size) / half - middle)
