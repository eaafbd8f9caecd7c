"""Loops and branches as functions, in which TensorFlow knows gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from sparkdl.errors import ImporterError

# What passes through loops and branches without being a tensor (handles of variables and arrays) must stay the same.
Values = list[Any]


class _Wider(Exception):
    """The body of a loop makes tensors of other shapes than the loop started with."""

    def __init__(self, shapes: list[tf.TensorShape]) -> None:
        super().__init__("shapes")
        self.shapes = shapes


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor, and not a handle."""
    return isinstance(value, tf.Tensor)


def loop(
    condition: Callable[[Values], Any],
    body: Callable[[Values], Values],
    start: Sequence[Any],
    parallel: int = 10,
    name: str = "loop",
) -> Values:
    """Repeats a body on values while a condition holds; shapes may change from round to round."""
    moving = [index for index, value in enumerate(start) if is_tensor(value)]
    fixed = list(start)

    def filled(tensors: Sequence[Any]) -> Values:
        values = list(fixed)
        for index, tensor in zip(moving, tensors, strict=True):
            values[index] = tensor
        return values

    shapes = [start[index].shape for index in moving]

    def step(*tensors: Any) -> Values:
        made = body(filled(tensors))
        _check_same(fixed, made, moving, name)
        after = [made[index] for index in moving]
        wider = [shape.most_specific_compatible_shape(new.shape) for shape, new in zip(shapes, after, strict=True)]
        if any(not _equal(old, new) for old, new in zip(shapes, wider, strict=True)):
            raise _Wider(wider)
        return after

    while True:
        try:
            made = tf.while_loop(
                lambda *tensors: condition(filled(tensors)),
                step,
                [start[index] for index in moving],
                shape_invariants=shapes,
                parallel_iterations=parallel,
            )
            return filled(made if isinstance(made, (list, tuple)) else [made])
        except _Wider as found:
            shapes = found.shapes


def _equal(one: tf.TensorShape, other: tf.TensorShape) -> bool:
    return one.rank == other.rank and (one.rank is None or one.as_list() == other.as_list())


def _check_same(before: Sequence[Any], after: Sequence[Any], moving: Sequence[int], name: str) -> None:
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        if index not in moving and old != new:
            raise ImporterError(f"{name}: variable {index} is {old}, and {new} after a round; handles must not change.")


def branches(chosen: Any, sides: Sequence[Callable[[], Values]], name: str = "branches") -> Values:
    """The values of the side with the number `chosen`; if that is a boolean, False is the first and True the second.

    A choice that is known while the graph is built leaves no trace in it.
    """
    known = tf.get_static_value(chosen)
    if known is not None:
        number = int(known)
        return sides[number if 0 <= number < len(sides) else len(sides) - 1]()
    kept: list[Values] = []

    def tensors_of(side: Callable[[], Values]) -> Callable[[], Values]:
        def made() -> Values:
            kept.append(side())
            return [value for value in kept[-1] if is_tensor(value)]

        return made

    functions = [tensors_of(side) for side in sides]
    if chosen.dtype == tf.bool:
        tensors = tf.cond(chosen, functions[1], functions[0])
    else:
        tensors = tf.switch_case(chosen, functions)
    found = iter(tensors if isinstance(tensors, (list, tuple)) else [tensors])
    for values in kept[1:]:
        _check_same(kept[0], values, [index for index, value in enumerate(kept[0]) if is_tensor(value)], name)
    return [next(found) if is_tensor(value) else value for value in kept[0]]
