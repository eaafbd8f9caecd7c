"""Products, distances and choices between two values or more."""

from __future__ import annotations

from sparkdl.bigdl.nn.layers.base import Layer, describe


class CosineDistance(Layer):
    """The cosine of the angle between the rows of two values."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("CosineDistance", locals()), bigdl_type)


class CrossProduct(Layer):
    """The dot products of all pairs of the elements of a table."""

    def __init__(self, numTensor: int = 0, embeddingSize: int = 0, bigdl_type: str = "float") -> None:
        super().__init__(describe("CrossProduct", locals()), bigdl_type)


class DotProduct(Layer):
    """The dot products of the rows of two values."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("DotProduct", locals()), bigdl_type)


class Gemm(Layer):
    """alpha * A * B + beta * C of a table [A, B, C]."""

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 1.0,
        trans_a: bool = False,
        trans_b: bool = False,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("Gemm", locals()), bigdl_type)


class Index(Layer):
    """The elements of a dimension at the places (from 1) that the second value of a table holds."""

    def __init__(self, dimension: int, bigdl_type: str = "float") -> None:
        super().__init__(describe("Index", locals()), bigdl_type)


class MaskedSelect(Layer):
    """The elements of the first value where the second is not 0, as a vector."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("MaskedSelect", locals()), bigdl_type)


class MM(Layer):
    """The product of two matrices, or of batches of them."""

    def __init__(self, trans_a: bool = False, trans_b: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("MM", locals()), bigdl_type)


class MV(Layer):
    """The product of a matrix and a vector, or of batches of them."""

    def __init__(self, trans: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("MV", locals()), bigdl_type)


class PairwiseDistance(Layer):
    """The distances between the rows of two values."""

    def __init__(self, norm: int = 2, bigdl_type: str = "float") -> None:
        super().__init__(describe("PairwiseDistance", locals()), bigdl_type)
