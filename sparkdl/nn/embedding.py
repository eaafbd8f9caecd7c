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
        embeddings_initializer: how the table starts.
        bias_initializer: how the vector starts.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        use_bias: bool = True,
        embeddings_initializer: Any = "uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_dim, self.output_dim, self.use_bias = input_dim, output_dim, use_bias
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "use_bias": self.use_bias,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }

    def build(self, _: Any) -> None:
        self.table = self.add_weight((self.input_dim, self.output_dim), self.embeddings_initializer, name="embeddings")
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight((self.output_dim,), self.bias_initializer, name="bias")

    def call(self, inputs: Any) -> Any:
        rows = ops.take(self.table, ops.cast(inputs, "int32"), axis=0)
        return rows if self.bias is None else rows + self.bias
