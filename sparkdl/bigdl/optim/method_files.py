"""Optimization methods and schedules as JSON values, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sparkdl.bigdl.optim.schedules import LearningRateSchedule
from sparkdl.errors import DataError, UnsupportedError

_HIDDEN = ("value", "bigdl_type", "state", "arrays")


def describe_method(method: Any) -> str:
    """The arguments and the state of a method.

    Example:
        >>> from sparkdl.bigdl.optim.methods import OptimMethod, SGD
        >>> method_of(describe_method(SGD(0.5, momentum=0.9)), OptimMethod).momentum
        0.9
    """
    return json.dumps({**_described(method), "state": {k: _plain(v) for k, v in method.state.items()}})


def method_of(text: str, base: type) -> Any:
    """The method that `describe_method` told.

    Args:
        text: what it gave.
        base: of the classes that it may be of.

    Raises:
        DataError: it tells of something else.
    """
    told = json.loads(text)
    kinds = {_name(kind): kind for root in (base, LearningRateSchedule) for kind in _below(root)}
    method = _restored(told, kinds)
    if not isinstance(method, base):
        raise DataError(f"the file holds a {type(method).__name__}, expected an optim method.")
    vars(method)["state"] = told["state"]
    return method


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


def _described(item: Any) -> dict[str, Any]:
    values = {name: _plain(value) for name, value in vars(item).items() if name not in _HIDDEN}
    return {"class": _name(type(item)), "values": values}


def _name(kind: type[Any]) -> str:
    """With the module, as there is an Adam of Keras's manner too."""
    return f"{kind.__module__.removeprefix('sparkdl.bigdl.')}.{kind.__name__}"


def _plain(value: Any) -> Any:
    if isinstance(value, LearningRateSchedule):
        return _described(value)
    if isinstance(value, np.ndarray):
        return {"array": value.tolist()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UnsupportedError(
        f"an optim method with a {type(value).__name__} in it cannot be saved: take a schedule whose arguments are "
        "numbers."
    )


def _restored(told: Any, kinds: Mapping[str, type[Any]]) -> Any:
    if isinstance(told, list):
        return [_restored(part, kinds) for part in told]
    if not isinstance(told, Mapping):
        return told
    if "array" in told:
        return np.array(told["array"], np.float32)
    if told["class"] not in kinds:
        raise DataError(f"the file holds a {told['class']!r}, which is no optim method or schedule.")
    kind = kinds[told["class"]]
    item: Any = object.__new__(kind)
    vars(item).update({"bigdl_type": "float", "value": None})
    vars(item).update({name: _restored(value, kinds) for name, value in told["values"].items()})
    return item
