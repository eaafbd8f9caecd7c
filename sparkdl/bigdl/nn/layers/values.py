"""Values of layers as scripts give and see them: arrays, tables (lists) of them, BigDL's tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparkdl.errors import DataError


def arrays(value: Any) -> Any:
    """Arrays of what a user gives: arrays, lists of them, JTensors. A list of nothing but numbers is one array."""
    if isinstance(value, (list, tuple)):
        if not value:
            raise DataError("an input is an empty list, expected an array or a list of arrays.")
        return np.asarray(value, np.float32) if _is_numbers(value) else [arrays(part) for part in value]
    return (
        value.to_tensor()
        if hasattr(value, "to_tensor")
        else value.to_ndarray()
        if hasattr(value, "to_ndarray")
        else value
    )


def outcome(value: Any) -> Any:
    """What a layer gives, as arrays; a table of one value is that value.

    Example:
        >>> outcome([[np.zeros(2)], np.ones(2)])
        [array([0., 0.]), array([1., 1.])]
    """
    if isinstance(value, (list, tuple)):
        return outcome(value[0]) if len(value) == 1 else [outcome(part) for part in value]
    return value.to_ndarray() if hasattr(value, "to_ndarray") else value


def _is_numbers(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_numbers(part) for part in value)
    return isinstance(value, (int, float, np.number))
