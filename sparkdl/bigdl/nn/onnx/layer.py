"""Layers of ONNX's operations. They know no batch: shapes are those of whole tensors."""

import sys  # noqa: F401
from typing import Any

import numpy as np

from sparkdl.bigdl.nn.layers.base import Layer, describe
from sparkdl.bigdl.util.sample import JTensor  # noqa: F401


class Constant(Layer):
    """The same tensor for any input."""

    def __init__(self, value: Any, bigdl_type: str = "float") -> None:
        array = np.asarray(value, np.float32)
        super().__init__(describe("Constant", {"size": list(array.shape)}), bigdl_type)
        self.value.states["value"] = array


class Gather(Layer):
    """Of a table of a tensor and numbers (from 0): the tensor's parts along its first axis."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("OnnxGather", {}), bigdl_type)


class Gemm(Layer):
    """alpha * A * B + beta * C of a tensor A [rows, columns], with constant matrices B and C."""

    def __init__(
        self,
        matrix_b: Any,
        matrix_c: Any,
        alpha: float = 1.0,
        beta: float = 1.0,
        trans_a: int = 0,
        trans_b: int = 0,
        bigdl_type: str = "float",
    ) -> None:
        b, c = np.asarray(matrix_b, np.float32), np.asarray(matrix_c, np.float32)
        numbers = {"alpha": alpha, "beta": beta, "trans_a": trans_a, "trans_b": trans_b}
        shapes = {"b_shape": list(b.shape), "c_shape": list(c.shape)}
        super().__init__(describe("OnnxGemm", {**numbers, **shapes}), bigdl_type)
        self.value.states.update(b=b, c=c)


class Reshape(Layer):
    """To a shape, of which -1 is computed; without one, of a table of a tensor and a shape."""

    def __init__(self, shape: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(describe("OnnxReshape", {"shape": None if shape is None else list(shape)}), bigdl_type)


class Shape(Layer):
    """The sizes of a tensor."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("GetShape", {}), bigdl_type)
