"""Applies a Keras model by TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sparkdl.engine.building import structured
from sparkdl.types import SampleSpec


class TensorFlowPredictor:
    """A Keras model in inference mode, compiled once. A `sparkdl.types.Predictor`.

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

    def graph(self) -> Any:
        """What is computed, as a concrete function of TensorFlow."""
        return self._call.get_concrete_function()
