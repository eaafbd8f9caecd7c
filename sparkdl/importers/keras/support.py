"""What of a config cannot be read, all of it at once, and before anything of it is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from google.protobuf import json_format
from tensorflow.core.framework import node_def_pb2

from sparkdl.errors import SparkDLError, UnsupportedError
from sparkdl.importers.keras.classes import arguments_of, builtin_class, is_builtin_function, registered
from sparkdl.importers.keras.nodes import Origin, is_model, is_node, name_of
from sparkdl.nn.functions import check_node, tensorflow_function

_PLAIN = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"})
_NO_CLASS = f"Keras {keras.__version__} has no such class"
_NO_FUNCTION = "it calls a function that is none of Keras's for tensors"
_FOREIGN = frozenset({"TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})


@dataclass(frozen=True, slots=True)
class Finding:
    """An object that cannot be made, and why; `own` is the name by which the user could give it, if that would help."""

    name: str
    type: str
    why: str
    own: str = ""

    def __str__(self) -> str:
        return f"{f'layer {self.name!r}' if self.name else 'the model'} ({self.type}): {self.why}"


def check(config: Any, origin: Origin, custom: Mapping[str, Any], safe_mode: bool) -> None:
    """Refuses a mended config that cannot be read exactly and safely.

    Raises:
        UnsupportedError: with each layer, and why.
    """
    found = list(dict.fromkeys(findings(config, custom, safe_mode)))
    if found:
        raise UnsupportedError(
            f"{origin.path} has {len(found)} objects that cannot be read:\n"
            + "\n".join(f"  {item}" for item in found)
            + "\nGive your own classes and functions by custom_objects={name: object}."
        )


def findings(
    value: Any, custom: Mapping[str, Any], safe_mode: bool, layer: tuple[str, str] = ("", "")
) -> Iterator[Finding]:
    """Each object that cannot be read; `layer` is the one that holds the value."""
    if is_node(value):
        name, kind = name_of(value) or layer[0], value["class_name"]
        if name_of(value) and isinstance(value["config"], dict):
            layer = (name, kind)
        why, inside = _look(value, custom, safe_mode)
        if why:
            own = {_NO_CLASS: kind, _NO_FUNCTION: value["config"]}.get(why, "")
            shown = f"{why}: {own}" if own and own != layer[1] else why
            yield Finding(name, kind if layer[1] in ("", kind) else layer[1], shown, str(own))
        if inside:
            yield from findings(list(value.values()), custom, safe_mode, layer)
    elif isinstance(value, dict):
        for item in value.values():
            yield from findings(item, custom, safe_mode, layer)
    elif isinstance(value, list):
        for item in value:
            yield from findings(item, custom, safe_mode, layer)


def _look(node: Mapping[str, Any], custom: Mapping[str, Any], safe_mode: bool) -> tuple[str, bool]:
    """Why an object cannot be read (or nothing), and whether to look into it."""
    kind, config, module = node["class_name"], node["config"], node.get("module")
    if kind == "__lambda__" or (kind == "Lambda" and _holds_code(config)):
        why = "it holds code of Python, which runs as soon as it is read; only safe_mode=False reads it"
        return (why, False) if safe_mode else ("", False)
    if kind in _PLAIN:
        return "", True
    if kind == "function":
        known = registered([config, node.get("registered_name")], custom) is not None
        return ("" if known or is_builtin_function(config, module) else _NO_FUNCTION), False
    if registered([node.get("registered_name"), kind], custom) is not None:
        return _our_own(kind, config), True
    if kind in _FOREIGN and safe_mode:
        return "it runs a program of another framework; only safe_mode=False reads it", False
    found = builtin_class(kind, module)
    if found is None:
        return _NO_CLASS, False
    return _arguments(node, found), True


def _our_own(kind: str, config: Any) -> str:
    """Why one of TensorFlow's functions or ops cannot be part of a model, where it is one."""
    if not isinstance(config, dict):
        return ""
    if kind == "TensorFlowFunction":
        name = str(config.get("function"))
        return "" if tensorflow_function(name) else f"the function tf.{name} is not supported"
    if kind == "TensorFlowNode":
        try:
            check_node(json_format.ParseDict(config.get("node"), node_def_pb2.NodeDef()))
        except (SparkDLError, json_format.ParseError, AttributeError, TypeError) as error:
            return f"its node of TensorFlow cannot be read: {error}"
    return ""


def _holds_code(config: Any) -> bool:
    """Whether a Lambda has the code of a function, as Keras 2 wrote it."""
    return isinstance(config, dict) and any(isinstance(config.get(name), list) for name in ("function", "mask"))


def _arguments(node: Mapping[str, Any], kind: Any) -> str:
    config = node["config"]
    if not isinstance(config, dict):
        return f"its config is no object, but {config!r:.60}"
    strange = [] if is_model(node) else sorted(set(config) - arguments_of(kind))
    return f"arguments that Keras {keras.__version__} does not have: {', '.join(strange)}" if strange else ""
