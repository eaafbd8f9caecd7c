"""The user's own classes and functions inside a Keras configuration: found while Keras writes it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
from keras.src.saving import object_registration
from keras.src.utils import python_utils

from sparkdl.engine.replaced import replaced
from sparkdl.errors import ModelError

KEY = "sparkdl:"


@contextmanager
def captured() -> Iterator[dict[str, Any]]:
    """Collects every class and function that Keras serialises in this block and that is not Keras's own.

    Keras writes down the names of functions and classes, and of lambdas the byte code without the names they
    use; here the objects themselves are kept, by the name under which Keras will ask for them.
    """
    objects: dict[str, Any] = {}
    name_of = object_registration.get_registered_name

    def get_registered_name(item: Any) -> str:
        name = name_of(item)
        if not is_keras(item):
            _remember(objects, name, item)
        return name

    def func_dump(function: Any) -> tuple[str, None, None]:
        return keep(objects, function), None, None

    with (
        replaced(object_registration, {"get_registered_name": get_registered_name}),
        replaced(python_utils, {"func_dump": func_dump}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "The object being serialized includes a `lambda`")
        yield objects


def keep(objects: dict[str, Any], item: Any) -> str:
    """Stores an object under a key of its own."""
    key = f"{KEY}{len(objects)}"
    objects[key] = item
    return key


def reference(key: str) -> dict[str, Any]:
    """The configuration that Keras turns back into the object that was kept under this key."""
    return {"module": "builtins", "class_name": "function", "config": key, "registered_name": key}


def refer_to_lambdas(config: Any) -> Any:
    """A configuration in which each dumped lambda is a reference to the function itself."""
    if isinstance(config, (list, tuple)):
        return [refer_to_lambdas(item) for item in config]
    if not isinstance(config, Mapping):
        return config
    if config.get("class_name") == "__lambda__":
        return refer_to_lambdas(config["config"])
    code = config.get("code", config.get("value"))
    key = code[0] if isinstance(code, (list, tuple)) and code else code
    if isinstance(key, str) and key.startswith(KEY):
        return reference(key)
    return {name: refer_to_lambdas(value) for name, value in config.items()}


@contextmanager
def provided(objects: Mapping[str, Any]) -> Iterator[None]:
    """Gives Keras the captured objects while it deserialises in this block."""
    register(objects)
    with keras.saving.custom_object_scope(dict(objects)):
        yield


def register(objects: Mapping[str, Any]) -> None:
    """Registers anew, in this process, what the user registered with Keras (so that saving names it alike)."""
    for name, item in objects.items():
        package, separator, rest = name.partition(">")
        if separator and keras.saving.get_registered_name(item) != name:
            keras.saving.register_keras_serializable(package, rest)(item)


def is_keras(item: Any) -> bool:
    """Whether a class or function belongs to Keras itself."""
    module = getattr(item, "__module__", None) or ""
    return module == "keras" or module.startswith("keras.")


def _remember(objects: dict[str, Any], name: Any, item: Any) -> None:
    if not isinstance(name, str) or getattr(item, "__name__", "") == "<lambda>":
        return
    if objects.setdefault(name, item) is not item:
        raise ModelError(
            f"the model uses two different custom objects that Keras knows as {name!r} (of the modules "
            f"{objects[name].__module__} and {item.__module__}): rename one, or register them under different "
            f"packages with keras.saving.register_keras_serializable."
        )
