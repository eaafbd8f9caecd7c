"""The table that describes a model."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.keras.variables import open_batch
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.nn.torch.module import Module

_HEAD = ("Layer (type)", "Output Shape", "Param #", "Connected to")
_ENTRY = "InputLayer"
# What BigDL adds to the places where columns end: a space behind the first, and two characters that the last lacks.
_SHIFTS = (1, 0, 0, -2)


def summary(layers: Sequence[Layer], module: Module, width: int, positions: Sequence[float]) -> str:
    """A line per layer with its output shape, its number of weights and the layers before it, and sums.

    Args:
        layers: those inside of the model.
        module: its own.
        width: of a line.
        positions: where columns end, as parts of a line.
    """
    ends = [int(width * part) + shift for part, shift in zip(positions, _SHIFTS, strict=True)]
    thin = "_" * width
    connected = _connections(module)
    lines = ["Model Summary:", "-" * width, _line(_HEAD, ends), "=" * width]
    if module.kind != "Graph" and layers and type(layers[0]).__name__ != _ENTRY:
        entry = f"Input{uuid.uuid4().hex[:8]}"
        connected[id(layers[0].value)] = [entry]
        lines += [_line((f"{entry} (Input)", _shape(layers[0], "_taken"), 0, ""), ends), thin]
    for layer in layers:
        name = type(layer).__name__
        first, *others = connected.get(id(layer.value)) or [""]
        row = (
            f"{layer.name()} ({'Input' if name == _ENTRY else name})",
            _shape(layer, "_given"),
            sum(_sizes(layer.value)),
            first,
        )
        lines += [_line(row, ends), *(_line(("", "", "", other), ends) for other in others), thin]
    trained, total = sum(_sizes(module, frozen=False)), sum(_sizes(module))
    sums = [f"Total params: {total}", f"Trainable params: {trained}", f"Non-trainable params: {total - trained}"]
    return "\n".join([*lines, *sums, "-" * width])


def _shape(layer: Layer, attribute: str) -> Any:
    found = getattr(layer, attribute, None)
    return "" if found is None else open_batch(found)


def _line(row: Sequence[Any], ends: Sequence[int]) -> str:
    line = ""
    for text, end in zip(row, ends, strict=True):
        room = end - len(line) - (end != ends[-1])  # columns are kept apart
        line = f"{line}{str(text)[:room]}".ljust(end)
    return line


def _sizes(module: Module, frozen: bool = True) -> list[int]:
    return [int(np.prod(part.parameters[name].shape)) for part, name in module.weights() if frozen or not part.frozen]


def _connections(module: Module) -> dict[int, list[str]]:
    """The names of the modules before each child of a model, by the child's id."""
    children = module.children
    if module.kind != "Graph":
        pairs = zip(children, children[1:], strict=False)
        return {id(child): [str(before.name)] for before, child in pairs}
    nodes = module.arguments["nodes"]
    entries = dict(zip(module.arguments["inputs"], module.arguments["input_names"], strict=True))
    found: dict[int, list[str]] = {}
    for child, before in nodes:
        if child >= 0:
            names = [str(entries.get(place) or children[nodes[place][0]].name) for place in before]
            found.setdefault(id(children[child]), []).extend(names)
    return found
