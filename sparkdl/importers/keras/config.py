"""The config of a whole model: mended, and with the place of every class, so that Keras reads it in one way."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sparkdl.errors import ImporterError
from sparkdl.importers.keras.classes import arguments_of, builtin_class, home, operation_home, registered
from sparkdl.importers.keras.graph import rename, rewrite, unique_names
from sparkdl.importers.keras.mendings import mend
from sparkdl.importers.keras.nodes import Node, Origin, is_model, is_node, name_of, walk


def modernise(config: Node, origin: Origin, custom: Mapping[str, Any]) -> Node:
    """A copy of a model's config as the installed Keras writes it.

    Args:
        config: the description of the model, as the file has it.
        origin: who wrote it.
        custom: the user's own classes and functions, by name; their configs are theirs.

    Raises:
        ImporterError: where it contradicts itself.
        UnsupportedError: where a layer has a meaning that is gone from Keras.
    """
    if not is_node(config) or not is_model(config) and registered([config["class_name"]], custom) is None:
        name = config.get("registered_name") if is_node(config) else None  # Keras gives one to classes of users alone
        if name is None:
            raise ImporterError(f"{origin.path} has no description of a model: expected class_name, config and layers.")
        raise ImporterError(
            f"{origin.path} describes a model of the class {name!r}, which is none of Keras's: register it with "
            f"keras.saving.register_keras_serializable before, or give custom_objects={{{name!r}: the class}}."
        )
    config = copy.deepcopy(config)
    _modernise(config, origin, custom, "")
    for node in walk(config):
        inside = node["config"]
        if node["class_name"] == "__lambda__" and isinstance(inside, dict) and isinstance(inside.get("defaults"), list):
            inside["defaults"] = tuple(inside["defaults"])  # JSON has no tuples, and Python's functions take no lists
    return config


def layers_of(config: Node) -> list[Node]:
    """The descriptions of a model's layers."""
    inside = config["config"]
    layers = inside if isinstance(inside, list) else inside.get("layers", []) if isinstance(inside, dict) else []
    return [layer for layer in layers if is_node(layer)]


def layer_names(config: Node) -> dict[str, str]:
    """What each layer of a model of old Keras is called now."""
    return unique_names(map(name_of, layers_of(config)))


def _modernise(node: Node, origin: Origin, custom: Mapping[str, Any], key: str) -> None:
    if is_model(node):
        _model(node, origin, custom)
    elif registered([node["class_name"], node.get("registered_name")], custom) is not None:
        node.setdefault("module", None)
        return
    elif isinstance(node["config"], dict):
        if origin.old:
            mend(node, origin)
            node.pop("build_config", None)
        _place(node, key)
        if origin.old:
            _forget_unset(node)
        _inside(node["config"], origin, custom)


def _model(node: Node, origin: Origin, custom: Mapping[str, Any]) -> None:
    own = registered([node["class_name"], node.get("registered_name")], custom) is not None
    if node["class_name"] in ("Model", "Functional") or (not own and "input_layers" in node["config"]):
        node["class_name"] = "Functional"
    if isinstance(node["config"], list):
        node["config"] = {"name": name_of(node) or "sequential", "layers": node["config"]}
    if any(not is_node(layer) for layer in node["config"]["layers"]):
        raise ImporterError(f"{origin.path}: the model {node['config'].get('name')!r} has layers that are none.")
    if origin.old and "input_layers" in node["config"]:
        rewrite(node, origin)
    elif origin.old:
        _begin_with_input(node, origin)
    _place(node, "")
    for layer in node["config"]["layers"]:
        _modernise(layer, origin, custom, "")


def _begin_with_input(node: Node, origin: Origin) -> None:
    """Sequential models once had their input's shape at the first layer; names had slashes."""
    config, layers = node["config"], node["config"]["layers"]
    config.setdefault("name", "sequential")
    if any(not name_of(layer) for layer in layers):
        raise ImporterError(f"{origin.path}: the model {config['name']!r} has layers without names.")
    names = layer_names(node)
    for layer in layers:
        rename(layer, names)
    first = layers[0] if layers else None
    while first is not None and first["class_name"] != "InputLayer" and is_model(first) and "layers" in first["config"]:
        return
    if first is None or first["class_name"] == "InputLayer" or not isinstance(first["config"], dict):
        return
    shape = first["config"].pop("batch_input_shape", None)
    if shape is None and isinstance(first["config"].get("layer"), dict):  # wrappers
        inside = first["config"]["layer"].get("config")
        shape = inside.get("batch_input_shape") if isinstance(inside, dict) else None
        shape = None if first["class_name"] == "TimeDistributed" else shape
    if shape is not None:
        name = unique_names([*names.values(), f"{config['name']}/input"])[f"{config['name']}/input"]
        dtype = first["config"].get("dtype") if isinstance(first["config"].get("dtype"), str) else "float32"
        entry = {"batch_input_shape": shape, "dtype": dtype, "name": name}
        layers.insert(0, {"class_name": "InputLayer", "config": entry})


def _inside(value: Any, origin: Origin, custom: Mapping[str, Any], key: str = "") -> None:
    items = value.items() if isinstance(value, dict) else ((key, item) for item in value)
    for name, item in items:
        if is_node(item):
            if not item["class_name"].startswith("__") and item["class_name"] != "function":
                _modernise(item, origin, custom, str(name))
        elif isinstance(item, (dict, list)):
            _inside(item, origin, custom, str(name))


def _place(node: Node, key: str) -> None:
    """Tells where the class is found, as Keras 3 does; `keras_core` was a name of it before its release."""
    if node.get("registered_name") and ">" in str(node["registered_name"]):
        node.setdefault("module", None)
        return
    module = node.get("module")
    if isinstance(module, str) and builtin_class(node["class_name"], module) is not None:
        return
    found = None
    if "inbound_nodes" in node and not {"trainable", "dtype"} & set(node["config"]):
        found = operation_home(node["class_name"])  # in .h5 nothing else tells the operation Add from the layer Add
    found = found or home(node["class_name"], key)
    if found is not None:
        node["module"], node["registered_name"] = found, None
    elif isinstance(module, str) and module.startswith("keras_core"):
        node["module"] = "keras" + module.removeprefix("keras_core")


def _forget_unset(node: Node) -> None:
    """Leaves out arguments that were not set (None), or that have no meaning, and that Keras no longer has."""
    kind = builtin_class(node["class_name"], node.get("module"))
    if kind is not None and not is_model(node):
        known = arguments_of(kind)
        for name in [name for name in node["config"] if name not in known]:
            if node["config"][name] is None or name == "trainable":  # layers without weights do not take it
                del node["config"][name]
