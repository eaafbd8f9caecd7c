"""Functions of each element, and of the elements of one axis."""

from __future__ import annotations

from sparkdl.bigdl.nn.layers.base import Layer, describe


class ReLU(Layer):
    """max(x, 0)."""

    def __init__(self, ip: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("ReLU", locals()), bigdl_type)


class Tanh(Layer):
    """The hyperbolic tangent."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Tanh", locals()), bigdl_type)


class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Sigmoid", locals()), bigdl_type)


class Identity(Layer):
    """What goes in."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Identity", locals()), bigdl_type)
