"""Recurrent layers over streams that begin anew within a batch: time first, and a mark where a sequence goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops


class _Streams(keras.layers.Layer):
    """What both layers below have in common.

    Called on values (steps, streams, ...), on marks (steps, streams) that are 0 where a sequence begins and 1 where it
    goes on, and optionally on values (streams, ...) that stay the same. Every stream begins with a state of zeros; with
    `stateful_ends` with states (1, streams, units) that come last among the inputs, and the states at the end follow
    the result.

    Args:
        units: the size of the state.
        kernel_initializer: how all matrices start.
        bias_initializer: how all vectors start.
        stateful_ends: see above.
    """

    gates = states = 1

    def __init__(
        self,
        units: int,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        stateful_ends: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.stateful_ends = units, stateful_ends
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "stateful_ends": self.stateful_ends,
        }

    def matrix(self, rows: int, columns: int, name: str) -> Any:
        """A new matrix of weights."""
        # A copy each time: Keras's initializers with a seed of their own repeat themselves.
        return self.add_weight((rows, columns), self.kernel_initializer.clone(), name=name)

    def vector(self, size: int, name: str) -> Any:
        """A new vector of weights."""
        return self.add_weight((size,), self.bias_initializer, name=name)

    def build(self, shapes: Sequence[Sequence[int]]) -> None:
        wide = self.gates * self.units
        self.kernel = self.matrix(_size(shapes[0][2:]), wide, "kernel")
        self.bias = self.vector(wide, "bias")
        self.static_kernel = None
        if len(shapes) > 2 + self.states * self.stateful_ends:
            self.static_kernel = self.matrix(_size(shapes[2][1:]), wide, "static_kernel")
        self.recurrent_kernel = self.matrix(self.units, wide, "recurrent_kernel")

    def driven(self, inputs: Sequence[Any]) -> Any:
        """What the inputs of all steps add to the gates."""
        values = inputs[0]
        flat = ops.reshape(values, (-1, values.shape[1] or ops.shape(values)[1], self.kernel.shape[0]))
        drive = ops.matmul(flat, self.kernel) + self.bias
        if self.static_kernel is None:
            return drive
        return drive + ops.matmul(ops.reshape(inputs[2], (-1, self.static_kernel.shape[0])), self.static_kernel)

    def begin(self, inputs: Sequence[Any], drive: Any) -> list[Any]:
        """The states before the first step."""
        if self.stateful_ends:
            return [ops.reshape(state, (-1, self.units)) for state in inputs[-self.states :]]
        return [ops.zeros_like(drive[0, :, : self.units])] * self.states

    def ended(self, result: Any, *states: Any) -> Any:
        """The result, and the last of the states of all steps where they are asked for."""
        return [result, *(state[-1:] for state in states)] if self.stateful_ends else result

    def compute_output_spec(self, inputs: Sequence[Any]) -> Any:
        result = keras.KerasTensor((*inputs[0].shape[:2], self.units), self.compute_dtype)
        if not self.stateful_ends:
            return result
        shape = (1, inputs[0].shape[1], self.units)
        return [result, *(keras.KerasTensor(shape, self.compute_dtype) for _ in range(self.states))]


def _size(shape: Sequence[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


@keras.saving.register_keras_serializable("sparkdl")
class StreamLSTM(_Streams):
    """LSTM with the gates input, forget, output and candidate.

    Example:
        >>> layer = StreamLSTM(3)
        >>> layer([keras.ops.ones((5, 2, 4)), keras.ops.ones((5, 2))]).shape
        TensorShape([5, 2, 3])
    """

    gates, states = 4, 2

    def call(self, inputs: Sequence[Any]) -> Any:
        drive = self.driven(inputs)

        def step(state: tuple[Any, Any], now: tuple[Any, Any]) -> tuple[Any, Any]:
            (hidden, cell), (added, goes_on) = state, now
            mark = ops.expand_dims(goes_on, -1)
            cell, hidden = lstm_unit(cell, added + ops.matmul(hidden * mark, self.recurrent_kernel), mark)
            return hidden, cell

        hidden, cells = tf.scan(step, (drive, inputs[1]), tuple(self.begin(inputs, drive)))
        return self.ended(hidden, hidden, cells)


def lstm_unit(cell: Any, gates: Any, mark: Any) -> tuple[Any, Any]:
    """The next cell state and the hidden state, from the sums of the gates (input, forget, output, candidate)."""
    into, keep, out, new = ops.split(gates, 4, axis=-1)
    cell = mark * ops.sigmoid(keep) * cell + ops.sigmoid(into) * ops.tanh(new)
    return cell, ops.sigmoid(out) * ops.tanh(cell)


@keras.saving.register_keras_serializable("sparkdl")
class StreamLSTMUnit(keras.layers.Layer):
    """One step of an LSTM: from cell states, sums of gates and marks to cell states and hidden states.

    Example:
        >>> parts = [keras.ops.ones(shape) for shape in [(1, 2, 3), (1, 2, 12), (1, 2)]]
        >>> StreamLSTMUnit()(parts)[0].shape
        TensorShape([1, 2, 3])
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        return list(lstm_unit(inputs[0], inputs[1], ops.expand_dims(inputs[2], -1)))


@keras.saving.register_keras_serializable("sparkdl")
class StreamRNN(_Streams):
    """A simple recurrent layer with a layer of outputs, all with tanh.

    Example:
        >>> layer = StreamRNN(3)
        >>> layer([keras.ops.ones((5, 2, 4)), keras.ops.ones((5, 2))]).shape
        TensorShape([5, 2, 3])
    """

    def build(self, shapes: Sequence[Sequence[int]]) -> None:
        super().build(shapes)
        self.output_kernel = self.matrix(self.units, self.units, "output_kernel")
        self.output_bias = self.vector(self.units, "output_bias")

    def call(self, inputs: Sequence[Any]) -> Any:
        drive = self.driven(inputs)

        def step(hidden: Any, now: tuple[Any, Any]) -> Any:
            added, goes_on = now
            return ops.tanh(added + ops.matmul(hidden * ops.expand_dims(goes_on, -1), self.recurrent_kernel))

        states = tf.scan(step, (drive, inputs[1]), self.begin(inputs, drive)[0])
        return self.ended(ops.tanh(ops.matmul(states, self.output_kernel) + self.output_bias), states)
