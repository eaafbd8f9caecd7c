"""Every public class, method and function of BigDL is at its place, with its parameters, their order and defaults.

The record in `golden/bigdl` was made from BigDL 0.13 (`bigdl.*`) and 2.4 (`bigdl.dllib.*`).
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.names import home_of
from sparkdl.bigdl.util import common

FOLDER = Path(__file__).parents[1] / "golden" / "bigdl"
RECORD: dict[str, Any] = {}
for _name in ("bigdl-0.13.json", "dllib-2.4.json"):
    RECORD.update(json.loads((FOLDER / _name).read_text()))

# What 2.4 changed, so that 0.x's own form is gone: one module object serves both.
CHANGED_SINCE = {"bigdl.nn.layer.SoftMax.__init__": "2.4 has no argument `pos`"}

# Programs that BigDL ships beside its modules, for Keras 1.2 or data that they download.
PROGRAMS = ("bigdl.examples",)

# Names that a module of BigDL leaked by accident, which no script can use, and why they are not here.
NOT_LEAKED = {
    "pkgutil": "what makes a package of BigDL's several distributions",
    "nltk": "a package that needs models of its own; the functions that used it do without",
}


def _is_there(name: str) -> bool:
    return not any(f"{name}.".startswith(f"{part}.") for part in PROGRAMS)


MODULES = [name for name in RECORD if _is_there(name)]


def _leaked(name: str) -> Iterator[str]:
    """What `from name import *` gave."""
    record = RECORD[name]
    for leak in (*record["classes"], *record["functions"], *record["imports"], *record["names"]):
        if not leak.startswith("_"):
            yield leak
    for other in record["star_imports"]:
        yield from _leaked(other) if other in RECORD else ()


def _default(text: str) -> Any:
    return eval(text, {**vars(common), "np": np, "os": os})  # noqa: S307


def _same(received: Any, text: str) -> bool:
    if "getcwd" in text:  # of the process that imported it
        return str(received).endswith("/bigdl.log")
    expected = _default(text)
    if isinstance(expected, np.ndarray):
        return np.array_equal(received, expected)
    return type(received) is type(expected) and received == expected


def _parameters(function: Any) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(function).parameters.values())
    return parameters[1:] if parameters and parameters[0].name in ("self", "cls", "metacls") else parameters


def _shown(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    return stars + parameter.name


def _misfits(place: str, function: Any, expected: list[list[str]]) -> list[str]:
    received = _parameters(function)
    if [_shown(parameter) for parameter in received] != [entry[0] for entry in expected]:
        return [f"{place}({', '.join(map(_shown, received))}), expected ({', '.join(e[0] for e in expected)})"]
    found = []
    for parameter, entry in zip(received, expected, strict=True):
        if len(entry) == 1:
            if parameter.default is not parameter.empty:
                found.append(f"{place}: {parameter.name} has the default {parameter.default!r}, expected none")
        elif not _same(parameter.default, entry[1]):
            found.append(f"{place}: {parameter.name}={parameter.default!r}, expected {entry[1]}")
    return found


def _of_class(name: str, owner: type, record: dict[str, Any]) -> list[str]:
    found = []
    for method, entry in record["methods"].items():
        place = f"{name}.{owner.__name__}.{method}"
        if place in CHANGED_SINCE:
            continue
        value = inspect.getattr_static(owner, method, None)
        kind = entry.get("kind", "")
        if value is None:
            found.append(f"{place} is missing")
        elif kind == "property" or kind.endswith(".setter"):
            found += [] if isinstance(value, property) else [f"{place} is no property"]
        elif kind in ("classmethod", "staticmethod") and not isinstance(value, (classmethod, staticmethod)):
            found.append(f"{place} is no {kind}")
        else:
            found += _misfits(place, getattr(value, "__func__", value), entry["params"])
    return found


@pytest.mark.parametrize("name", MODULES)
def test_signatures(name: str) -> None:
    module, record = importlib.import_module(home_of(name)), RECORD[name]
    found = []
    for owner, entry in record["classes"].items():
        value = getattr(module, owner, None)
        found += _of_class(name, value, entry) if inspect.isclass(value) else [f"{name}.{owner} is missing"]
    for function, parameters in record["functions"].items():
        value = getattr(module, function, None)
        place = f"{name}.{function}"
        found += _misfits(place, value, parameters) if callable(value) else [f"{place} is missing"]
    assert found == []


@pytest.mark.parametrize("name", MODULES)
def test_star_imports_leak_what_they_leaked(name: str) -> None:
    names: dict[str, Any] = {}
    exec(f"from {home_of(name)} import *", names)  # noqa: S102
    assert sorted({leak for leak in _leaked(name) if leak not in names} - set(NOT_LEAKED)) == []


@pytest.mark.parametrize("package", ["bigdl.dllib.keras.layers", "bigdl.dllib.keras.engine"])
def test_packages_of_layers_leak_what_models_are_trained_with(package: str) -> None:
    names: dict[str, Any] = {}
    exec(f"from {home_of(package)} import *", names)  # noqa: S102
    assert {"SGD", "MaxEpoch", "Sample", "np", "create_spark_conf"} <= names.keys()
    assert {leak for leak in _leaked("bigdl.dllib.keras.engine.topology") if leak not in names} == set()


def test_the_tables_of_exceptions_are_in_use() -> None:
    leaked = {leak for name in RECORD for leak in _leaked(name)}
    assert [part for part in PROGRAMS if not any(f"{name}.".startswith(f"{part}.") for name in RECORD)] == []
    assert [leak for leak in NOT_LEAKED if leak not in leaked] == []
    for place in CHANGED_SINCE:
        module, owner, method = place.rsplit(".", 2)
        assert method in RECORD[module]["classes"][owner]["methods"]
