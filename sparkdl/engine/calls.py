"""Calls of compiled TensorFlow functions with as little Python as TensorFlow lets one have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import ops

_LOOPS = frozenset({"While", "StatelessWhile"})
_MOST_SIZES = 8


@dataclass(frozen=True)
class _Compiled:
    """A compiled function, called past TensorFlow's checks, and what it captured."""

    call: Callable[[list[Any]], list[tf.Tensor]]
    captured: list[Any]
    loops: bool

    @classmethod
    def trace(cls, step: Callable[..., list[tf.Tensor]], signature: Sequence[tf.TensorSpec]) -> _Compiled:
        concrete = tf.function(step, input_signature=list(signature), autograph=False).get_concrete_function()
        loops = any(operation.type in _LOOPS for operation in concrete.graph.get_operations())
        return cls(concrete._inference_function.call_preflattened, list(concrete.captured_inputs), loops)


class CompiledStep:
    """A function of tensors, compiled at its first call (or run eagerly), that takes arrays without a copy.

    The public call of a `tf.function` costs 0.1 to 0.3 ms of checks and copies, as much as a step of a small
    model; the dtypes and shapes here are those of the columns, checked before. A function with loops in it
    (recurrent layers) is compiled for each number of rows: where the shapes are not known, the gradient of a
    loop computes them at every turn, a tenth of the step of a small LSTM.

    Args:
        step: takes one tensor per entry of the signature, returns a list of tensors.
        signature: their specs; a leading None is the number of rows.
        eager: whether to run it without compiling.

    Example:
        >>> double = CompiledStep(lambda x: [2.0 * x], [tf.TensorSpec((None,), tf.float32)])
        >>> double([np.ones(2, "float32")])[0].numpy().tolist()
        [2.0, 2.0]
    """

    def __init__(
        self, step: Callable[..., list[tf.Tensor]], signature: Sequence[tf.TensorSpec], eager: bool = False
    ) -> None:
        self._step = step
        self._signature = list(signature)
        self._eager = eager
        context.ensure_initialized()  # tensors are made below past the functions that would see to it
        self._device = context.context().device_name
        self._any_rows: _Compiled | None = None
        self._by_rows: dict[int, _Compiled] = {}

    def trace(self) -> _Compiled:
        """Compiles the step for any number of rows."""
        if self._any_rows is None:
            self._any_rows = _Compiled.trace(self._step, self._signature)
        return self._any_rows

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[tf.Tensor]:
        """Runs the step on arrays that stay as they are until it returns."""
        tensors = [ops.EagerTensor(array, self._device, None) for array in arrays]
        if self._eager:
            return self._step(*tensors)
        compiled = self.trace()
        if compiled.loops:
            compiled = self._for_rows(len(arrays[0]))
        return compiled.call(tensors + compiled.captured)

    def _for_rows(self, rows: int) -> _Compiled:
        if rows not in self._by_rows:
            if len(self._by_rows) == _MOST_SIZES:
                return self.trace()
            self._by_rows[rows] = _Compiled.trace(self._step, [_with_rows(spec, rows) for spec in self._signature])
        return self._by_rows[rows]


def _with_rows(spec: tf.TensorSpec, rows: int) -> tf.TensorSpec:
    shape = spec.shape.as_list()
    return tf.TensorSpec([rows, *shape[1:]] if shape and shape[0] is None else shape, spec.dtype)
