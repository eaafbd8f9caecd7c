"""Helpers for graphs of TensorFlow 1."""

import sys  # noqa: F401
import warnings  # noqa: F401
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from sparkdl.bigdl.util.log4Error import *  # noqa: F403


def find_tensors(sources: Iterable[Any], predicate: Callable[[Any], bool]) -> list[Any]:
    """What a predicate holds for among tensors and ops and what they depend on; it is not looked behind these."""
    pending, seen, found = deque(source for source in sources if source is not None), set(), {}
    while pending:
        node = pending.popleft()
        if node.name in seen:
            continue
        seen.add(node.name)
        if predicate(node):
            found[node.name] = node
            continue
        op = node.op if hasattr(node, "op") else node
        pending.extend([*op.inputs, *op.control_inputs])
    return list(found.values())


def find_placeholders(grads: Iterable[Any]) -> list[Any]:
    """The placeholders that tensors depend on."""
    return find_tensors(grads, lambda node: hasattr(node, "op") and node.op.type.startswith("Placeholder"))


def to_bigdl_optim_method(koptim_method: Any) -> Any:
    """The optim method that stands for an optimizer of Keras."""
    from sparkdl.bigdl.keras.optimization import OptimConverter

    return OptimConverter.to_bigdl_optim_method(koptim_method)
