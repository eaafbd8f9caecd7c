"""Layers whose input or output is a table (a list): element by element, joined, split and picked."""

from __future__ import annotations

from sparkdl.bigdl.nn.layers.base import Layer, describe
from sparkdl.bigdl.util.limits import INTMAX


class BifurcateSplitTable(Layer):
    """The two halves of a dimension."""

    def __init__(self, dimension: int, bigdl_type: str = "float") -> None:
        super().__init__(describe("BifurcateSplitTable", locals()), bigdl_type)


class CAddTable(Layer):
    """The sum of the elements of a table."""

    def __init__(self, inplace: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("CAddTable", locals()), bigdl_type)


class CAveTable(Layer):
    """The mean of the elements of a table."""

    def __init__(self, inplace: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("CAveTable", locals()), bigdl_type)


class CDivTable(Layer):
    """The first element of a table over the second."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("CDivTable", locals()), bigdl_type)


class CMaxTable(Layer):
    """The larger of the elements of a table, place by place."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("CMaxTable", locals()), bigdl_type)


class CMinTable(Layer):
    """The smaller of the elements of a table, place by place."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("CMinTable", locals()), bigdl_type)


class CMulTable(Layer):
    """The product of the elements of a table."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("CMulTable", locals()), bigdl_type)


class CSubTable(Layer):
    """The first element of a table minus the second."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("CSubTable", locals()), bigdl_type)


class FlattenTable(Layer):
    """One table of what nested tables hold."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("FlattenTable", locals()), bigdl_type)


class JoinTable(Layer):
    """The elements of a table one behind the other along a dimension."""

    def __init__(self, dimension: int, n_input_dims: int, bigdl_type: str = "float") -> None:
        super().__init__(describe("JoinTable", locals()), bigdl_type)


class MixtureTable(Layer):
    """The sum of experts (a table or one tensor) weighted by a gater: [gater, experts]."""

    def __init__(self, dim: int = INTMAX, bigdl_type: str = "float") -> None:
        super().__init__(describe("MixtureTable", locals()), bigdl_type)


class NarrowTable(Layer):
    """length elements of a table from offset on; -1 to its end."""

    def __init__(self, offset: int, length: int = 1, bigdl_type: str = "float") -> None:
        super().__init__(describe("NarrowTable", locals()), bigdl_type)


class Pack(Layer):
    """The elements of a table side by side along a new dimension."""

    def __init__(self, dimension: int, bigdl_type: str = "float") -> None:
        super().__init__(describe("Pack", locals()), bigdl_type)


class SelectTable(Layer):
    """One element of a table."""

    def __init__(self, index: int, bigdl_type: str = "float") -> None:
        super().__init__(describe("SelectTable", locals()), bigdl_type)


class SplitTable(Layer):
    """A table of the slices along a dimension."""

    def __init__(self, dimension: int, n_input_dims: int = -1, bigdl_type: str = "float") -> None:
        super().__init__(describe("SplitTable", locals()), bigdl_type)


class TableOperation(Layer):
    """A layer for tables of two values, the smaller of which is first repeated to the size of the larger."""

    def __init__(self, operation_layer: Layer, bigdl_type: str = "float") -> None:
        super().__init__(describe("TableOperation", {}, [operation_layer]), bigdl_type)
