"""The arguments of `model.compile`, packed without loss: Keras's own configuration forgets some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras.src.saving import serialization_lib

from sparkdl.engine.custom_objects import is_keras, keep, refer_to_lambdas, reference
from sparkdl.errors import ModelError

METRIC_ARGUMENTS = ("metrics", "weighted_metrics")
# What Keras chooses by the loss and the output.
_CHOSEN_LATER = frozenset({"accuracy", "acc", "crossentropy", "ce"})
# What has variables of its own cannot be copied attribute by attribute.
STATEFUL = (keras.Variable, keras.Layer, keras.metrics.Metric)


def find_metric(name: str) -> Any:
    """What Keras means by the name of a metric; nothing where that depends on the model.

    Raises:
        ValueError: Keras does not know the name.
    """
    return None if name in _CHOSEN_LATER else keras.metrics.get(name)


def check_metric_names(model: keras.Model) -> None:
    """Raises ModelError where a model is compiled with a metric of a name that Keras does not know: it looks later."""
    config = getattr(getattr(model, "_compile_config", None), "config", {})
    for argument in METRIC_ARGUMENTS:
        for name in filter(lambda item: isinstance(item, str), keras.tree.flatten(config.get(argument))):
            try:
                find_metric(name)
            except ValueError:
                raise ModelError(
                    f"{argument}={name!r} of the model {model.name!r} is no metric that Keras knows: correct its name, "
                    f"and compile the model again."
                ) from None


@dataclass(frozen=True)
class ByState:
    """An object as its class and attributes: what its get_config() would forget (Huber's delta) included."""

    cls: type
    state: Mapping[str, Any]

    def restore(self) -> Any:
        """The object again."""
        item: Any = object.__new__(self.cls)
        item.__dict__.update(self.state)
        return item


def pack_compile(model: keras.Model, objects: dict[str, Any]) -> dict[str, Any]:
    """The compile arguments as a configuration; what has none goes into `objects`.

    Raises:
        ModelError: where something cannot be described.
    """
    arguments = dict(model._compile_config.config)
    arguments.pop("steps_per_execution", None)
    for name in ("loss", *METRIC_ARGUMENTS):
        arguments[name] = _packed(arguments[name], objects)
    try:
        arguments["optimizer"] = serialization_lib.serialize_keras_object(arguments["optimizer"])
    except (NotImplementedError, TypeError, OSError) as error:
        raise ModelError(
            f"the optimizer of the model {model.name!r} cannot be described ({error}): give its class a get_config() "
            f"that returns the arguments of __init__."
        ) from error
    loss_weights = serialization_lib.serialize_keras_object(arguments["loss_weights"])
    return {**arguments, "loss_weights": loss_weights, "jit_compile": bool(model.jit_compile)}


def unpack_compile(config: Mapping[str, Any], objects: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for `model.compile`; to be called where `objects` are provided to Keras."""
    arguments = serialization_lib.deserialize_keras_object(dict(config), safe_mode=False)
    for name in METRIC_ARGUMENTS:
        for item in keras.tree.flatten(arguments[name]):
            forgotten = objects.get(_forgotten_key(item.name)) if isinstance(item, keras.metrics.Metric) else None
            if forgotten is not None:
                vars(item).update(forgotten)
    return arguments


def _packed(value: Any, objects: dict[str, Any]) -> Any:
    """Losses and metrics in any structure, as configurations."""
    if isinstance(value, dict):
        return {name: _packed(item, objects) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_packed(item, objects) for item in value]
    if isinstance(value, keras.losses.Loss) and not _holds_variables(value):
        return reference(keep(objects, ByState(type(value), dict(vars(value)))))
    if isinstance(value, (keras.losses.Loss, keras.metrics.Metric)):
        return _configured(value, objects)
    if callable(value):
        return reference(keep(objects, value))
    return value


def _configured(item: Any, objects: dict[str, Any]) -> Any:
    _check_config_is_complete(item)
    try:
        config = serialization_lib.serialize_keras_object(item)
    except (NotImplementedError, TypeError, OSError) as error:
        raise ModelError(
            f"{type(item).__name__} {item.name!r} in the compile arguments cannot be described ({error}): give it a "
            f"get_config() that returns the arguments of __init__, and use named functions."
        ) from error
    if isinstance(item, keras.metrics.MeanMetricWrapper):
        objects[_forgotten_key(item.name)] = {"_fn": item._fn, "_fn_kwargs": dict(item._fn_kwargs)}
    return refer_to_lambdas(config)


def _forgotten_key(name: str) -> str:
    return f"arguments of {name}"


def _holds_variables(item: Any) -> bool:
    return any(isinstance(value, STATEFUL) for value in keras.tree.flatten(dict(vars(item))))


def _check_config_is_complete(item: Any) -> None:
    """Refuses a custom metric (or loss with variables) whose get_config() forgets arguments."""
    init = type(item).__init__
    if is_keras(init):
        return
    code = init.__code__
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    missing = [name for name in names if name not in item.get_config()]
    if missing:
        raise ModelError(
            f"{type(item).__name__} takes {', '.join(missing)} in __init__, but its get_config() does not return "
            f"{'it' if len(missing) == 1 else 'them'}, so that executors cannot build it: add get_config()."
        )
