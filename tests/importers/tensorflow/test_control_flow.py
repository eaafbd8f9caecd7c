"""Loops, branches and arrays, of TensorFlow 1 and as functions, against TensorFlow's own session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.importers.tensorflow.oracle import Build, compare, old_control_flow, record, v1, weight

RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((3, 4)).astype("float32")
STEPS = RANDOM.standard_normal((3, 5, 4)).astype("float32")


def placeholder(name: str = "x", shape: Sequence[int | None] = (None, 4), dtype: Any = tf.float32) -> tf.Tensor:
    return v1.placeholder(dtype, shape, name=name)


class Cell:
    """A GRU-like cell, written out, because TensorFlow no longer has those of TensorFlow 1."""

    def __init__(self, name: str, inputs: int = 4, units: int = 3) -> None:
        self.state_size = self.output_size = units
        self._gates = weight(f"{name}/gates", inputs + units, units)
        self._kernel = weight(f"{name}/kernel", inputs + units, units)
        self._bias = weight(f"{name}/bias", units)

    def zero_state(self, batch_size: Any, dtype: Any) -> tf.Tensor:
        return tf.zeros([batch_size, self.state_size], dtype)

    def __call__(self, inputs: tf.Tensor, state: tf.Tensor, scope: Any = None) -> tuple[tf.Tensor, tf.Tensor]:
        gate = tf.sigmoid(tf.concat([inputs, state], 1) @ self._gates)
        new = tf.tanh(tf.concat([inputs, gate * state], 1) @ self._kernel + self._bias)
        state = gate * state + (1 - gate) * new
        return state, state


def powers() -> Sequence[tf.Tensor]:
    x, w = placeholder(), weight("w", 4, 4)
    return [v1.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(h @ w)), [0, x])[1]]


def nested() -> Sequence[tf.Tensor]:
    x, w, v = placeholder(), weight("outer/w", 4, 4), weight("inner/v", 4, 4)

    def outer(i: Any, h: Any) -> Any:
        bound = tf.tanh(h @ w)
        inner = v1.while_loop(lambda j, g: j < i, lambda j, g: (j + 1, tf.sin(g @ v) + bound), [0, h])
        return i + 1, inner[1] * 0.5

    count, last = v1.while_loop(lambda i, h: i < 4, outer, [0, x])
    return [last, count]


def until_small() -> Sequence[tf.Tensor]:
    x, w = placeholder(), weight("w", 4, 4)
    found = v1.while_loop(
        lambda h, n: tf.reduce_sum(tf.abs(h)) > 1.0, lambda h, n: (tf.tanh(h @ w) * 0.6, n + 1), [x, tf.constant(0)]
    )
    return found


def branch() -> Sequence[tf.Tensor]:
    x, w, v = placeholder(), weight("w", 4, 4), weight("v", 4, 4)
    high = tf.reduce_sum(x) > placeholder("limit", ())
    one, other = v1.cond(high, lambda: (x @ w, tf.constant(1.0)), lambda: (tf.sin(x @ v), tf.reduce_sum(x @ w)))
    return [one, other]


def nested_branches() -> Sequence[tf.Tensor]:
    x, w = placeholder(), weight("w", 4, 4)
    limit = placeholder("limit", ())
    inner = lambda: v1.cond(limit > 1.0, lambda: x @ w, lambda: v1.cond(limit > 0.5, lambda: -x, lambda: x * limit))  # noqa: E731
    first = v1.cond(limit > 0.0, inner, lambda: tf.exp(x))
    return [v1.cond(limit > 0.0, lambda: first * 2.0, lambda: first @ w), first]


def branch_in_loop() -> Sequence[tf.Tensor]:
    x, w = placeholder(), weight("w", 4, 4)
    limit = placeholder("limit", ())

    def body(i: Any, h: Any) -> Any:
        h = v1.cond(
            tf.equal(i % 2, 0), lambda: tf.tanh(h @ w), lambda: v1.cond(limit > 0, lambda: h * limit, lambda: h)
        )
        return i + 1, h

    return [v1.while_loop(lambda i, h: i < 5, body, [0, x])[1]]


def loop_in_branch() -> Sequence[tf.Tensor]:
    x, w = placeholder(), weight("w", 4, 4)

    def loop() -> Any:
        return v1.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(h @ w)), [0, x])[1]

    return [v1.cond(placeholder("limit", ()) > 0, loop, lambda: x)]


def growing() -> Sequence[tf.Tensor]:
    x, w = placeholder(), weight("w", 4, 4)
    shapes = [tf.TensorShape([]), tf.TensorShape([None, 4])]
    body = lambda i, h: (i + 1, tf.concat([h, tf.tanh(h[:3] @ w)], 0))  # noqa: E731
    return [v1.while_loop(lambda i, h: i < 3, body, [0, x], shape_invariants=shapes)[1]]


def arrays() -> Sequence[tf.Tensor]:
    x, w = placeholder(), weight("w", 4, 4)
    given = tf.TensorArray(tf.float32, 3).unstack(x)
    made = tf.TensorArray(tf.float32, 0, dynamic_size=True, clear_after_read=False)

    def body(i: Any, h: Any, made: Any) -> Any:
        h = tf.tanh(h + tf.tensordot(given.read(i), w, 1))
        return i + 1, h, made.write(i, h)

    _, last, made = v1.while_loop(lambda i, h, made: i < 3, body, [0, tf.zeros([4]), made])
    parts = tf.TensorArray(tf.float32, 2, infer_shape=False, clear_after_read=False).split(x, [1, 2])
    whole, part = tf.ensure_shape(parts.concat(), [None, 4]), tf.ensure_shape(parts.read(1), [None, 4])
    return [last, made.stack(), made.gather([2, 0]), made.size(), whole, part]


def sequence() -> Sequence[tf.Tensor]:
    x = placeholder("x", (None, 5, 4))
    return v1.nn.dynamic_rnn(
        Cell("cell"), x, sequence_length=placeholder("length", (None,), tf.int32), dtype=tf.float32
    )


def sequence_without_lengths() -> Sequence[tf.Tensor]:
    x = placeholder("x", (None, 5, 4))
    return v1.nn.dynamic_rnn(Cell("cell"), tf.transpose(x, [1, 0, 2]), dtype=tf.float32, time_major=True)


def both_ways() -> Sequence[tf.Tensor]:
    x, length = placeholder("x", (None, 5, 4)), placeholder("length", (None,), tf.int32)
    made, states = v1.nn.bidirectional_dynamic_rnn(Cell("there"), Cell("back"), x, length, dtype=tf.float32)
    return [tf.concat(made, 2), *states]


def two_layers() -> Sequence[tf.Tensor]:
    x, length = placeholder("x", (None, 5, 4)), placeholder("length", (None,), tf.int32)
    with v1.variable_scope("one"):
        first, _ = v1.nn.dynamic_rnn(Cell("low"), x, length, dtype=tf.float32)
    with v1.variable_scope("two"):
        return v1.nn.dynamic_rnn(Cell("high", 3), first, length, dtype=tf.float32)


def switched_case() -> Sequence[tf.Tensor]:
    x, w, number = placeholder(), weight("w", 4, 4), placeholder("number", (), tf.int32)
    return [tf.switch_case(number, [lambda: x @ w, lambda: tf.sin(x), lambda: x * 2.0])]


LENGTHS = np.array([5, 2, 0], "int32")
CASES: dict[str, tuple[Build, dict[str, np.ndarray]]] = {
    "powers": (powers, {"x": X}),
    "nested": (nested, {"x": X}),
    "until_small": (until_small, {"x": X}),
    "branch_true": (branch, {"x": X, "limit": np.float32(-100)}),
    "branch_false": (branch, {"x": X, "limit": np.float32(100)}),
    **{f"nested_{limit}": (nested_branches, {"x": X, "limit": np.float32(limit)}) for limit in (-1, 0.2, 0.7, 2)},
    "branch_in_loop": (branch_in_loop, {"x": X, "limit": np.float32(0.7)}),
    "loop_in_branch": (loop_in_branch, {"x": X, "limit": np.float32(1)}),
    "growing": (growing, {"x": X}),
    "arrays": (arrays, {"x": X}),
    "sequence": (sequence, {"x": STEPS, "length": LENGTHS}),
    "sequence_without_lengths": (sequence_without_lengths, {"x": STEPS}),
    "both_ways": (both_ways, {"x": STEPS, "length": LENGTHS}),
    "two_layers": (two_layers, {"x": STEPS, "length": LENGTHS}),
    **{f"case_{number}": (switched_case, {"x": X, "number": np.int32(number)}) for number in (0, 1, 2, 5)},
}


@pytest.mark.parametrize("name", CASES)
def test_old_control_flow(name: str, tmp_path: Path) -> None:
    build, feeds = CASES[name]
    with old_control_flow():
        recorded = record(build, feeds, tmp_path)
    compare(recorded, recorded.model())


@pytest.mark.parametrize("name", CASES)
def test_control_flow_of_functions(name: str, tmp_path: Path) -> None:
    build, feeds = CASES[name]
    recorded = record(build, feeds, tmp_path)
    compare(recorded, recorded.model())
