"""What is said where a module cannot take a value."""

from __future__ import annotations

import re
from typing import Any

from sparkdl.nn.torch.module import Module

# What Keras and TensorFlow put around the words that tell what was wrong.
_COLOURS = re.compile(r"\x1b\[\d*m")
_PLACES = re.compile(r"\{\{[^}]*\}\}|\[Op:\w+\]|\bname: ?$")


def refusal(module: Module, shapes: Any, note: str, error: Exception) -> str:
    """The message of an error in a module's kernel.

    Args:
        module: whose kernel it was.
        shapes: of the tensors that it was called with, in their structure.
        note: about the shapes, in parentheses, or nothing.
        error: what was raised.

    Example:
        >>> print(refusal(Module("Exp", name="e"), (2, 3), "", ValueError("Not positive.")))
        e() cannot take a value of shape (2, 3): Not positive. Check the shape of the features against the layers ...
    """
    reason = _reason(error)
    noted = f"{shapes}{note and f' ({note})'}"
    if module.name and reason.startswith(f"{module.name} "):  # the kernel has said what is wrong
        return f"{reason.rstrip('.')}; its input has the shape {noted}."
    given = ", ".join(f"{name}={value}" for name, value in module.arguments.items() if name != "nodes")
    return (
        f"{module.name or module.kind}({given}) cannot take a value of shape {noted}: "
        f"{reason} Check the shape of the features against the layers before this one."
    )


def _reason(error: Exception) -> str:
    lines = [_PLACES.sub("", _COLOURS.sub("", line)).strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith("Exception encountered")]
    behind = [place + 1 for place, line in enumerate(telling[:-1]) if line.endswith("Error encountered:")]
    text = telling[behind[-1] if behind else 0] if telling else type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."
