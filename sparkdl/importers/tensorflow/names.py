"""Names of tensors as Keras can have them."""

from __future__ import annotations

import re

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.\\>-]")


def keras_name(name: str) -> str:
    """The name of a tensor without what Keras forbids: `/` becomes `_`, and `:0` goes.

    Example:
        >>> keras_name("prediction/Softmax:0"), keras_name("split:1")
        ('prediction_Softmax', 'split_1')
    """
    cleaned = _FORBIDDEN.sub("_", name.removesuffix(":0")) or "tensor"
    return cleaned if cleaned[0].isalnum() else f"tensor{cleaned}"


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number behind it if it is taken already."""
    number, free = 1, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    taken.add(free)
    return free
