"""Sums over workers in the middle of a TensorFlow step."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import numpy as np
import tensorflow as tf


class Exchange:
    """Calls a Python function between the forward and the backward pass, and keeps its exception.

    TensorFlow would turn an exception of the function into its own UnknownError: run the step in
    `with exchange:`, and the exception itself comes out.

    Args:
        sum_over_workers: float64 (n,) to the sum over all workers.
    """

    def __init__(self, sum_over_workers: Callable[[np.ndarray], np.ndarray]) -> None:
        self._sum_over_workers = sum_over_workers
        self._caught = _Caught()

    def summed(self, values: tf.Tensor) -> tf.Tensor:
        """The sum of a float64 vector over all workers, as part of the step that is being traced."""
        total = tf.numpy_function(self._call, [values], tf.float64)
        total.set_shape(values.shape)
        return total

    def zeros(self, length: int) -> None:
        """The same exchange, of a worker that has no rows in the step."""
        if length:
            self._sum_over_workers(np.zeros(length))

    def _call(self, values: np.ndarray) -> np.ndarray:
        with self._caught:
            return np.asarray(self._sum_over_workers(values), np.float64)

    def __enter__(self) -> None:
        self._caught.error = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        caught, self._caught.error = self._caught.error, None
        if caught is not None and error is not None:
            raise caught from None


class _Caught:
    """Remembers the exception that leaves its block."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.error = error
