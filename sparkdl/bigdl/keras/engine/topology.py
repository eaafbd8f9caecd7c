"""What all Keras-style models of BigDL can do, their inputs, and merging."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import sparkdl.bigdl.keras.autograd as autograd  # noqa: F401
from sparkdl.bigdl.feature.common import FeatureSet  # noqa: F401
from sparkdl.bigdl.feature.image import ImageSet  # noqa: F401
from sparkdl.bigdl.feature.text import TextSet  # noqa: F401
from sparkdl.bigdl.keras.base import ZooKerasLayer, callZooFunc  # noqa: F401
from sparkdl.bigdl.keras.engine.summary import summary
from sparkdl.bigdl.keras.engine.training import Training
from sparkdl.bigdl.keras.graphs import Input, InputLayer  # noqa: F401
from sparkdl.bigdl.keras.merging import Merge, merge  # noqa: F401
from sparkdl.bigdl.keras.words import *  # noqa: F403
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.errors import ArgumentError, UnsupportedError


class KerasNet(Training, ZooKerasLayer):
    """A model of layers, to be compiled, trained, evaluated and applied."""

    _layers: list[Layer]

    def save(self, path: str, over_write: bool = False) -> NoReturn:
        """Refused: `saveModel` is BigDL's way."""
        raise UnsupportedError("save(path) is gone from BigDL: call saveModel(path, over_write=True).")

    def set_evaluate_status(self) -> KerasNet:
        """Behaves as when it is applied: without dropout, with moving averages."""
        self.training(False)
        return self

    def freeze(self, names: Any = None) -> KerasNet:
        """Keeps the whole model, or the layers with these names, from training."""
        super().freeze(names or None)
        return self

    def unfreeze(self, names: Any = None) -> KerasNet:
        """Lets the whole model, or the layers with these names, be trained again."""
        super().unfreeze(names or None)
        return self

    @property
    def layers(self) -> list[Layer]:
        """The layers inside it, inputs included."""
        return list(self._layers)

    def flattened_layers(self, include_container: bool = False) -> list[Layer]:
        """The layers inside it and inside of models in it."""
        found: list[Layer] = []
        for layer in self._layers:
            found += layer.flattened_layers(include_container) if isinstance(layer, KerasNet) else [layer]
        return [*found, self] if include_container else found

    def get_layer(self, name: str) -> Layer:
        """The layer of that name.

        Raises:
            ArgumentError: there is none, or several have it.
        """
        found = [layer for layer in self._layers if layer.name() == name]
        if len(found) != 1:
            known = ", ".join(layer.name() for layer in self._layers)
            raise ArgumentError(f"{len(found)} layers of {self.name()} are named {name!r}; its layers are {known}.")
        return found[0]

    def summary(self, line_length: int = 120, positions: Any = [0.33, 0.55, 0.67, 1.0]) -> str:  # noqa: B006
        """Prints a table of the layers, and returns it; `positions` are where its columns end, as parts of a line."""
        text = summary(self._layers, self.value, line_length, positions)
        sys.stdout.write(text + "\n")
        return text

    def to_model(self) -> Any:
        """The same as a graph."""
        raise NotImplementedError(f"{type(self).__name__} has no to_model().")
