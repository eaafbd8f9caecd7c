"""Calls of compiled TensorFlow functions with as little Python as TensorFlow lets one have."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import ops

logger = logging.getLogger("sparkdl")

_LOOPS = frozenset({"While", "StatelessWhile"})
_PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
_MOST_SIZES = 8


@dataclass(frozen=True)
class _Compiled:
    """A compiled function, called past TensorFlow's checks, and what it captured."""

    call: Callable[[list[Any]], list[tf.Tensor]]
    captured: list[Any]
    loops: bool
    calls_python: bool
    by_xla: bool

    @classmethod
    def trace(
        cls, step: Callable[..., list[tf.Tensor]], signature: Sequence[tf.TensorSpec], jit_compile: bool = False
    ) -> _Compiled:
        function = tf.function(step, input_signature=list(signature), autograph=False, jit_compile=jit_compile or None)
        concrete = function.get_concrete_function()
        kinds = {operation.type for operation in concrete.graph.get_operations()}
        call = concrete._inference_function.call_preflattened
        return cls(call, list(concrete.captured_inputs), bool(kinds & _LOOPS), bool(kinds & _PYTHON), jit_compile)


class CompiledStep:
    """A function of tensors, compiled at its first call (or run eagerly), that takes arrays without a copy.

    The public call of a `tf.function` costs 0.1 to 0.3 ms of checks and copies, as much as a step of a small
    model; the dtypes and shapes here are those of the columns, checked before. A function with loops in it
    (recurrent layers) is compiled for each number of rows: where the shapes are not known, the gradient of a
    loop computes them at every turn, a tenth of the step of a small LSTM. So is one that XLA compiles.

    Args:
        step: takes one tensor per entry of the signature, returns a list of tensors.
        signature: their specs; a leading None is the number of rows.
        eager: whether to run it without compiling.
        jit_compile: whether XLA compiles it, if it can: it cannot where Python functions are called.

    Example:
        >>> double = CompiledStep(lambda x: [2.0 * x], [tf.TensorSpec((None,), tf.float32)])
        >>> double([np.ones(2, "float32")])[0].numpy().tolist()
        [2.0, 2.0]
    """

    def __init__(
        self,
        step: Callable[..., list[tf.Tensor]],
        signature: Sequence[tf.TensorSpec],
        eager: bool = False,
        jit_compile: bool = False,
    ) -> None:
        self._step = step
        self._signature = list(signature)
        self._eager = eager
        self._jit_compile = jit_compile
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
        if compiled.loops or self._jit_compile:
            compiled = self._for_rows(len(arrays[0]))
        try:
            return compiled.call(tensors + compiled.captured)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if not compiled.by_xla:
                raise
            self._leave_xla(str(error))
            return self(arrays)

    def _for_rows(self, rows: int) -> _Compiled:
        if rows not in self._by_rows:
            if len(self._by_rows) == _MOST_SIZES:
                return self.trace()
            if self._jit_compile and self.trace().calls_python:
                self._leave_xla("it calls Python functions, as for sums over all workers of weights or masks")
            signature = [_with_rows(spec, rows) for spec in self._signature]
            self._by_rows[rows] = _Compiled.trace(self._step, signature, self._jit_compile)
        return self._by_rows[rows]

    def _leave_xla(self, reason: str) -> None:
        logger.warning("XLA cannot compile a step, which runs without it: %s", " ".join(reason.split())[:500])
        self._jit_compile = False
        self._by_rows.clear()


def _with_rows(spec: tf.TensorSpec, rows: int) -> tf.TensorSpec:
    shape = spec.shape.as_list()
    return tf.TensorSpec([rows, *shape[1:]] if shape and shape[0] is None else shape, spec.dtype)
