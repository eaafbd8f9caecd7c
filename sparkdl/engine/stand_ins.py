"""Other code for a model's layers while a training step is traced: the model keeps Keras's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras


@contextmanager
def standing_in(method: str, functions: Iterable[tuple[keras.layers.Layer, Callable[..., Any]]]) -> Iterator[None]:
    """In this block each layer has the function beside it in the place of its method of that name.

    Example:
        >>> layer = keras.layers.ReLU()
        >>> with standing_in("call", [(layer, lambda inputs: inputs + 1.0)]):
        ...     inside = layer(keras.ops.ones(1))
        >>> inside.numpy().item(), layer(keras.ops.ones(1)).numpy().item()
        (2.0, 1.0)
    """
    pairs = list(functions)
    try:
        for layer, function in pairs:
            vars(layer)[method] = function  # past Keras's __setattr__, which would track it
        yield
    finally:
        for layer, _ in pairs:
            vars(layer).pop(method, None)
