"""The descriptions of objects in a Keras config: dicts with a class name and a config of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sparkdl.errors import ImporterError

Node = dict[str, Any]

LARGEST_TEXT = 2**26  # bytes: the config of a net of a thousand layers has two million
DEPTH = 200  # a Keras model within a model within a model nests some thirty deep


@dataclass(frozen=True, slots=True)
class Origin:
    """Who wrote a file.

    Attributes:
        path: the file, for messages.
        version: Keras's version as the file tells it, or "" where it does not.
        old: whether it is of Keras 2 or tf.keras; else of Keras 3.
        backend: what Keras ran on.
    """

    path: str
    version: str = ""
    old: bool = False
    backend: str = "tensorflow"

    @property
    def standalone(self) -> bool:
        """Whether it is of Keras before it became a part of TensorFlow (up to 2.3.1)."""
        parts = self.version.split(".")
        return self.old and "tf" not in self.version and parts[:2] in (["2", str(minor)] for minor in range(4))


def is_node(value: Any) -> bool:
    """Whether a value describes an object."""
    return isinstance(value, dict) and isinstance(value.get("class_name"), str) and "config" in value


def is_model(node: Mapping[str, Any]) -> bool:
    """Whether a node describes a model with layers, and not a layer."""
    config = node["config"]
    return isinstance(config, list) or (isinstance(config, dict) and isinstance(config.get("layers"), list))


def name_of(node: Mapping[str, Any]) -> str:
    """The name of the object, or "" where it has none."""
    config = node.get("config")
    name = node.get("name") or (config.get("name") if isinstance(config, dict) else None)
    return name if isinstance(name, str) else ""


def children(value: Any) -> Iterator[Any]:
    """The parts of a dict or list."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple)):
        yield from value


def walk(value: Any) -> Iterator[Node]:
    """All nodes in a config, the outer ones first."""
    stack = [value]
    while stack:
        item = stack.pop()
        if is_node(item):
            yield item
        stack.extend(reversed(list(children(item))))


def parse(text: bytes | str, path: str) -> Any:
    """The config in a text of JSON, with plain values for what older Keras encoded.

    Raises:
        ImporterError: where it is no JSON, or larger or deeper than that of any model.
    """
    if len(text) > LARGEST_TEXT:
        raise ImporterError(f"{path}: a config of {len(text)} bytes; expected at most {LARGEST_TEXT}.")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ImporterError(f"{path}: the config is nested too deeply; the file is damaged.") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ImporterError(f"{path}: the config is no JSON ({error}); the file is damaged.") from None
    return _plain(value, path, 0)


def _plain(value: Any, path: str, depth: int) -> Any:
    if depth > DEPTH:
        raise ImporterError(f"{path}: the config is nested more than {DEPTH} deep; the file is damaged.")
    if isinstance(value, list):
        return [_plain(item, path, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(value.get("items"), list):
        return [_plain(item, path, depth + 1) for item in value["items"]]
    if value.get("type") == "ndarray" and "value" in value:
        return value["value"]
    if value.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    return {key: _plain(item, path, depth + 1) for key, item in value.items()}
