"""Preprocessing chains as JSON: the classes of this package by name, and their values. Nothing in it is run."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import numpy as np

from sparkdl.bigdl.feature.preprocessing import Preprocessing
from sparkdl.bigdl.transform.vision.feature import FeatureTransformer
from sparkdl.bigdl.transform.vision.regions import Box
from sparkdl.errors import StorageError, UnsupportedError

_HOMES = ("sparkdl.bigdl.feature.", "sparkdl.bigdl.transform.")
_KINDS = (Preprocessing, FeatureTransformer)


def to_config(value: Any) -> Any:
    """JSON values of a chain.

    Raises:
        UnsupportedError: a class of it is not of this package, or holds what JSON does not.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": str(value.dtype)}
    if isinstance(value, (list, tuple)):
        return {"tuple" if isinstance(value, tuple) else "list": [to_config(item) for item in value]}
    if isinstance(value, dict):
        return {"items": [[to_config(key), to_config(item)] for key, item in value.items()]}
    if isinstance(value, Box):
        return {"box": dataclasses.astuple(value)}
    kind = type(value)
    if isinstance(value, _KINDS) and kind.__module__.startswith(_HOMES):
        return {"class": kind.__name__, "module": kind.__module__, "state": to_config(vars(value))}
    raise UnsupportedError(
        f"the preprocessing cannot be saved: {kind.__module__}.{kind.__name__} is not of this package, and a file that "
        f"held its code would be run by whoever loads it; set it again after loading, by setSamplePreprocessing."
    )


def from_config(config: Any) -> Any:
    """The chain that `to_config` described.

    Raises:
        StorageError: it names something else.
    """
    if not isinstance(config, dict):
        return config
    if "array" in config:
        return np.array(config["array"], config["dtype"])
    if "list" in config or "tuple" in config:
        items = [from_config(item) for item in config["list" if "list" in config else "tuple"]]
        return items if "list" in config else tuple(items)
    if "items" in config:
        return {from_config(key): from_config(item) for key, item in config["items"]}
    if "box" in config:
        return Box(*config["box"])
    return _object(str(config.get("module")), str(config.get("class")), config.get("state"))


def _object(module: str, name: str, state: Any) -> Any:
    kind = getattr(importlib.import_module(module), name, None) if module.startswith(_HOMES) else None
    if not (isinstance(kind, type) and issubclass(kind, _KINDS) and kind.__module__ == module):
        raise StorageError(f"the metadata name {module}.{name} as preprocessing, which is none of this package.")
    made = kind.__new__(kind)
    vars(made).update(from_config(state))
    return made
