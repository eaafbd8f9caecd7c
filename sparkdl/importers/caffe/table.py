"""The table of layer types: one function each, whose keyword arguments are the fields of Caffe's schema.

From the signatures follow the errors for unknown types and fields, and the page of the documentation.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkdl.errors import UnsupportedError
from sparkdl.importers.caffe.net import Layer, Net

# Fields that change nothing of what a layer computes: which code runs it, and what Caffe printed.
NEUTRAL = frozenset({"engine", "force_nd_im2col", "debug_info", "stable_prod_grad", "share_in_parallel"}) | frozenset(
    {"save_output_param", "save_file", "visualize", "visualize_threshold"}  # files that are written on the way
)
COMMON = frozenset(
    {"name", "type", "bottom", "top", "phase", "param", "blobs", "propagate_down", "include", "exclude", "loss_weight"}
)


@dataclass(frozen=True, slots=True)
class Converter:
    """How one type of layer becomes Keras: the function, and the messages that hold its fields."""

    type: str
    messages: tuple[str, ...]
    function: Callable[..., Any]
    inputs: tuple[int, int]
    note: str

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields that are understood, with what is assumed where they are not given."""
        parameters = inspect.signature(self.function).parameters.values()
        return {item.name: item.default for item in parameters if item.kind is inspect.Parameter.KEYWORD_ONLY}


CONVERTERS: dict[str, Converter] = {}
REFUSALS: dict[str, str] = {}


def converter(type_: str, *messages: str, inputs: int | tuple[int, int] = 1) -> Callable[[Any], Any]:
    """Registers a function for a type of layer.

    Args:
        type_: the type, as Caffe names it.
        *messages: the messages that hold the layer's fields, of which the function's keyword arguments are the names.
        inputs: how many blobs the layer reads, or the least and the most.
    """
    bounds = (inputs, inputs) if isinstance(inputs, int) else inputs

    def register(function: Any) -> Any:
        note = (inspect.getdoc(function) or "").split("\n")[0]
        CONVERTERS[type_] = Converter(type_, messages, function, bounds, note)
        return function

    return register


def refusal(type_: str, why: str) -> None:
    """Registers a type of layer that is known, and cannot be converted."""
    REFUSALS[type_] = why


def fields_of(layer: Layer, row: Converter) -> dict[str, Any]:
    """The keyword arguments for a layer's function."""
    given = {name: value for message in row.messages for name, value in layer.message.get(message, {}).items()}
    return {name: value for name, value in given.items() if name in row.fields}


def check_supported(net: Net, known: Iterable[str] = ()) -> None:
    """Refuses a net with layers that cannot be converted, all of them at once.

    Args:
        net: the net, in its phase.
        known: types that the user has given functions for.

    Raises:
        UnsupportedError: with each layer, and why.
    """
    known = set(known)
    found = [(layer, why) for layer in net.layers if layer.type not in known and (why := why_not(layer))]
    if found:
        lines = "\n".join(f"  {layer}: {why}" for layer, why in found)
        raise UnsupportedError(
            f"{net.path} has {len(found)} layers that cannot be converted:\n{lines}\nRemove them, or give "
            "functions for their types by custom_layers={type: function}."
        )


def why_not(layer: Layer) -> str:
    """Why a layer cannot be converted, or "" if it can."""
    row = CONVERTERS.get(layer.type)
    if layer.type in REFUSALS:
        return REFUSALS[layer.type]
    if row is None:
        close = difflib.get_close_matches(layer.type, CONVERTERS, 1)
        return f"this type is not known{f' (did you mean {close[0]!r}?)' if close else ''}"
    least, most = row.inputs
    if not least <= len(layer.bottoms) <= most:
        return f"it reads {len(layer.bottoms)} blobs, expected {least if least == most else f'{least} to {most}'}"
    strange = _strange(layer, row)
    if strange:
        return f"fields {', '.join(strange)} are not known; known are {', '.join(row.fields) or 'none'}"
    required = [name for name, default in row.fields.items() if default is inspect.Parameter.empty]
    missing = [name for name in required if name not in fields_of(layer, row)]
    return f"fields {', '.join(missing)} are missing" if missing else ""


def _strange(layer: Layer, row: Converter) -> Sequence[str]:
    """Fields that were given and have no meaning to the function."""
    inner = [
        f"{message}.{name}"
        for message in row.messages
        for name in layer.message.get(message, {})
        if name not in row.fields and name not in NEUTRAL
    ]
    # Each type reads messages of its own; those of other types are left unread, as Caffe does.
    outer = [name for name in layer.message if name not in COMMON and not name.endswith("_param")]
    return inner + outer


def markdown() -> str:
    """The table of types, for the documentation."""
    rows = [
        f"| `{row.type}` | {', '.join(f'`{name}`' for name in row.fields) or 'none'} | {row.note} |"
        for row in sorted(CONVERTERS.values(), key=lambda row: row.type.lower())
    ]
    refused = [f"| `{name}` | refused | {why}. |" for name, why in sorted(REFUSALS.items())]
    return "\n".join(["| type | fields that are honoured | |", "| --- | --- | --- |", *rows, *refused]) + "\n"
