"""The order in which the nodes of a graph run, which is that of their weights."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from sparkdl.errors import ArgumentError

T = TypeVar("T", bound=Hashable)


def running_order(outputs: Sequence[T], before: Callable[[T], Sequence[T]]) -> list[T]:
    """All nodes that the outputs need, each behind those it takes values from, in BigDL's order.

    Back from the outputs come, level by level, the nodes behind which all are placed; then all of it is turned round.

    Args:
        outputs: where the graph ends.
        before: the nodes that a node takes values from, none for an input.

    Raises:
        ArgumentError: if nodes go round in a circle.

    Example:
        >>> edges = {"sum": ["left", "right"], "left": ["x"], "right": ["x"], "x": []}
        >>> running_order(["sum"], edges.__getitem__)
        ['x', 'right', 'left', 'sum']
    """
    waiting = dict.fromkeys(_met(outputs, before), 0)
    for node in list(waiting):
        for other in before(node):
            waiting[other] += 1
    order: list[T] = []
    while waiting:
        ready = [node for node, followers in waiting.items() if followers == 0]
        if not ready:
            raise ArgumentError("the nodes of a Model go round in a circle, and must lead from inputs to outputs.")
        for node in ready:
            for other in before(node):
                waiting[other] -= 1
            del waiting[node]
        order += ready
    return order[::-1]


def _met(outputs: Sequence[T], before: Callable[[T], Sequence[T]]) -> list[T]:
    """All nodes, as a search into the depth meets them (the last branch first)."""
    met = dict.fromkeys(outputs)
    pending, seen = list(met), set()
    while pending:
        node = pending.pop()
        seen.add(node)
        for other in dict.fromkeys(before(node)):
            met.setdefault(other)
            if other not in seen and other not in pending:
                pending.append(other)
    return list(met)
