"""Sums and products with constants and with trained arrays."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.layers.base import Layer, describe


class Add(Layer):
    """Adds a trained vector."""

    def __init__(self, input_size: int, bigdl_type: str = "float") -> None:
        super().__init__(describe("Add", locals()), bigdl_type)


class AddConstant(Layer):
    """Adds a number."""

    def __init__(self, constant_scalar: float, inplace: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("AddConstant", locals()), bigdl_type)


class CAdd(Layer):
    """Adds a trained array of this size; dimensions of size 1 are repeated, and the batch may be missing."""

    def __init__(self, size: Any, bRegularizer: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(describe("CAdd", locals()), bigdl_type)


class CMul(Layer):
    """Multiplies with a trained array of this size; dimensions of size 1 are repeated, and the batch may be missing."""

    def __init__(self, size: Any, wRegularizer: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(describe("CMul", locals()), bigdl_type)


class Mul(Layer):
    """Multiplies with one trained number."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Mul", locals()), bigdl_type)


class MulConstant(Layer):
    """Multiplies with a number."""

    def __init__(self, scalar: float, inplace: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("MulConstant", locals()), bigdl_type)


class Negative(Layer):
    """-x."""

    def __init__(self, inplace: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("Negative", locals()), bigdl_type)


class Power(Layer):
    """(shift + scale * x) to a power."""

    def __init__(self, power: float, scale: float = 1.0, shift: float = 0.0, bigdl_type: str = "float") -> None:
        super().__init__(describe("Power", locals()), bigdl_type)


class Scale(Layer):
    """CMul and CAdd of one size."""

    def __init__(self, size: Any, bigdl_type: str = "float") -> None:
        super().__init__(describe("Scale", locals()), bigdl_type)
