"""What all Keras-style layers of BigDL can do: they are made of Torch-style ones once their input is known."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from sparkdl.bigdl.keras.variables import Variable, apply, open_batch, with_batch
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.nn.layers.printing import head
from sparkdl.bigdl.util.bridge import callBigDlFunc as callZooFunc  # noqa: F401
from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.bigdl.util.common import JavaValue
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.module import Array, Module
from sparkdl.nn.torch.shapes import Shapes, output_shape

_KEYWORDS = frozenset({"name", "bigdl_type"})


class ZooKerasCreator(JavaValue):
    """The base of what is named like something in Keras."""

    def jvm_class_constructor(self) -> str:
        """What the function that made the counterpart in Java was called."""
        return "createZooKeras" + type(self).__name__


class ZooCallable:
    """What gives a variable when it is called with variables."""

    def __call__(self, x: Any = None) -> Variable:
        """The variable that this layer gives for one, or for a list (table) of them."""
        assert isinstance(self, Layer)  # noqa: S101  (for the type checker: only layers are callable)
        return apply(self, *(x if isinstance(x, (list, tuple)) else [x]))


class InferShape(JavaValue):
    """What knows the shapes of its input and output."""

    _taken: Shapes = None
    _given: Shapes = None

    def __init__(self, bigdl_type: str = "float") -> None:
        self.bigdl_type = bigdl_type

    def get_input_shape(self) -> Shapes:
        """The shape of the input, None for the batch; a list of them for a table.

        Raises:
            ArgumentError: it is not known yet.
        """
        return open_batch(self._known(self._taken))

    def get_output_shape(self) -> Shapes:
        """The shape of the output, None for the batch; a list of them for a table.

        Raises:
            ArgumentError: it is not known yet.
        """
        return open_batch(self._known(self._given))

    def _known(self, shape: Shapes) -> Shapes:
        if shape is None:
            raise ArgumentError(
                f"{type(self).__name__} does not know its shape yet: give it input_shape (the sizes of one row), add "
                "it to a model, or call it with a variable."
            )
        return shape


class ZooKerasLayer(ZooKerasCreator, ZooCallable, Layer, InferShape):
    """A layer that is made of Torch-style layers when the shape of its input is known.

    Attributes:
        a: what it was constructed with.
        RANKS: the numbers of dimensions, the batch included, that its input may have; () for any.

    Example:
        >>> import numpy as np
        >>> from sparkdl.bigdl.keras.layers import Dense
        >>> layer = Dense(3, input_shape=(2,))
        >>> layer.get_output_shape(), [weight.shape for weight in layer.get_weights()]
        ((None, 3), [(3, 2), (3,)])
    """

    RANKS: tuple[int, ...] = ()
    a: SimpleNamespace

    def __init__(self, jvalue: Any, *args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in _KEYWORDS:
                raise ArgumentError(f"{type(self).__name__} has no argument {name!r}.")
        # The layers that it will be made of become the children of this module, which others may already refer to.
        module = jvalue if isinstance(jvalue, Module) else Module("Sequential")
        module.name = kwargs.get("name") or module.name or f"{type(self).__name__}{uuid.uuid4().hex[:8]}"
        Layer.__init__(self, module, kwargs.get("bigdl_type") or "float")

    def __str__(self) -> str:
        return head(type(self).__name__, self.name())

    def begin(self, arguments: Mapping[str, Any]) -> None:
        """Keeps what the constructor was given (`locals()`), and makes the layer if its input is known."""
        given = {name: value for name, value in arguments.items() if name not in ("self", "__class__", "kwargs")}
        ZooKerasLayer.__init__(self, None, **arguments.get("kwargs", {}))
        shape = given.pop("input_shape", None)
        self.a = SimpleNamespace(**given)
        if shape:
            self.connect(with_batch(shape))

    def refuse(self, condition: bool, why: str) -> None:
        """Raises ArgumentError where the condition holds.

        Args:
            condition: whether arguments cannot be had.
            why: the rest of the sentence behind the name of the class.
        """
        if condition:
            raise ArgumentError(f"{type(self).__name__} {why}.")

    def build(self, shape: Any) -> Layer:
        """The Torch-style layer that does the work, for an input of a shape (the batch included)."""
        raise NotImplementedError(f"{type(self).__name__} has no build(shape).")

    def connect(self, shape: Shapes) -> Shapes:
        """The shape of the output for an input of a shape, batches included; the first one decides the weights."""
        if self._taken is None:
            self._check_rank(shape)
            self._make(shape)
        return self._given if shape == self._taken else output_shape(self.value, shape)

    def _make(self, shape: Shapes) -> None:
        made = self.build(shape).value
        for module in made.walk():
            module.training, module.frozen = self.value.training, module.frozen or self.value.frozen
        self.value.children = [made]
        self._taken, self._given = shape, output_shape(self.value, shape)

    def _check_rank(self, shape: Shapes) -> None:
        if self.RANKS and (isinstance(shape, list) or len(shape) not in self.RANKS):
            ranks = " or ".join(map(str, self.RANKS))
            raise DataError(
                f"{self.name()} ({type(self).__name__}) cannot take a value of shape {shape} (None is the batch): its "
                f"input has {ranks} dimensions, the batch included."
            )

    def forward(self, input: Any) -> Any:
        """The output for an array, or a list (table) of them; kept for `backward`."""
        if self._taken is None:
            self.connect(_shape_of(input))
        return super().forward(input)

    def get_weights_shape(self) -> list[tuple[int, ...]]:
        """The shapes of the weights, in the order of `get_weights`."""
        return [module.parameters[name].shape for module, name in self.value.weights()]

    def set_weights(self, weights: Any) -> None:
        """Sets the weights, in the order and with the shapes of `get_weights`.

        Raises:
            ArgumentError: if their number or a shape differs.
        """
        given: list[Array] = [np.asarray(weight) for weight in weights]
        expected = self.get_weights_shape()
        if [weight.shape for weight in given] != expected:
            raise ArgumentError(
                f"{self.name()} has weights of shapes {expected} and was given {[weight.shape for weight in given]}."
            )
        super().set_weights(given)

    @classmethod
    def of(cls, jvalue: Any, bigdl_type: str = "float") -> ZooKerasLayer:
        """A layer of a module."""
        return ZooKerasLayer(jvalue, bigdl_type=bigdl_type)


def _shape_of(value: Any) -> Shapes:
    if isinstance(value, (list, tuple)) and any(np.ndim(part) > 0 for part in value):
        return [_shape_of(part) for part in value]
    return (None, *np.shape(value)[1:])
