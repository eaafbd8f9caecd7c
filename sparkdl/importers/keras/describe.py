"""What a Keras model holds, before it is loaded."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import keras

from sparkdl.errors import ImporterError, SparkDLError
from sparkdl.importers.files import local_copy
from sparkdl.importers.inspection import Code, End, Inspection, Row, call_text
from sparkdl.importers.keras.config import layers_of, modernise
from sparkdl.importers.keras.load import build
from sparkdl.importers.keras.nodes import Node, is_model, name_of
from sparkdl.importers.keras.sources import Source, Weights, read_source, read_weights
from sparkdl.importers.keras.support import Finding, findings
from sparkdl.importers.unbuilt import needs_values, unbuilt
from sparkdl.storage.paths import path_text

Path = str | os.PathLike[str]
_FORMATS = {"keras": ".keras archive", "h5": "whole model in HDF5", "json": "architecture in JSON"}


def describe(path: Path, weights: Path | None, custom: Mapping[str, Any]) -> Inspection:
    """Looks at a model; its layers are made as they would be, without their weights.

    Raises:
        ImporterError: where a file is damaged.
    """
    with ExitStack() as copies:
        source = read_source(copies.enter_context(local_copy(path)), path_text(path))
        stored = source.weights
        if weights is not None:
            stored = read_weights(copies.enter_context(local_copy(weights)), path_text(weights))
        found, model, problem = _made(source, stored, custom)
    rows = list(_rows(source.config, {item.name: item for item in found}, model))
    return Inspection(
        path_text(path),
        f"Keras {source.origin.version or ('2' if source.origin.old else '3')}, {_FORMATS[source.form]}",
        rows + [Row(item.name, item.type, item.why) for item in found if item.name not in {row.name for row in rows}],
        [_end(tensor) for tensor in model.inputs] if model is not None else [],
        [_end(item, item._keras_history.operation.name) for item in model.outputs] if model is not None else [],
        None if model is None else sum(math.prod(item.shape) for item in model.weights),
        _suggestion(path, weights, found),
        problem,
    )


def _made(
    source: Source, stored: Weights | None, custom: Mapping[str, Any]
) -> tuple[list[Finding], keras.Model | None, str]:
    """What cannot be read; else the model without its weights, or why there is none."""
    try:
        config = modernise(source.config, source.origin, custom)
        config.pop("compile_config", None)
        found = list(dict.fromkeys(findings(config, custom, safe_mode=True)))
        if found:
            return found, None, ""
        return [], _only_described(config, source, stored, custom), ""
    except SparkDLError as error:
        return [], None, str(error)


def _only_described(
    config: Node, source: Source, stored: Weights | None, custom: Mapping[str, Any]
) -> keras.Model | None:
    try:
        with unbuilt():
            model = build(config, source.origin, custom, True, stored)
    except ImporterError as error:
        if needs_values(error):
            return None
        raise
    built = getattr(model, "inputs", None) is not None and getattr(model, "outputs", None) is not None
    return model if built else None


def _rows(config: Node, found: Mapping[str, Finding], model: Any, prefix: str = "") -> Iterator[Row]:
    """A row for each layer, and for those of models within the model."""
    by_name = {layer.name: layer for layer in model.layers} if model is not None else {}
    for item in layers_of(config):
        name = name_of(item)
        finding = found.get(name) or found.get(name.replace("/", "_"))
        layer = by_name.get(name) or by_name.get(name.replace("/", "_"))
        if is_model(item):
            yield from _rows(item, found, layer, f"{prefix}{name}/")
            continue
        parameters = None if model is None else sum(math.prod(weight.shape) for weight in getattr(layer, "weights", ()))
        yield Row(prefix + name, item["class_name"], finding.why if finding else "", _shape(layer), parameters)


def _shape(layer: Any) -> tuple[int | None, ...] | None:
    tensors = keras.tree.flatten(getattr(layer, "output", None)) if getattr(layer, "_inbound_nodes", None) else []
    return tuple(tensors[0].shape) if tensors and tensors[0] is not None else None


def _end(tensor: Any, name: str | None = None) -> End:
    return End(name or tensor.name, tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype))


def _suggestion(path: Path, weights: Path | None, found: list[Finding]) -> str:
    own = sorted({item.own for item in found if item.own})
    code = any("safe_mode" in item.why for item in found)
    return call_text(
        "load_keras",
        path_text(path),
        custom_objects=Code("{" + ", ".join(f"{name!r}: {name.rpartition('>')[2]}" for name in own) + "}")
        if own
        else None,
        safe_mode=False if code else None,
        weights=None if weights is None else path_text(weights),
    )
