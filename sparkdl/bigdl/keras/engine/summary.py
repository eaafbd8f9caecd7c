"""The table that describes a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.nn.torch.module import Module

_HEAD = ("Layer (type)", "Output Shape", "Param #", "Connected to")


def summary(name: str, layers: Sequence[Layer], module: Module, width: int, positions: Sequence[float]) -> str:
    """A line per layer with its output shape, its number of weights and the layers before it, and sums.

    Args:
        name: of the model.
        layers: those inside of it.
        module: its own.
        width: of a line.
        positions: where columns end, as parts of a line.
    """
    ends = [int(width * part) for part in positions]
    rule, thin = "=" * width, "_" * width
    connected = _connections(module)
    lines = [f"Model Summary: {name}", thin, _line(_HEAD, ends), rule]
    for layer in layers:
        shape = getattr(layer, "_given", None)
        before = ", ".join(connected.get(id(layer.value), ()))
        row = (f"{layer.name()} ({type(layer).__name__})", str(shape or ""), str(sum(_sizes(layer.value))), before)
        lines += [_line(row, ends), thin]
    trained = sum(_sizes(module, frozen=False))
    total = sum(_sizes(module))
    lines += [
        f"Total params: {total}",
        f"Trainable params: {trained}",
        f"Non-trainable params: {total - trained}",
        rule,
    ]
    return "\n".join(lines)


def _line(row: Sequence[Any], ends: Sequence[int]) -> str:
    line = ""
    for text, end in zip(row, ends, strict=True):
        line = f"{line}{text}"[: end - 1].ljust(end)
    return line.rstrip()


def _sizes(module: Module, frozen: bool = True) -> list[int]:
    return [int(np.prod(part.parameters[name].shape)) for part, name in module.weights() if frozen or not part.frozen]


def _connections(module: Module) -> dict[int, list[str]]:
    """The names of the modules before each child of a model, by the child's id."""
    children = module.children
    if module.kind != "Graph":
        pairs = zip(children, children[1:], strict=False)
        return {id(child): [str(before.name)] for before, child in pairs}
    nodes = module.arguments["nodes"]
    found: dict[int, list[str]] = {}
    for child, before in nodes:
        if child >= 0:
            names = [str(children[nodes[place][0]].name) for place in before if nodes[place][0] >= 0]
            found.setdefault(id(children[child]), []).extend(names)
    return found
