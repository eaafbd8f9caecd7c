"""Writes models as Keras 2 did: JSON, and HDF5 with a group per layer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Arrays = Sequence[tuple[str, np.ndarray]]


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, "trainable": True, **config}}


def sequential(*layers: dict[str, Any], version: str = "2.3.1", backend: str = "tensorflow") -> dict[str, Any]:
    """A Sequential model as its JSON has it."""
    config = {"name": "sequential_1", "layers": list(layers)}
    return {"class_name": "Sequential", "config": config, "keras_version": version, "backend": backend}


def functional(layers: Sequence[dict[str, Any]], outputs: Sequence[str]) -> dict[str, Any]:
    """A chain of layers, as the JSON of tf.keras has it; `inbound_nodes` of layers that have none are made."""
    last: str | None = None
    for item in layers:
        name = item["config"]["name"]
        item["name"] = name
        item.setdefault("inbound_nodes", [] if last is None else [[[last, 0, 0, {}]]])
        last = name
    ends = {"input_layers": [[layers[0]["name"], 0, 0]], "output_layers": [[name, 0, 0] for name in outputs]}
    config = {"name": "model_1", "layers": list(layers), **ends}
    return {"class_name": "Model", "config": config, "keras_version": "2.4.0", "backend": "tensorflow"}


def write_json(path: Path, model: Any) -> Path:
    path.write_text(json.dumps(model))
    return path


def write_weights(group: Any, arrays: Mapping[str, Arrays]) -> None:
    group.attrs["layer_names"] = np.array([name.encode() for name in arrays], dtype="S64")
    for name, items in arrays.items():
        inside = group.create_group(name)
        inside.attrs["weight_names"] = np.array([item.encode() for item, _ in items], dtype="S64")
        for item, value in items:
            inside[item] = value


def write_hdf5(path: Path, model: Any, arrays: Mapping[str, Arrays], training: Any = None) -> Path:
    """A whole model, or weights alone where the model is None."""
    with h5py.File(path, "w") as file:
        if model is None:
            write_weights(file, arrays)
            return path
        file.attrs["model_config"] = json.dumps(model)
        file.attrs["keras_version"] = model["keras_version"]
        file.attrs["backend"] = model["backend"]
        if training is not None:
            file.attrs["training_config"] = json.dumps(training)
        write_weights(file.create_group("model_weights"), arrays)
    return path
