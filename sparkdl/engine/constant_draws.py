"""Random numbers of Keras that are the same in every row, to look at a model without the noise of its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
from keras.src import backend

from sparkdl.engine.replaced import replaced


@contextmanager
def constant_draws() -> Iterator[None]:
    """In this block normal and uniform draws depend on the place within a row alone, and nothing is dropped.

    So a mean over rows, or a sum, of what a layer makes of noise can be told from two parts of a batch.

    Example:
        >>> import keras
        >>> with constant_draws():
        ...     noise = keras.random.normal((2, 3))
        >>> bool((noise[0] == noise[1]).numpy().all()), bool((noise[0] == noise[0][::-1]).numpy().all())
        (True, False)
    """
    with replaced(backend.random, _DRAWS):
        yield


def _normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> tf.Tensor:
    return mean + stddev * _waves(shape, dtype)


def _uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> tf.Tensor:
    return minval + (maxval - minval) * (0.5 + 0.4 * _waves(shape, dtype))


def _dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    return inputs


def _waves(shape: Sequence[Any], dtype: Any) -> tf.Tensor:
    """Numbers between -1 and 1, alike along the first axis."""
    sizes = [int(size) for size in shape]
    row = np.cos(np.arange(1.0, 1.0 + np.prod(sizes[1:], dtype=int))).reshape(sizes[1:])
    return tf.cast(np.broadcast_to(row, sizes), backend.standardize_dtype(dtype or backend.floatx()))


_DRAWS: dict[str, Callable[..., Any]] = {
    "normal": _normal,
    "truncated_normal": _normal,
    "uniform": _uniform,
    "dropout": _dropout,
}
