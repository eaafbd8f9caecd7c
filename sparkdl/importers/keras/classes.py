"""Where the classes and functions that a config names are found: with the user, or in Keras."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import keras

_ROLES = {"_initializer": "initializers", "_regularizer": "regularizers", "_constraint": "constraints"}
_PLACES = ("layers", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers")
_MODELS = {"Functional": "keras.src.models.functional", "Sequential": "keras", "Model": "keras"}
# Public modules whose classes and functions describe models. Others of Keras read and write files.
_CLASSES = frozenset(
    {"keras", "builtins", "keras.models", "keras.optimizers.schedules", "keras.quantizers", "keras.dtype_policies"}
    | {"keras.random", *(f"keras.{place}" for place in _PLACES)}
)
_FUNCTIONS = frozenset({"builtins", "keras.activations", "keras.losses", "keras.metrics", "keras.initializers"})
_INNER = ("keras.src.ops.", "keras.src.layers.", "keras.src.models.", "keras.src.random.")
_OPERATIONS = ("keras.ops", "keras.ops.", "keras.src.ops.")
# Arguments that constructors of Keras take out of their **kwargs by name.
_TAKEN = frozenset(
    "input_dim input_shape alpha input_length implementation rms_scaling vocabulary_size has_input_vocabulary".split()
)


def registered(names: list[Any], custom: Mapping[str, Any]) -> Any:
    """What the user gave, or registered with Keras, by one of these names; else None."""
    for name in names:
        if isinstance(name, str):
            found = keras.saving.get_registered_object(name, custom_objects=dict(custom))
            if found is not None:
                return found
    return None


def home(name: str, key: str = "") -> str | None:
    """The public module of Keras with a class of this name.

    Args:
        name: the name of the class.
        key: the argument that an object is given for, which tells initializers from layers of the same name.

    Example:
        >>> home("Identity"), home("Identity", "kernel_initializer"), home("Nothing")
        ('keras.layers', 'keras.initializers', None)
    """
    if name in _MODELS:
        return _MODELS[name]
    role = next((place for suffix, place in _ROLES.items() if key.endswith(suffix)), None)
    for place in (role,) if role else _PLACES:
        if inspect.isclass(getattr(getattr(keras, place), name, None)):
            return f"keras.{place}"
    return "keras.optimizers.schedules" if hasattr(keras.optimizers.schedules, name) else None


def operation_home(name: str) -> str | None:
    """The module of Keras with an operation (of `keras.ops`) of this name.

    Example:
        >>> operation_home("GetItem"), operation_home("Dense")
        ('keras.src.ops.numpy', None)
    """
    for place in ("numpy", "nn", "core", "math", "image", "linalg"):
        found = getattr(importlib.import_module(f"keras.src.ops.{place}"), name, None)
        if inspect.isclass(found) and issubclass(found, keras.Operation):
            return f"keras.src.ops.{place}"
    return None


def builtin_class(name: str, module: Any) -> Any:
    """The class of Keras that a config means, or None where it is none that may be part of a model."""
    if not isinstance(module, str) or not (module in _CLASSES or module.startswith(_INNER)):
        return None
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    return found if inspect.isclass(found) else None


def is_builtin_function(name: Any, module: Any) -> bool:
    """Whether a config means a function of Keras that computes on tensors."""
    if not isinstance(name, str) or not isinstance(module, str):
        return False
    if module == "builtins":
        return any(hasattr(getattr(keras, place), name) for place in ("activations", "losses", "metrics"))
    if module in _FUNCTIONS:
        return True
    return module == "keras.ops" or module.startswith(_OPERATIONS)


def arguments_of(kind: Any) -> frozenset[str]:
    """The arguments that a class of Keras takes.

    Example:
        >>> sorted(arguments_of(keras.layers.Flatten) & {"data_format", "name", "units"})
        ['data_format', 'name']
    """
    names = set(_TAKEN)
    for parent in kind.__mro__[:-1]:
        if "__init__" in vars(parent):
            parameters = inspect.signature(parent.__init__).parameters.values()
            names |= {item.name for item in parameters}
            if parent is keras.Layer or not any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters):
                break
    return frozenset(names)
