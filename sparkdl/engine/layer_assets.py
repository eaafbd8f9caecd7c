"""What layers keep beside their weights: the files of lookup layers, and values made of weights."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True)
class LayerAssets:
    """What one layer writes into a `.keras` archive beside its weights. Picklable.

    Attributes:
        position: of the layer among all of the model's.
        files: contents by name.
        variables: what the layer calls its own variables (of a lookup layer the weights of TF-IDF).
    """

    position: int
    files: dict[str, bytes]
    variables: dict[str, np.ndarray] = field(default_factory=dict)


def layer_assets(model: keras.Model) -> tuple[LayerAssets, ...]:
    """The assets of all layers that have any.

    Example:
        >>> lookup = keras.layers.IntegerLookup()
        >>> lookup.adapt([7, 7, 5])
        >>> layer_assets(keras.Sequential([keras.Input((1,), dtype="int64"), lookup]))[0].files
        {'vocabulary.txt': b'-1\\n7\\n5'}
    """
    found = []
    for position, layer in enumerate(model._flatten_layers()):
        if not _has_assets(layer):
            continue
        with tempfile.TemporaryDirectory(prefix="sparkdl-assets-") as folder:
            layer.save_assets(folder)
            files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
        if files:
            variables: dict[str, Any] = {}
            layer.save_own_variables(variables)
            found.append(LayerAssets(position, files, {name: np.array(value) for name, value in variables.items()}))
    return tuple(found)


def load_layer_assets(model: keras.Model, assets: Sequence[LayerAssets]) -> None:
    """Gives the layers of a model like it what `layer_assets` found."""
    layers = list(model._flatten_layers())
    for one in assets:
        layer = layers[one.position]
        layer.load_own_variables(one.variables)
        with tempfile.TemporaryDirectory(prefix="sparkdl-assets-") as folder:
            for name, content in one.files.items():
                Path(folder, name).write_bytes(content)
            layer.load_assets(folder)


def follow_weights(model: keras.Model) -> None:
    """Lets layers compute anew what they keep of their weights, once these were assigned.

    An adapted Normalization would go on with the mean and the variance that it had before.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def _has_assets(layer: keras.layers.Layer) -> bool:
    return hasattr(layer, "save_assets") and hasattr(layer, "load_assets")
