"""Models that others made: files of BigDL, Torch 7, Keras, TensorFlow and Caffe."""

from __future__ import annotations

from typing import Any

import keras

from sparkdl.bigdl.nn.layers.base import Layer, layer_of
from sparkdl.errors import ArgumentError, UnsupportedError
from sparkdl.importers.bigdl.load import read_module, read_torch_module
from sparkdl.importers.caffe.blobs import read_weights
from sparkdl.importers.caffe.load import load_caffe
from sparkdl.importers.keras.load import load_keras
from sparkdl.importers.tensorflow.load import load_tensorflow
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.kernels.keras_model import keras_module
from sparkdl.nn.torch.module import Array, Module

BYTE_ORDERS = {"little_endian": "little", "big_endian": "big"}


class Loading:
    """The static methods by which `Model` reads files."""

    @staticmethod
    def loadModel(modelPath: str, weightPath: str | None = None, bigdl_type: str = "float") -> Layer:
        """Reads a model file of BigDL, with the file of its weights where they stand apart."""
        return layer_of(read_module(modelPath, weightPath))

    @staticmethod
    def load_torch(path: str, bigdl_type: str = "float") -> Layer:
        """Reads a model file of Torch 7."""
        return layer_of(read_torch_module(path))

    @staticmethod
    def load_keras(json_path: str | None = None, hdf5_path: str | None = None, by_name: bool = False) -> Layer:
        """Reads a Keras model: its definition with or without weights, or one file with both."""
        if json_path is None and hdf5_path is None:
            raise ArgumentError("load_keras needs json_path=, hdf5_path=, or both.")
        if json_path is None:
            return held(load_keras(str(hdf5_path), compile=False))
        return held(load_keras(json_path, weights=hdf5_path, compile=False))

    @staticmethod
    def load_tensorflow(
        path: str,
        inputs: Any,
        outputs: Any,
        byte_order: str = "little_endian",
        bin_file: str | None = None,
        generated_backward: bool = True,
        bigdl_type: str = "float",
    ) -> Layer:
        """Reads a graph of TensorFlow, cut at these tensors; `bin_file` has the values of its variables."""
        if byte_order not in BYTE_ORDERS:
            raise ArgumentError(f"byte_order is {byte_order!r}, expected one of {', '.join(BYTE_ORDERS)}.")
        ends = [[name] if isinstance(name, str) else list(name) for name in (inputs, outputs)]
        return imported(load_tensorflow(path, *ends, bin_file=bin_file, byte_order=BYTE_ORDERS[byte_order]))

    @staticmethod
    def load_caffe_model(defPath: str, modelPath: str, bigdl_type: str = "float") -> Layer:
        """Reads a net of Caffe."""
        return imported(load_caffe(defPath, modelPath))

    @staticmethod
    def load_caffe(
        model: Layer, defPath: str, modelPath: str, match_all: bool = True, bigdl_type: str = "float"
    ) -> Layer:
        """Copies the weights of a net of Caffe into the layers of the same names.

        Args:
            model: what gets the weights.
            defPath: the net's prototxt.
            modelPath: its weights.
            match_all: whether every layer with weights must be found there.

        Raises:
            ArgumentError: if a layer is not found, or has other shapes.
        """
        blobs = read_weights(modelPath)
        for module in model.value.walk():
            if module.parameters and str(module.name) in blobs:
                _copy(module, blobs[str(module.name)], modelPath)
            elif module.parameters and match_all:
                raise ArgumentError(
                    f"{modelPath} has no weights for the layer {module.name!r}; it has those of {', '.join(blobs)}. "
                    "Name your layers as they are named there (set_name), or say match_all=False."
                )
        return model

    @staticmethod
    def train(
        output: Any,
        data: Any,
        label: Any,
        opt_method: Any,
        criterion: Any,
        batch_size: int,
        end_when: Any,
        session: Any = None,
        bigdl_type: str = "float",
    ) -> Layer:
        """Refused: it trained a graph of a session of TensorFlow 1.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            "Model.train trained the graph of a TensorFlow 1 session, which this TensorFlow has not: save the graph, "
            "read it with Model.load_tensorflow, and train it with an Optimizer."
        )


def imported(model: keras.Model) -> Layer:
    """A Keras model as a layer."""
    return Layer(keras_module(model), "float")


def held(model: keras.Model) -> Layer:
    """A Keras model as the one layer of a `Sequential` or of a `Model`, whichever it is itself."""
    inner = keras_module(model)
    if isinstance(model, keras.Sequential):
        return layer_of(make("Sequential", children=[inner]))
    count = len(model.inputs)
    nodes: list[Any] = [*([-1, []] for _ in range(count)), [0, list(range(count))]]
    names = [tensor.name for tensor in model.inputs]
    graph = make("Graph", children=[inner], nodes=nodes, inputs=list(range(count)), outputs=[count], input_names=names)
    return layer_of(graph)


def _copy(module: Module, blobs: tuple[Array, ...], path: str) -> None:
    for (name, parameter), blob in zip(module.parameters.items(), blobs, strict=False):
        if blob.size != parameter.size:
            raise ArgumentError(
                f"{path}: the {name} of {module.name!r} has the shape {blob.shape}, expected {parameter.shape}."
            )
        module.parameters[name] = blob.reshape(parameter.shape).astype("float32")
