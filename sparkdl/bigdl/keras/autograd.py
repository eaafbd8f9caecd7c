"""Expressions of variables, and layers and losses made of them."""

from __future__ import annotations

import sys  # noqa: F401
from collections.abc import Sequence
from typing import Any

import numpy as np

import sparkdl.bigdl.keras.base as kbase
from sparkdl.bigdl.keras.base import callZooFunc  # noqa: F401
from sparkdl.bigdl.keras.graphs import graph, variables
from sparkdl.bigdl.keras.merging import Merge
from sparkdl.bigdl.keras.objectives import LossFunction
from sparkdl.bigdl.keras.parts import initial, nn
from sparkdl.bigdl.keras.variables import NUMBERS, Variable, VariableOperator, apply, value_node
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.nn.layers.nodes import Node  # noqa: F401
from sparkdl.bigdl.util.common import JTensor, to_list  # noqa: F401
from sparkdl.bigdl.util.utils import remove_batch, toMultiShape  # noqa: F401
from sparkdl.errors import ArgumentError
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.initial import uniform
from sparkdl.nn.torch.module import Array, Module
from sparkdl.nn.torch.module import Parameter as Spec

EPSILON = 1e-7


def _axis(axis: int) -> int:
    if axis < 0:
        raise ArgumentError(f"axis {axis} is below 0: axes count from 0, which is the batch.")
    return axis + 1


def _reduced(x: Any, axis: int, kept: bool, average: bool) -> Variable:
    module = make("Sum", dimension=_axis(axis), n_input_dims=-1, size_average=average, squeeze=not kept)
    return apply(Layer(module, "float"), x)


def mean(x: Any, axis: int = 0, keepDims: bool = False) -> Variable:
    """The means along an axis (0 is the batch)."""
    return _reduced(x, axis, keepDims, True)


def sum(x: Any, axis: int = 0, keepDims: bool = False) -> Variable:
    """The sums along an axis (0 is the batch)."""
    return _reduced(x, axis, keepDims, False)


def abs(x: Any) -> Variable:
    """Absolute values."""
    return apply(nn.Abs(), x)


def batch_dot(x: Any, y: Any, axes: Any = 1, normalize: bool = False) -> Variable:
    """The products of rows: of vectors [batch, n] a number each, of matrices a matrix each, along `axes`.

    With `normalize`, rows are scaled to length 1 before: cosines.
    """
    along = [axes] * 2 if isinstance(axes, int) else list(axes)
    if normalize:
        x, y = l2_normalize(x, along[0]), l2_normalize(y, along[1])
    return sum(x * y, 1, True) if len(x.get_output_shape()) == 2 else mm(x, y, along)


def l2_normalize(x: Any, axis: int) -> Variable:
    """`x` divided by its length along an axis."""
    return x / sqrt(maximum(sum(x * x, int(axis), True), EPSILON))


def stack(inputs: Sequence[Any], axis: int = 1) -> Variable:
    """Variables of one shape along a new axis."""
    return Merge(mode="concat", concat_axis=axis)([expand_dims(x, axis) for x in inputs])


def expand_dims(x: Any, axis: int) -> Variable:
    """`x` with a new axis of size 1."""
    return apply(nn.Unsqueeze(axis + 1), x)


def clip(x: Any, min: float, max: float) -> Variable:
    """`x` between two bounds."""
    return apply(nn.HardTanh(float(min), float(max)), x)


def contiguous(x: Any) -> Variable:
    """`x`."""
    return apply(nn.Contiguous(), x)


def square(x: Any) -> Variable:
    """x * x."""
    return apply(nn.Square(), x)


def sqrt(x: Any) -> Variable:
    """Square roots."""
    return apply(nn.Sqrt(), x)


def exp(x: Any) -> Variable:
    """Exponentials."""
    return apply(nn.Exp(), x)


def maximum(x: Any, y: Any) -> Variable:
    """The larger of two variables, or of a variable and a number, by element."""
    if isinstance(y, NUMBERS):
        return clip(x, y, float(np.finfo(np.float32).max))
    return apply(nn.CMaxTable(), x, y)


def log(x: Any) -> Variable:
    """Natural logarithms."""
    return apply(nn.Log(), x)


def pow(x: Any, a: float) -> Variable:
    """x ** a."""
    return apply(nn.Power(float(a)), x)


def epsilon() -> float:
    """A small number, to divide by."""
    return EPSILON


def neg(x: Any) -> Variable:
    """-x."""
    return apply(nn.Negative(), x)


def softsign(x: Any) -> Variable:
    """x / (1 + |x|)."""
    return apply(nn.SoftSign(), x)


def softplus(x: Any) -> Variable:
    """log(1 + exp(x))."""
    return apply(nn.SoftPlus(), x)


