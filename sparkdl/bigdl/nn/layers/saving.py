"""What every layer can be saved as."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Any, TypeVar

from sparkdl.errors import StorageError
from sparkdl.importers.bigdl.caffe_net import caffe_net
from sparkdl.importers.bigdl.frozen_graph import frozen_graph
from sparkdl.importers.bigdl.load import module_bytes
from sparkdl.importers.bigdl.topology import topology
from sparkdl.nn.torch.eager import Recording
from sparkdl.nn.torch.module import Module
from sparkdl.spark.storage import read_if_present, write_file
from sparkdl.summary import SummaryWriter

_QUANTIZED = "sparkdl.bigdl.nn.layers.quantized"
Self = TypeVar("Self", bound="Saving")


class Saving:
    """The part of a layer that writes files, to local paths and those of other storages.

    Attributes:
        value: the layer's module.
    """

    value: Module
    _recording: Recording | None

    def _input_shape(self) -> list[int] | None:
        inputs = self._recording.inputs if self._recording is not None else None
        return None if inputs is None or isinstance(inputs, list) else list(inputs.shape)

    def saveModel(self, modelPath: str, weightPath: str | None = None, over_write: bool = False) -> None:
        """Writes a model file of BigDL, and the file of its weights where they are to stand apart.

        Raises:
            StorageError: if a file is there and `over_write` is false.
            UnsupportedError: for layers that BigDL's files do not know.
        """
        _refuse_overwriting([modelPath, weightPath], over_write, "over_write")
        model, weights = module_bytes(self.value, weights_apart=weightPath is not None)
        write_file(modelPath, model)
        if weightPath is not None and weights is not None:
            write_file(weightPath, weights)

    def save(self: Self, path: str, over_write: bool = False) -> Self:
        """Writes a model file of BigDL, as `saveModel` does: there is no Java whose objects could be written."""
        self.saveModel(path, over_write=over_write)
        return self

    def quantize(self) -> Any:
        """A copy of the layer in eight bits, for `forward`, `predict` and `evaluate`: see `QuantizedLayer`.

        Call `forward` with a batch of usual rows before: without them only the weights are in eight bits, and
        convolutions compute in float32.

        Raises:
            MissingExtraError: NNCF or OpenVINO is not installed (`pip install 'sparkdl[quantization]'`).
            UnsupportedError: they cannot take the layer.
        """
        # It is a layer itself, so it knows this module.
        return importlib.import_module(_QUANTIZED).QuantizedLayer.of_layer(self)

    def save_tensorflow(
        self, inputs: Sequence[Any], path: str, byte_order: str = "little_endian", data_format: str = "nhwc"
    ) -> None:
        """Writes a frozen graph of TensorFlow, whose axes are those of the layers.

        Args:
            inputs: (name, shape with the batch in front) of each placeholder.
            path: the file.
            byte_order: means nothing: TensorFlow's files have one order.
            data_format: means nothing: the graph takes what the layers take.
        """
        write_file(path, frozen_graph(self.value, [(name, shape) for name, shape in inputs]).SerializeToString())

    def save_caffe(self, prototxt_path: str, model_path: str, use_v2: bool = True, overwrite: bool = False) -> None:
        """Writes a net of Caffe, in the form of its second version: the prototxt and the weights.

        The input is `data`, with the shape of the last `forward`; before any, its shape is left open.

        Raises:
            StorageError: if a file is there and `overwrite` is false.
            UnsupportedError: for layers that Caffe has nothing for.
        """
        _refuse_overwriting([prototxt_path, model_path], overwrite, "overwrite")
        text, weights = caffe_net(self.value, self._input_shape())
        write_file(prototxt_path, text.encode())
        write_file(model_path, weights)

    def save_graph_topology(self: Self, log_path: str, bigdl_type: str = "float") -> Self:
        """Writes how the layers hang together into an event file of a folder, for TensorBoard."""
        with SummaryWriter(log_path) as writer:
            writer.graph(topology(self.value).SerializeToString())
        return self


def _refuse_overwriting(paths: Sequence[str | None], overwrite: bool, argument: str) -> None:
    for path in paths:
        if path is not None and not overwrite and _exists(path):
            raise StorageError(f"{path} is there already; say {argument}=True to replace it.")


def _exists(path: str) -> bool:
    return os.path.exists(path) if "://" not in path else read_if_present(path) is not None
