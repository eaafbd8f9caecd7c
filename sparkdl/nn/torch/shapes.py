"""The shape of what a tree of modules gives, without running it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.eager import Eager
from sparkdl.nn.torch.module import Module

Shape = tuple[int | None, ...]
Shapes = Any  # a Shape, or a list (table) of Shapes


class _Tracing(Eager):
    """Runs modules on placeholders; the values of weights and states do not matter."""

    def parameter(self, module: Module, name: str) -> Any:
        """See `Runner`."""
        return tf.zeros(module.parameters[name].shape)

    def state(self, module: Module, name: str) -> Any:
        """See `Runner`."""
        return tf.zeros(module.states[name].shape)

    def set_state(self, module: Module, name: str, value: Any) -> None:
        """See `Runner`."""

    def training(self, module: Module) -> bool:
        """See `Runner`."""
        return False

    def seed(self) -> Any:
        """See `Runner`."""
        return tf.zeros([2], tf.int32)


def output_shape(module: Module, shape: Shapes) -> Shapes:
    """The shape of what a tree gives for an input of a shape.

    Args:
        module: the tree.
        shape: of the whole input, None where a size is open (the batch as a rule); a list of them for a table.

    Raises:
        DataError: if the tree cannot take such an input.

    Example:
        >>> from sparkdl.nn.torch.build import make
        >>> output_shape(make("Linear", input_size=4, output_size=3), (None, 4))
        (None, 3)
    """
    with tf.__internal__.FuncGraph("shapes").as_default():
        value = _placeholders(shape)
        try:
            return _shapes(_Tracing().apply(module, value))
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            told = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise DataError(
                f"{module.name or module.kind} cannot take a value of shape {shape} (None is the batch): {told}"
            ) from error


def _placeholders(shape: Shapes) -> Any:
    if isinstance(shape, list):
        return [_placeholders(part) for part in shape]
    return tf.compat.v1.placeholder(tf.float32, shape)


def _shapes(value: Any) -> Shapes:
    if isinstance(value, (list, tuple)):
        return [_shapes(part) for part in value]
    return tuple(value.shape.as_list())
