"""A net of Caffe that is cut and frozen for transfer learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkdl.bigdl.nn.layer import Layer
from sparkdl.bigdl.util.common import to_list
from sparkdl.errors import ArgumentError
from sparkdl.importers.caffe.load import load_caffe, read_definition
from sparkdl.nn.torch.kernels.keras_model import keras_module, layer_names


class CaffeGraph(Layer):
    """A net of Caffe between its inputs and some of its blobs.

    Args:
        definition: the prototxt.
        weights: the caffemodel.
        outputs: names of blobs; None for those that no layer reads.
    """

    def __init__(self, definition: str, weights: str, outputs: Sequence[str] | None = None) -> None:
        self._files = definition, weights
        super().__init__(keras_module(load_caffe(definition, weights, outputs=outputs)), "float")

    def new_graph(self, outputs: Any) -> CaffeGraph:
        """The part of the net that ends at the layers with these names, with copies of this one's weights.

        Raises:
            ArgumentError: there is no such layer.
        """
        tops = {layer["name"]: layer["top"][0] for layer in read_definition(self._files[0])["layer"] if "top" in layer}
        for name in to_list(outputs):
            if name not in tops:
                raise ArgumentError(f"{self._files[0]} has no layer named {name!r}; its layers are {', '.join(tops)}.")
        made = CaffeGraph(*self._files, [tops[name] for name in to_list(outputs)])
        for held, own in ((made.value.parameters, self.value.parameters), (made.value.states, self.value.states)):
            held.update({name: own[name] for name in held if name in own})
        return made

    def freeze_up_to(self, names: Any) -> None:
        """Keeps the layers with these names, and all before them, from training.

        Raises:
            ArgumentError: there is no such layer.
        """
        own = layer_names(self.value)
        self.freeze([name for name in layer_names(self.new_graph(names).value) if name in own])
