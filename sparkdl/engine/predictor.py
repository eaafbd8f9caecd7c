"""Applies a model to batches of rows; one model per Python process, however many tasks it runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from sparkdl.engine.building import structured
from sparkdl.engine.release import release_models
from sparkdl.types import SampleSpec

T = TypeVar("T")
CACHED = 4
_cache: OrderedDict[str, Any] = OrderedDict()


def cached(key: str, build: Callable[[], T]) -> T:
    """What `build` returned for this key earlier in this process, else what it returns now (the last few are kept)."""
    if key not in _cache:
        _cache[key] = build()
        if len(_cache) > CACHED:
            _cache.popitem(last=False)
            release_models()
    _cache.move_to_end(key)
    return _cache[key]


class Predictor:
    """A model in inference mode, compiled once.

    Args:
        model: a built Keras model.
        spec: how the model takes its features.
    """

    def __init__(self, model: keras.Model, spec: SampleSpec) -> None:
        self.model = model
        self.spec = spec
        signature = [tf.TensorSpec((None, *column.shape), column.dtype, column.name) for column in spec.features]
        self._call = tf.function(self._forward, input_signature=[signature])

    def _forward(self, features: list[tf.Tensor]) -> list[tf.Tensor]:
        inputs = structured(features, self.spec.features, self.spec.feature_structure)
        return keras.tree.flatten(self.model(inputs, training=False))

    def predict(self, features: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        """Each output for all rows of a batch."""
        return [np.asarray(output) for output in self._call(list(features))]
