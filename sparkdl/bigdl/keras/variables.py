"""Nodes of graphs that know their shapes, and arithmetic with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkdl.bigdl.nn import layer as _layers
from sparkdl.bigdl.nn.layers.base import Layer, Node
from sparkdl.errors import ArgumentError
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.shapes import Shapes, output_shape

nn: Any = _layers
NUMBERS = (int, float)


def with_batch(shape: Any) -> Shapes:
    """A shape of rows, or a list of them, with None in front for the batch.

    Example:
        >>> with_batch([3, 5]), with_batch([(3,), (5,)])
        ((None, 3, 5), [(None, 3), (None, 5)])
    """
    if any(isinstance(part, (list, tuple)) for part in shape):
        return [with_batch(part) for part in shape]
    return (None, *(None if size is None or size < 0 else int(size) for size in shape))


def open_batch(shape: Shapes) -> Shapes:
    """A shape as scripts see it: whatever its first size is, it counts as the batch."""
    return [open_batch(part) for part in shape] if isinstance(shape, list) else (None, *shape[1:])


class VariableOperator:
    """What can be done with variables, parameters and constants."""

    def as_variable(self) -> Variable:
        """The node of it."""
        raise NotImplementedError(f"{type(self).__name__} has no node.")

    @staticmethod
    def from_jvalue(jvalue: Any) -> Variable:
        """The variable of a node."""
        return Variable(None, node=jvalue)

    def get_input_shape(self) -> Shapes:
        """The shape of what its layer takes, None for the batch; a list of them for a table."""
        return open_batch(self.as_variable().input_shape)

    def get_output_shape(self) -> Shapes:
        """Its shape, None for the batch; a list of them for a table."""
        return open_batch(self.as_variable().output_shape)

    @property
    def shape(self) -> Shapes:
        """As `get_output_shape`."""
        return self.get_output_shape()

    def add(self, var: Any) -> Variable:
        """The sum with a variable or a number."""
        return apply(nn.AddConstant(float(var)), self) if isinstance(var, NUMBERS) else apply(nn.CAddTable(), self, var)

    def sub(self, var: Any) -> Variable:
        """The difference to a variable or a number."""
        return self.add(-var) if isinstance(var, NUMBERS) else apply(nn.CSubTable(), self, var)

    def slice(self, dim: int, start_index: int, length: int) -> Variable:
        """`length` elements of a dimension from `start_index` on, both counted from 0; -1: up to the last."""
        first, size = _place(self, dim), self.as_variable().output_shape[dim]
        count = length if length >= 0 else size - start_index + 1 + length
        return apply(nn.Narrow(first, start_index + 1, count), self)

    def index_select(self, dim: int, index: int) -> Variable:
        """One element, counted from 0, of a dimension, which disappears; -1 is the last."""
        return apply(nn.Select(_place(self, dim), index + 1 if index >= 0 else index), self)

    def squeeze(self, dim: Any = None) -> Variable:
        """Without the dimension of size 1 (or a list of them), counted from 0; without `dim`, all of them."""
        return apply(squeezing(self.as_variable().output_shape, dim), self)

    def __add__(self, other: Any) -> Variable:
        return self.add(other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Variable:
        return self.sub(other)

    def __rsub__(self, other: Any) -> Variable:
        return (-self).add(other)

    def __mul__(self, other: Any) -> Variable:
        if isinstance(other, NUMBERS):
            return apply(nn.MulConstant(float(other)), self)
        return apply(nn.CMulTable(), self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Variable:
        if isinstance(other, NUMBERS):
            return apply(nn.MulConstant(1.0 / other), self)
        return apply(nn.CDivTable(), self, other)

    __div__ = __truediv__

    def __rtruediv__(self, other: Any) -> Variable:
        inverse = apply(nn.Power(-1.0), self)
        return inverse * other

    __rdiv__ = __rtruediv__

    def __neg__(self) -> Variable:
        return apply(nn.Negative(), self)


class Variable(VariableOperator, Node):
    """A node of a graph: an input of the shape `input_shape` (without the batch), or what a layer gives.

    Attributes:
        input_shape: of what its layer takes, with the batch.
        output_shape: its own, with the batch.

    Example:
        >>> x = Variable([3])
        >>> (2 * x + 1).get_output_shape()
        (None, 3)
    """

    input_shape: Shapes
    output_shape: Shapes
    _node: Variable
    _name: str | None = None
    _entry: Layer | None = None

    def __init__(self, input_shape: Any, node: Any = None, jvalue: Any = None, name: str | None = None) -> None:
        source = node if node is not None else jvalue
        if source is None and input_shape is None:
            raise ArgumentError("an input has no shape: give Input(shape=...) the sizes of one row, without the batch.")
        if isinstance(source, Variable):
            super().__init__(source.layer, "float", *source.before)
            self.input_shape, self.output_shape = source.input_shape, source.output_shape
            self._node = source.node
        elif source is not None:
            raise ArgumentError(f"a Variable was given a {type(source).__name__}, expected a node of a Keras layer.")
        else:
            super().__init__(None, "float")
            self.input_shape = self.output_shape = with_batch(input_shape)
            self._node = self
        self._name = name

    def as_variable(self) -> Variable:
        """The one node that stands for it."""
        return self._node

    @classmethod
    def from_node(cls, node: Any) -> Variable:
        """The variable of a node."""
        return cls(None, node=node)

    @property
    def node(self) -> Variable:
        """The node."""
        return self._node

    def element(self) -> Layer:
        """Its layer; for an input, one that stands for it."""
        if self.layer is not None:
            return self.layer
        if self._node._entry is None:
            self._node._entry = Layer(make("Identity", name=self._name), "float")
        return self._node._entry

    @property
    def name(self) -> str:
        """The name of its layer, or of the input."""
        return self.element().name()

    def set_name(self, name: str) -> None:
        """Names its layer, or the input."""
        self.element().set_name(name)


def apply(layer: Layer, *variables: Any) -> Variable:
    """What a layer gives for variables: the node of a Torch-style or Keras-style layer."""
    nodes = [_node(layer, variable) for variable in variables]
    shapes = [node.output_shape for node in nodes]
    shape = shapes[0] if len(shapes) == 1 else shapes
    # Keras-style layers are made now that they know their input.
    connect = getattr(layer, "connect", None)
    return attached(layer, nodes, shape, connect(shape) if connect else output_shape(layer.value, shape))


def attached(layer: Layer, before: Sequence[Variable], taken: Shapes, given: Shapes) -> Variable:
    """The node of a layer with known shapes."""
    found = Variable.__new__(Variable)
    Node.__init__(found, layer, "float", *before)
    found.input_shape, found.output_shape = taken, given
    found._node = found
    return found


def squeezing(shape: Any, dim: Any) -> Layer:
    """A layer that removes dimensions of size 1: those given, counted from 0, or all but the batch."""
    dims = [dim] if isinstance(dim, int) else dim
    if dims is None:
        dims = [place for place, size in enumerate(shape) if size == 1 and place > 0]
    layers = nn.Sequential()
    for place in sorted(dims, reverse=True):
        if not 0 <= place < len(shape) or shape[place] not in (1, None):
            raise ArgumentError(f"cannot remove dimension {place} of a value of shape {shape}: its size is not 1.")
        layers.add(nn.Squeeze(place + 1))
    return layers


def _node(layer: Layer, variable: Any) -> Variable:
    if not isinstance(variable, VariableOperator):
        raise ArgumentError(
            f"{layer.name()} was applied to a {type(variable).__name__}, expected variables (what Input(shape=...) and "
            "other layers give); for arrays there is forward()."
        )
    return variable.as_variable()


def _place(variable: VariableOperator, dim: int) -> int:
    shape = variable.as_variable().output_shape
    place = dim if dim >= 0 else len(shape) + dim
    if not 0 < place < len(shape):
        raise ArgumentError(f"there is no dimension {dim} behind the batch in a value of shape {shape}.")
    return place + 1


def value_node(kind: str, size: Sequence[int], name: str | None) -> Variable:
    """The node of a value that comes from no other: a parameter or a constant."""
    layer = Layer(make(kind, size=list(size), name=name), "float")
    return attached(layer, [], tuple(size), tuple(size))
