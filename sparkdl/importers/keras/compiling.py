"""How a model was compiled: optimizer, losses and metrics, of any Keras."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import keras

from sparkdl.importers.keras.classes import arguments_of, builtin_class, registered
from sparkdl.importers.keras.mendings import mend
from sparkdl.importers.keras.nodes import Node, Origin

_NAMED = ("acc", "accuracy", "ce", "crossentropy")


def compile_as_told(model: keras.Model, told: Node, origin: Origin, custom: Mapping[str, Any]) -> None:
    """Compiles a model as a file says.

    Args:
        model: the model.
        told: the file's `training_config` or `compile_config`.
        origin: who wrote it.
        custom: the user's own classes and functions, by name.

    Raises:
        ValueError: where something is not known (or TypeError, KeyError, AttributeError).
    """
    with keras.saving.CustomObjectScope(dict(custom)):
        if is_native(told, origin):
            model.compile_from_config(copy.deepcopy(told))
            return
        arguments: dict[str, Any] = {
            "optimizer": optimizer_of(told.get("optimizer_config", told.get("optimizer")), origin, custom),
            "loss": _nested(told.get("loss"), lambda value: _loss(value, origin, custom)),
            "loss_weights": told.get("loss_weights"),
        }
        for name in ("metrics", "weighted_metrics"):
            value = _nested(told.get(name), lambda item: _metric(item, custom))
            if isinstance(value, list) and len(model.outputs) == 1 and len(value) == 1 and isinstance(value[0], list):
                value = value[0]
            arguments[name] = value or None
        model.compile(**arguments)
        model.optimizer.build(model.trainable_variables)


def is_native(told: Node, origin: Origin) -> bool:
    """Whether Keras itself reads what a model was compiled with."""
    return not origin.old and "optimizer_config" not in told


def _nested(value: Any, function: Any) -> Any:
    if isinstance(value, list):
        return [_nested(item, function) for item in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _nested(item, function) for key, item in value.items()}
    return None if value is None else function(value)


def optimizer_of(told: Any, origin: Origin, custom: Mapping[str, Any]) -> Any:
    """An optimizer of any Keras: its name, or its class and arguments."""
    if isinstance(told, str):
        return keras.optimizers.get(told)
    own = registered([told["class_name"], told.get("registered_name")], custom)
    if own is not None:
        return own.from_config(dict(told["config"]))
    name, config = _mended(told, origin)
    kind = builtin_class(name, "keras.optimizers")
    if kind is None:
        raise ValueError(f"the optimizer {name!r} is not known")
    known = arguments_of(kind)
    strange = [key for key, value in config.items() if value not in (None, False) and key not in known]
    if strange:
        raise ValueError(f"the optimizer {name} has arguments that are not known: {', '.join(strange)}")
    rate = config.get("learning_rate")
    if isinstance(rate, dict):
        config["learning_rate"] = _schedule(rate)
    return kind(**{key: value for key, value in config.items() if key in known and value is not None})


def _mended(told: Mapping[str, Any], origin: Origin) -> tuple[str, dict[str, Any]]:
    """Class and arguments of an object."""
    node: Node = {"class_name": str(told["class_name"]).rpartition(">")[2], "config": dict(told["config"])}
    if origin.old:
        mend(node, origin)
    return node["class_name"], node["config"]


def _schedule(told: Mapping[str, Any]) -> Any:
    kind = builtin_class(told["class_name"], "keras.optimizers.schedules")
    if kind is None:
        raise ValueError(f"the schedule {told['class_name']!r} is not known")
    return kind(**{key: value for key, value in told["config"].items() if value is not None})


def _loss(value: Any, origin: Origin, custom: Mapping[str, Any]) -> Any:
    if isinstance(value, dict) and value["class_name"] in ("LossFunctionWrapper", "function"):
        config = value["config"]
        value = config["fn"] if isinstance(config, dict) else config
    if isinstance(value, str):
        own = registered([value], custom)
        return own if own is not None else keras.losses.get(value)
    name, config = _mended(value, origin)
    kind = registered([value["class_name"]], custom) or builtin_class(name, "keras.losses")
    if kind is None:
        raise ValueError(f"the loss {value['class_name']!r} is not known")
    return kind(**{key: item for key, item in config.items() if key in arguments_of(kind) and key != "fn"})


def _metric(value: Any, custom: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        own = registered([value], custom)
        return value if value in _NAMED else own if own is not None else keras.metrics.get(value)
    name, config = value["class_name"].rpartition(">")[2], value["config"]
    if name == "function":
        return _metric(config, custom)
    if name == "MeanMetricWrapper" and "fn" in config:
        fn = config["fn"]["config"] if isinstance(config["fn"], dict) else config["fn"]
        own = registered([fn], custom)
        return keras.metrics.MeanMetricWrapper(own or keras.metrics.get(fn), name=config.get("name"))
    kind = registered([value["class_name"]], custom) or builtin_class(name, "keras.metrics")
    if kind is None:
        raise ValueError(f"the metric {value['class_name']!r} is not known")
    known = arguments_of(kind)
    return kind(**{key: item for key, item in config.items() if key in known and item is not None})
