"""Numbers in a graph that TensorFlow does not refuse, but dies of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sparkdl.errors import ImporterError
from sparkdl.nn.graph.program import Node


def check_numbers(node: Node, inputs: Sequence[Any]) -> None:
    """Refuses what would end the process while the op is built.

    Raises:
        ImporterError: where a number is out of range.
    """
    rule = _RULES.get(node.op)
    if rule is not None and (wrong := rule(node, inputs)):
        raise ImporterError(f"{node}: {wrong}.")


def _gather(node: Node, inputs: Sequence[Any]) -> str:
    number = node.attr["batch_dims"].i if "batch_dims" in node.attr else 0
    ranks = [tensor.shape.rank for tensor in inputs[:2]]
    known = [rank for rank in ranks if rank is not None] or [8]
    return "" if -min(known) <= number <= min(known) else f"batch_dims is {number}, and the tensors have {ranks} axes"


_RULES: Mapping[str, Callable[[Node, Sequence[Any]], str]] = {"GatherV2": _gather, "ResourceGather": _gather}
