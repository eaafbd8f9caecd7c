"""Products with trained matrices."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.layers.activations import Sigmoid, by_name
from sparkdl.bigdl.nn.layers.arithmetic import AddConstant, Negative
from sparkdl.bigdl.nn.layers.base import Layer, check, describe
from sparkdl.bigdl.nn.layers.graph import Input, graph_module
from sparkdl.bigdl.nn.layers.tables import CAddTable, CMulTable


class Bilinear(Layer):
    """A bilinear form of two rows per output: [batch, input_size1] and [batch, input_size2]."""

    def __init__(
        self,
        input_size1: int,
        input_size2: int,
        output_size: int,
        bias_res: bool = True,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        check(min(input_size1, input_size2, output_size) > 0, "Bilinear", "all sizes must be above 0")
        super().__init__(describe("Bilinear", locals()), bigdl_type)


class Cosine(Layer):
    """The cosines of the angles between rows and trained vectors."""

    def __init__(self, input_size: int, output_size: int, bigdl_type: str = "float") -> None:
        super().__init__(describe("Cosine", locals()), bigdl_type)


class Euclidean(Layer):
    """The distances between rows and trained vectors."""

    def __init__(
        self, input_size: int, output_size: int, fast_backward: bool = True, bigdl_type: str = "float"
    ) -> None:
        super().__init__(describe("Euclidean", locals()), bigdl_type)


class Highway(Layer):
    """A gate times the activation of a linear map, plus the rest of the gate times the input."""

    def __init__(
        self,
        size: int,
        with_bias: bool = True,
        activation: Any = None,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        activation = by_name(activation) if isinstance(activation, str) else activation
        node = Input()
        gate = Sigmoid()(Linear(size, size, with_bias, wRegularizer, bRegularizer)(node))
        rest = AddConstant(1.0)(Negative()(gate))
        mapped = Linear(size, size, with_bias, wRegularizer, bRegularizer)(node)
        mapped = mapped if activation is None else activation(mapped)
        sum_of_both = CAddTable()([CMulTable()([gate, mapped]), CMulTable()([rest, node])])
        super().__init__(graph_module([node], [sum_of_both])[0], bigdl_type)


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


class Maxout(Layer):
    """The largest of maxout_number linear maps, output by output."""

    def __init__(
        self,
        input_size: int,
        output_size: int,
        maxout_number: int,
        with_bias: bool = True,
        w_regularizer: Any = None,
        b_regularizer: Any = None,
        init_weight: Any = None,
        init_bias: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        maps = Linear(
            input_size,
            output_size * maxout_number,
            with_bias,
            w_regularizer,
            b_regularizer,
            init_weight,
            init_bias,
        )
        given = {"input_size": input_size, "output_size": output_size, "maxout_number": maxout_number}
        super().__init__(describe("Maxout", {**given, "with_bias": with_bias}, [maps]), bigdl_type)
