"""Products with trained matrices."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.layers.base import Layer, describe


class Linear(Layer):
    """The product with a matrix, plus a bias: [batch, input_size] to [batch, output_size], with or without batch."""

    def __init__(
        self,
        input_size: int,
        output_size: int,
        with_bias: bool = True,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        init_weight: Any = None,
        init_bias: Any = None,
        init_grad_weight: Any = None,
        init_grad_bias: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("Linear", locals()), bigdl_type)
