"""Layers that only move values: shapes, parts, copies and orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparkdl.bigdl.nn.layers.base import Layer, check, describe
from sparkdl.bigdl.util.limits import INTMAX, INTMIN


class ExpandSize(Layer):
    """Repeats dimensions of size 1 up to these sizes; -1 keeps a dimension."""

    def __init__(self, sizes: Any, bigdl_type: str = "float") -> None:
        super().__init__(describe("ExpandSize", locals()), bigdl_type)


class InferReshape(Layer):
    """Another shape: 0 keeps the size of that dimension, -1 (once) is what remains."""

    def __init__(self, size: Any, batch_mode: bool = False, bigdl_type: str = "float") -> None:
        check(list(size).count(-1) < 2, "InferReshape", f"only one of the sizes {size} may be -1")
        super().__init__(describe("InferReshape", locals()), bigdl_type)


class Masking(Layer):
    """Zeros for steps of [batch, step, ...] all of whose values are mask_value."""

    def __init__(self, mask_value: float, bigdl_type: str = "float") -> None:
        super().__init__(describe("Masking", locals()), bigdl_type)


class Narrow(Layer):
    """length elements of a dimension from offset on; -1 to its end."""

    def __init__(self, dimension: int, offset: int, length: int = 1, bigdl_type: str = "float") -> None:
        super().__init__(describe("Narrow", locals()), bigdl_type)


class Padding(Layer):
    """Adds |pad| values behind (pad > 0) or before a dimension, nIndex - 1 elements from that end."""

    def __init__(
        self, dim: int, pad: int, n_input_dim: int, value: float = 0.0, n_index: int = 1, bigdl_type: str = "float"
    ) -> None:
        super().__init__(describe("Padding", locals()), bigdl_type)


class Replicate(Layer):
    """Repeats the whole value n_features times along a new dimension."""

    def __init__(self, n_features: int, dim: int = 1, n_dim: int = INTMAX, bigdl_type: str = "float") -> None:
        check(dim > 0, "Replicate", f"dim {dim} must be above 0")
        super().__init__(describe("Replicate", locals()), bigdl_type)


class Reshape(Layer):
    """Another shape. Unless batch_mode says so, a value of just that many elements is no batch."""

    def __init__(self, size: Any, batch_mode: bool | None = None, bigdl_type: str = "float") -> None:
        super().__init__(describe("Reshape", locals()), bigdl_type)


class Reverse(Layer):
    """The elements of a dimension in reverse order."""

    def __init__(self, dimension: int = 1, is_inplace: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("Reverse", locals()), bigdl_type)


class Select(Layer):
    """One element of a dimension, which goes away; -1 is the last."""

    def __init__(self, dim: int, index: int, bigdl_type: str = "float") -> None:
        super().__init__(describe("Select", locals()), bigdl_type)


class Squeeze(Layer):
    """Without a dimension of size 1."""

    def __init__(self, dim: int, num_input_dims: int = INTMIN, bigdl_type: str = "float") -> None:
        super().__init__(describe("Squeeze", locals()), bigdl_type)


class Tile(Layer):
    """Repeats the elements of a dimension."""

    def __init__(self, dim: int = 1, copies: int = 2, bigdl_type: str = "float") -> None:
        check(dim > 0 and copies > 1, "Tile", f"dim {dim} must be above 0 and copies {copies} above 1")
        super().__init__(describe("Tile", locals()), bigdl_type)


class Transpose(Layer):
    """Swaps pairs of dimensions, one pair after another."""

    def __init__(self, permutations: Any, bigdl_type: str = "float") -> None:
        super().__init__(describe("Transpose", locals()), bigdl_type)


class Unsqueeze(Layer):
    """A new dimension of size 1 at a position, or several."""

    def __init__(self, pos: Any, num_input_dims: int = INTMIN, bigdl_type: str = "float") -> None:
        super().__init__(describe("Unsqueeze", locals()), bigdl_type)


class View(Layer):
    """Another shape; the batch is what remains. num_input_dims says how many dimensions one row has."""

    def __init__(self, sizes: Any, num_input_dims: int = 0, bigdl_type: str = "float") -> None:
        check(list(np.ravel(sizes)).count(-1) < 2, "View", f"only one of the sizes {sizes} may be -1")
        super().__init__(describe("View", locals()), bigdl_type)
