"""Applies trees of criterions to tensors and arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from sparkdl.errors import UnsupportedError
from sparkdl.nn.torch.criterions import KINDS
from sparkdl.nn.torch.criterions.kinds import Call, Kind, Reduction
from sparkdl.nn.torch.eager import Eager, Value, flat_tensors, to_arrays, to_tensors
from sparkdl.nn.torch.module import Module


def criterion_kind(name: str) -> Kind:
    """The kind of criterion of that name.

    Raises:
        UnsupportedError: if there is none.
    """
    if name not in KINDS:
        raise UnsupportedError(f"there is no criterion {name!r} here; known are {', '.join(sorted(KINDS))}.")
    return KINDS[name]


class _Fixed(Eager):
    """Runs the modules inside criterions, which are not trained with the model and keep what they hold."""

    def set_state(self, module: Module, name: str, value: Any) -> None:
        """Nothing."""


@dataclass(frozen=True)
class _Runner:
    """See `sparkdl.nn.torch.criterions.kinds.Runner`."""

    def loss(self, module: Module, output: Any, target: Any) -> Any:
        kind = criterion_kind(module.kind)
        return kind.call(Call(module, self, kind.arguments(module)), output, target)

    def losses(self, module: Module, output: Any, target: Any) -> Any:
        kind = criterion_kind(module.kind)
        if kind.steps is not None and output.shape.rank == 3:
            return kind.steps(Call(module, self, kind.arguments(module)), output, target)
        count = output.shape[0] if output.shape[0] is not None else target.shape[0]
        if count is None:
            return tf.map_fn(lambda step: self.loss(module, *step), (output, target), fn_output_signature=output.dtype)
        steps = zip(tf.unstack(output, count), tf.unstack(target, count), strict=True)
        return tf.stack([self.loss(module, *step) for step in steps])

    def apply(self, module: Module, value: Any) -> Any:
        weights = {(id(part), name): tf.constant(part.parameters[name]) for part, name in module.weights()}
        return _Fixed(weights).apply(module, value)


def loss(module: Module, output: Any, target: Any) -> Any:
    """The loss of a criterion, a scalar tensor whose gradient for the output is Torch's.

    Works eagerly and inside a `tf.function`.

    Args:
        module: the criterion.
        output: float tensor [batch, ...] or a list of them (a table), as the criterion wants it.
        target: tensor of labels, which count from 1, or of values; or a list of them.

    Raises:
        DataError: if shapes or labels do not fit (labels inside a `tf.function`: TensorFlow's InvalidArgumentError).

    Example:
        >>> loss(Module("MSECriterion"), tf.constant([[1.0, 3.0]]), tf.constant([[1.0, 1.0]])).numpy().item()
        2.0
    """
    return _Runner().loss(module, output, target)


def reduction(module: Module) -> Reduction:
    """How the loss of a batch follows from the losses of its parts; see `Kind`.

    Example:
        >>> reduction(Module("MSECriterion")), reduction(Module("AbsCriterion", {"size_average": False}))
        ('mean', 'sum')
    """
    kind = criterion_kind(module.kind)
    own = kind.reduction(kind.arguments(module))
    if own is not None:
        return own
    found = {reduction(child) for child in module.children if child.kind in KINDS}
    return found.pop() if len(found) == 1 and found <= {"mean", "sum"} else "mixed"


def weight(module: Module, output: Any, target: Any) -> Any:
    """What the loss of these rows counts for in the loss of a larger batch, where the reduction is "weighted".

    Returns:
        A scalar tensor: the loss of a batch is the mean of its parts' losses by these weights.

    Example:
        >>> weight(Module("ClassNLLCriterion"), tf.zeros([3, 2]), tf.constant([1, 2, -1])).numpy().item()
        2.0
    """
    kind = criterion_kind(module.kind)
    if kind.weight is None:
        raise UnsupportedError(f"{module.kind} has no weights of rows: its reduction is {reduction(module)!r}.")
    return kind.weight(Call(module, _Runner(), kind.arguments(module)), output, target)


def loss_and_gradient(module: Module, output: Value, target: Value) -> tuple[float, Value]:
    """The loss of arrays, and its gradient for the output.

    Args:
        module: the criterion.
        output: an array or a list of them.
        target: an array or a list of them.

    Example:
        >>> import numpy as np
        >>> loss_and_gradient(Module("AbsCriterion"), np.array([3.0, 1.0]), np.array([1.0, 2.0]))
        (1.5, array([ 0.5, -0.5], dtype=float32))
    """
    outputs, targets = to_tensors(output), to_tensors(target)
    with tf.GradientTape() as tape:
        tape.watch(flat_tensors(outputs))
        value = loss(module, outputs, targets)
    gradient = tape.gradient(value, outputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return float(value), to_arrays(gradient)