def mm(x: Any, y: Any, axes: Any = None) -> Variable:
    """Products of matrices in the last two dimensions; `axes` are the two to multiply along, from 0."""
    shapes = [x.as_variable().output_shape, y.as_variable().output_shape]
    rank = max(len(shape) for shape in shapes)
    if rank > 4 or rank < 2:
        raise ArgumentError(f"mm takes variables of 2 to 4 dimensions, received shapes {shapes}.")
    transposed = (False, False)
    if axes is not None:
        if len(axes) != 2 or any(not rank - 2 <= axis < rank for axis in axes):
            raise ArgumentError(f"mm has axes={axes}: give two from {rank - 2} to {rank - 1}.")
        transposed = (axes[0] != rank - 1, axes[1] == rank - 1)
    return apply(nn.MM(*transposed), x, y)


def erf(x: Any) -> Variable:
    """The error function."""
    return apply(Layer(make("Erf"), "float"), x)


class Lambda(kbase.ZooKerasCreator):
    """A function of variables as a layer."""

    def __init__(self, function: Any, input_shape: Any = None, bigdl_type: str = "float") -> None:
        self.function = function
        self.input_shape = input_shape
        self.bigdl_type = bigdl_type

    def __call__(self, x: Any = None) -> Variable:
        """What the function gives for one variable or several."""
        given = variables(x)
        return self.create([node.output_shape[1:] for node in given])(given)

    def create(self, input_shapes: Any) -> LambdaLayer:
        """The layer for inputs of these shapes (without the batch)."""
        shapes = toMultiShape(input_shapes)
        inputs = [Variable(shape) for shape in shapes]
        return LambdaLayer(inputs, self.function(*inputs), shapes)


class LambdaLayer(kbase.ZooKerasLayer):
    """The layer of an expression."""

    def __init__(self, input_vars: Any, out_var: Any, input_shape: Any = None, **kwargs: Any) -> None:
        self._ends = variables(input_vars), variables(out_var)
        self.begin({**locals(), "input_shape": None})
        shapes = [node.output_shape for node in self._ends[0]]
        self.connect(shapes[0] if len(shapes) == 1 else shapes)

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return Layer(graph(*self._ends)[0], "float")


class Parameter(kbase.ZooKerasLayer, VariableOperator):  # type: ignore[misc]  # as BigDL's, it is both
    """A trained array in expressions, uniform between -0.05 and 0.05 at first; `shape` has no batch in front."""

    def __init__(
        self, shape: Any, init_method: Any = None, init_weight: Any = None, trainable: bool = True, **kwargs: Any
    ) -> None:
        self._variable = value_node("Parameter", shape, kwargs.get("name"))
        layer = self._variable.layer
        assert layer is not None  # noqa: S101  (for the type checker: value_node gives one)
        super().__init__(layer.value, **kwargs)
        spec = Spec(tuple(shape), uniform(0.05))
        if init_weight is not None:
            self.set_weight(init_weight)
        elif init_method is not None:
            self.value.parameters["weight"] = initial(init_method).initial(spec)
        self.value.frozen = not trainable

    def as_variable(self) -> Variable:
        """See `VariableOperator`."""
        return self._variable

    @property
    def shape(self) -> Any:
        """The shape of the array."""
        return self.get_weight().shape

    def get_weight(self) -> Array:
        """The array."""
        return self.value.parameters["weight"]

    def set_weight(self, value: Any) -> None:
        """Sets the array."""
        self.set_weights([np.asarray(value, np.float32)])


class Constant(kbase.ZooKerasCreator, VariableOperator):
    """An array in expressions that is not trained."""

    def __init__(self, data: Any, name: str | None = None, bigdl_type: str = "float") -> None:
        self.data = np.asarray(data, np.float32)
        self._variable = value_node("Constant", self.data.shape, name)
        layer = self._variable.layer
        assert layer is not None  # noqa: S101  (for the type checker: value_node gives one)
        layer.value.states["value"] = self.data
        super().__init__(layer.value, bigdl_type)

    def as_variable(self) -> Variable:
        """See `VariableOperator`."""
        return self._variable


class CustomLoss(LossFunction):
    """The mean over rows of a function of (y_true, y_pred), both variables.

    Example:
        >>> loss = CustomLoss(lambda y_true, y_pred: mean(abs(y_true - y_pred), axis=1), [2])
        >>> loss.forward(np.zeros((1, 2)), np.array([[1.0, 2.0]]))
        1.5
    """

    def __init__(self, loss_func: Any, y_pred_shape: Any, y_true_shape: Any = None) -> None:
        y_true = Variable(y_true_shape if y_true_shape else y_pred_shape)
        y_pred = Variable(y_pred_shape)
        module, _ = graph([y_true, y_pred], variables(loss_func(y_true, y_pred)))
        super().__init__(Module("Expression", children=[module]), "float")

    def forward(self, y_true: Any, y_pred: Any) -> float:
        """The loss of arrays."""
        return super().forward(y_pred, y_true)

    def backward(self, y_true: Any, y_pred: Any) -> Any:
        """The gradient for `y_pred`."""
        return super().backward(y_pred, y_true)
