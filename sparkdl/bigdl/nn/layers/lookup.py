"""Rows of a trained table by their numbers, and sparse values."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparkdl.bigdl.nn.layers.base import Layer, check, describe
from sparkdl.bigdl.util.limits import DOUBLEMAX


class DenseToSparse(Layer):
    """The value as a sparse one."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("DenseToSparse", locals()), bigdl_type)


class LookupTable(Layer):
    """The rows of a trained table at the numbers (from 1) that go in: [n] or [batch, n]."""

    def __init__(
        self,
        n_index: int,
        n_output: int,
        padding_value: float = 0.0,
        max_norm: float = DOUBLEMAX,
        norm_type: float = 2.0,
        should_scale_grad_by_freq: bool = False,
        wRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("LookupTable", locals()), bigdl_type)


class LookupTableSparse(Layer):
    """Sums or means of the rows of a trained table whose numbers stand in the rows of a sparse value."""

    def __init__(
        self,
        n_index: int,
        n_output: int,
        combiner: str = "sum",
        max_norm: float = -1.0,
        wRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        combiner = combiner.lower()
        check(
            combiner in ("sum", "mean", "sqrtn"),
            "LookupTableSparse",
            f"combiner {combiner!r} must be sum, mean or sqrtn",
        )
        super().__init__(describe("LookupTableSparse", locals()), bigdl_type)


class SparseJoinTable(Layer):
    """Sparse values one behind the other along a dimension."""

    def __init__(self, dimension: int, bigdl_type: str = "float") -> None:
        super().__init__(describe("SparseJoinTable", locals()), bigdl_type)


class SparseLinear(Layer):
    """Linear for sparse rows."""

    def __init__(
        self,
        input_size: int,
        output_size: int,
        with_bias: bool = True,
        backwardStart: int = -1,
        backwardLength: int = -1,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        init_weight: Any = None,
        init_bias: Any = None,
        init_grad_weight: Any = None,
        init_grad_bias: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SparseLinear", locals()), bigdl_type)

    def backward(self, input: Any, grad_output: Any) -> Any:
        """The gradient for the columns from `backwardStart` on alone, if there are any."""
        gradient = super().backward(input, grad_output)
        first, count = (self.value.arguments[name] for name in ("backwardStart", "backwardLength"))
        if first < 1 or count < 1:
            return gradient
        columns = self.value.parameters["weight"][:, first - 1 : first - 1 + count]
        return np.asarray(grad_output, np.float32) @ columns
