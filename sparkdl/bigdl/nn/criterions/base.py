"""What all criterions of BigDL can do, and how their arguments become modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.nn.layers.base import Layer, plain
from sparkdl.bigdl.nn.layers.values import arrays, outcome
from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.errors import ArgumentError
from sparkdl.nn.torch.criterions.loss import criterion_kind, loss_and_gradient
from sparkdl.nn.torch.module import Module

_PLUMBING = frozenset({"self", "__class__", "bigdl_type", "jvalue"})


def describe(kind: str, arguments: Mapping[str, Any], children: Sequence[Criterion | Layer] = ()) -> Module:
    """The module of what a criterion's constructor was given.

    Args:
        kind: the name of the criterion's kind.
        arguments: `locals()` of the constructor; criterions and layers among them are its children instead.
        children: those, in the order that the kind expects.
    """
    criterion_kind(kind)
    given = {
        name: plain(value)
        for name, value in arguments.items()
        if name not in _PLUMBING and not isinstance(value, (Criterion, Layer))
    }
    return Module(kind, given, [child.value for child in children])


class Criterion(JavaValue):
    """A loss with its gradient, computed on arrays, and minimised by an `Optimizer`.

    Attributes:
        value: the module.

    Example:
        >>> import numpy as np
        >>> from sparkdl.bigdl.nn.criterion import MSECriterion
        >>> criterion = MSECriterion()
        >>> criterion.forward(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
        2.0
        >>> criterion.backward(np.array([1.0, 3.0]), np.array([1.0, 1.0])).tolist()
        [0.0, 2.0]
    """

    value: Module
    bigdl_type: str

    def __init__(self, jvalue: Any, bigdl_type: str, *args: Any) -> None:
        if not isinstance(jvalue, Module):
            raise ArgumentError(
                f"{type(self).__name__} was given a {type(jvalue).__name__} for its module: a criterion of your own is "
                "made of criterions (MultiCriterion, TransformerCriterion), as there is no class in Java behind it."
            )
        self.value = jvalue
        self.bigdl_type = bigdl_type

    def __str__(self) -> str:
        return f"nn.{self.value.kind}"

    def forward(self, input: Any, target: Any) -> float:
        """The loss of an array, or a list (table) of them, and a target; labels count from 1."""
        found = loss_and_gradient(self.value, arrays(input), arrays(target))[0]
        return float(str(np.float32(found)))  # the shortest number that is the same float32, as Java's is written

    def backward(self, input: Any, target: Any) -> Any:
        """The gradient of the loss for the input."""
        return outcome(loss_and_gradient(self.value, arrays(input), arrays(target))[1])

    @classmethod
    def of(cls, jcriterion: Any, bigdl_type: str = "float") -> Criterion:
        """A criterion of a module."""
        return Criterion(jcriterion, bigdl_type)
