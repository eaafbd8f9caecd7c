"""Hands over gradients bucket by bucket while the backward pass goes on."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.collective.runs import Runs
from sparkdl.engine.gradients import flatten_gradients, gradient_pieces, writable
from sparkdl.types import Arrived, FlatVector, WeightLayout

FLOAT32 = np.dtype(np.float32)


class GradientStream:
    """The flat gradient: whole, in runs, or filled from its end to its beginning as a backward pass computes it.

    TensorFlow runs first what became ready last, so a function that waits for a gradient would be called when all is
    done. Here each bucket's gradients must be handed over before the backward pass goes on to those of the bucket
    before it. That order costs nothing (on one thread something has to be computed first), and frees memory sooner.

    Args:
        layout: of the flat vector.
        buckets: as in `sparkdl.types.Updater`; each begins where a variable does. A single one is not handed over.
        in_runs: whether the gradient of a single bucket stays as TensorFlow has it, an array for each variable; to put
            them together would be a copy.

    Attributes:
        arrived: is told of each bucket in the step that runs.
    """

    def __init__(self, layout: WeightLayout, buckets: Sequence[Sequence[int]] = (), in_runs: bool = False) -> None:
        self.arrived: Arrived | None = None
        self._layout = layout
        self._buckets = [_Bucket(layout, bounds[0], bounds[-1]) for bounds in buckets] if len(buckets) > 1 else []
        self._filled = np.zeros(layout.length if self._buckets else 0, np.float32)
        self._in_runs = in_runs and not self._buckets
        self._zeros: list[np.ndarray | None] = []  # for each run: those that it consists of, or None

    def outputs(self, gradients: Sequence[Any], scalars: tf.Tensor) -> list[tf.Tensor]:
        """What the step that is being traced (or run eagerly) has to return: the gradient, if it is whole, and scalars.

        Args:
            gradients: a tensor, IndexedSlices or None for each variable of the layout.
            scalars: what else the step has computed, float64.
        """
        if self._in_runs:
            pieces = gradient_pieces(gradients, self._layout)
            self._zeros = [_zeros(piece) if isinstance(piece, int) else None for piece in pieces]
            return [*(piece for piece in pieces if not isinstance(piece, int)), scalars]
        if not self._buckets:
            return [flatten_gradients(gradients, self._layout), scalars]
        # TensorFlow drops what nobody needs: the scalars need the zeros that handing over returns.
        return [scalars + tf.add_n([tf.zeros((), tf.float64), *self._hand_over(gradients)])]

    def vector(self, outputs: Sequence[tf.Tensor]) -> FlatVector:
        """The gradient of the step that returned these outputs, float32 (layout.length,), until the next step."""
        if self._in_runs:
            computed = iter(outputs)
            return Runs([np.asarray(next(computed)) if zeros is None else zeros for zeros in self._zeros], FLOAT32)
        return self._filled if self._buckets else writable(outputs[0])

    def _hand_over(self, gradients: Sequence[Any]) -> list[tf.Tensor]:
        order = None if tf.executing_eagerly() else _Order(tf.compat.v1.get_default_graph())
        handed: list[tf.Tensor] = []
        untouched: list[int] = []
        for number in reversed(range(len(self._buckets))):
            bucket = self._buckets[number]
            inside = gradients[bucket.variables]
            if all(gradient is None for gradient in inside):
                untouched.append(number)
                continue
            piece = flatten_gradients(inside, bucket.layout)
            take = functools.partial(self._take, (*untouched, number))
            # Stateless: TensorFlow would otherwise let it wait for all that the backward pass does to its state.
            handed.append(tf.numpy_function(take, [piece], tf.float64, stateful=False))
            untouched = []
            if order is not None:
                order.append(piece.op, handed[-1].op)
        return handed

    def _take(self, numbers: tuple[int, ...], piece: np.ndarray) -> np.float64:
        bucket = self._buckets[numbers[-1]]
        self._filled[bucket.begin : bucket.end] = piece
        if self.arrived is not None:
            for number in numbers:
                self.arrived(self._filled, number)
        return np.float64(0.0)


def _zeros(count: int) -> np.ndarray:
    zeros = np.zeros(count, np.float32)
    zeros.flags.writeable = False  # they are those of all steps
    return zeros


class _Bucket:
    """Which variables lie in a bucket, and where they lie in it."""

    def __init__(self, layout: WeightLayout, begin: int, end: int) -> None:
        self.begin, self.end = begin, end
        inside = [index for index, spec in enumerate(layout.variables) if begin <= spec.offset < end]
        self.variables = slice(inside[0], inside[-1] + 1)
        moved = [replace(spec, offset=spec.offset - begin) for spec in layout.variables[self.variables]]
        self.layout = WeightLayout(tuple(moved), end - begin)


class _Order:
    """Puts parts of a graph in order: what one of them needs, beyond what the ones before it need, waits for these."""

    def __init__(self, graph: tf.Graph) -> None:
        # Operations with state will be run in the order in which they were made.
        stateful = [operation for operation in graph.get_operations() if operation._is_stateful]
        self._before = dict(zip(stateful[1:], stateful, strict=False))
        self._earlier: set[Any] = set()
        self._last: Any = None

    def append(self, result: Any, end: Any) -> None:
        """Adds the part that computes `result`; the next one waits for `end`, which uses the result."""
        needed: set[Any] = set()
        queue = [result]
        while queue:
            operation = queue.pop()
            if operation in needed or operation in self._earlier:
                continue
            needed.add(operation)
            queue += [tensor.op for tensor in operation.inputs]
            queue += operation.control_inputs
            queue += [self._before[operation]] if operation in self._before else []
        for operation in needed if self._last is not None else ():
            if operation.inputs and all(tensor.op not in needed for tensor in operation.inputs):
                operation._add_control_input(self._last)
        self._earlier |= needed | {end}
        self._last = end
