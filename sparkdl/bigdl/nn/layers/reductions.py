"""Sums, means and extremes along one dimension."""

from __future__ import annotations

from sparkdl.bigdl.nn.layers.base import Layer, describe
from sparkdl.bigdl.util.limits import INTMIN


class Max(Layer):
    """The largest values along a dimension, which goes away."""

    def __init__(self, dim: int, num_input_dims: int = INTMIN, bigdl_type: str = "float") -> None:
        super().__init__(describe("Max", locals()), bigdl_type)


class Mean(Layer):
    """The mean along a dimension."""

    def __init__(
        self, dimension: int = 1, n_input_dims: int = -1, squeeze: bool = True, bigdl_type: str = "float"
    ) -> None:
        super().__init__(describe("Mean", locals()), bigdl_type)


class Min(Layer):
    """The smallest values along a dimension, which goes away."""

    def __init__(self, dim: int = 1, num_input_dims: int = INTMIN, bigdl_type: str = "float") -> None:
        super().__init__(describe("Min", locals()), bigdl_type)


class Sum(Layer):
    """The mean along a dimension, which stays. As in BigDL, `squeeze` and `size_average` mean each other.

    With `size_average` the dimension goes away, and without `squeeze` it is the sum.
    """

    def __init__(
        self,
        dimension: int = 1,
        n_input_dims: int = -1,
        size_average: bool = False,
        squeeze: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        given = {"dimension": dimension, "n_input_dims": n_input_dims}
        super().__init__(describe("Sum", {**given, "size_average": squeeze, "squeeze": size_average}), bigdl_type)
