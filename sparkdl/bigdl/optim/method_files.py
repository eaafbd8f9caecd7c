"""Optimization methods and schedules as JSON values, and back."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from sparkdl.bigdl.optim.methods import OptimMethod
from sparkdl.bigdl.optim.schedules import LearningRateSchedule
from sparkdl.errors import DataError, UnsupportedError

# Where the classes are that a file may name; Keras-style ones have the names of others.
_HOMES = {
    "": ("sparkdl.bigdl.optim.methods", "sparkdl.bigdl.optim.schedules"),
    "keras": ("sparkdl.bigdl.keras.optimizers",),
}
_HIDDEN = ("value", "bigdl_type", "state", "arrays")


def describe_method(method: OptimMethod) -> str:
    """The arguments and the state of a method.

    Example:
        >>> from sparkdl.bigdl.optim.methods import SGD
        >>> method_of(describe_method(SGD(0.5, momentum=0.9))).momentum
        0.9
    """
    return json.dumps({**_described(method), "state": {k: _plain(v) for k, v in method.state.items()}})


def method_of(text: str) -> OptimMethod:
    """The method that `describe_method` told.

    Raises:
        DataError: it tells of something else.
    """
    told = json.loads(text)
    method = _restored(told)
    if not isinstance(method, OptimMethod):
        raise DataError(f"the file holds a {type(method).__name__}, expected an optim method.")
    method.state = told["state"]
    return method


def _described(item: Any) -> dict[str, Any]:
    values = {name: _plain(value) for name, value in vars(item).items() if name not in _HIDDEN}
    home = next((name for name, modules in _HOMES.items() if type(item).__module__ in modules), "")
    return {"class": type(item).__name__, "home": home, "values": values}


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


def _restored(told: Any) -> Any:
    if isinstance(told, list):
        return [_restored(part) for part in told]
    if not isinstance(told, Mapping):
        return told
    if "array" in told:
        return np.array(told["array"], np.float32)
    homes = [vars(importlib.import_module(home)) for home in _HOMES.get(told.get("home", ""), ())]
    kind = next((home[told["class"]] for home in homes if told["class"] in home), None)
    if not (isinstance(kind, type) and issubclass(kind, (OptimMethod, LearningRateSchedule))):
        raise DataError(f"the file holds a {told['class']!r}, which is no optim method or schedule.")
    item = kind.__new__(kind)
    if isinstance(item, OptimMethod):
        OptimMethod.__init__(item, None, "float")
    else:
        LearningRateSchedule.__init__(item)
    vars(item).update({name: _restored(value) for name, value in told["values"].items()})
    return item
