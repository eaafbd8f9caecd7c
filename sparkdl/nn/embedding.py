"""Embeddings as other frameworks have them."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("sparkdl")
class BiasedEmbedding(keras.layers.Layer):
    """Rows of a table by their numbers (which may be floats), plus a learnt vector.

    Args:
        input_dim: rows of the table.
        output_dim: columns of the table.
        use_bias: whether there is the vector.
    """

    def __init__(self, input_dim: int, output_dim: int, use_bias: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.input_dim, self.output_dim, self.use_bias = input_dim, output_dim, use_bias

    def build(self, _: Any) -> None:
        self.table = self.add_weight((self.input_dim, self.output_dim), "uniform", name="embeddings")
        self.bias = self.add_weight((self.output_dim,), "zeros", name="bias") if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        rows = ops.take(self.table, ops.cast(inputs, "int32"), axis=0)
        return rows if self.bias is None else rows + self.bias
