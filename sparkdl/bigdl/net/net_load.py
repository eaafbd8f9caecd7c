"""`Net`: models from files of BigDL, Caffe, Keras and Torch."""

import importlib  # noqa: F401
import os  # noqa: F401
import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.net.graph_net import GraphNet
from sparkdl.bigdl.nn.layer import Model as BModel
from sparkdl.bigdl.nn.layer import Sequential
from sparkdl.bigdl.util.bridge import callZooFunc  # noqa: F401
from sparkdl.bigdl.util.log4Error import *  # noqa: F403


class JavaToPython:
    """Which class stands for a module: `GraphNet`."""

    def __init__(self, jvalue: Any, bigdl_type: str = "float") -> None:
        self.jvalue = jvalue

    def get_python_class(self) -> type[GraphNet]:
        """The class."""
        return GraphNet


def _graph(model: Any) -> GraphNet:
    if isinstance(model, Sequential):
        model = model.to_graph()
    return GraphNet.from_jvalue(model.value)


class Net:
    """Reads models; each is a graph that can be cut and frozen."""

    @staticmethod
    def from_jvalue(jvalue: Any, bigdl_type: str = "float") -> GraphNet:
        """The graph of a module."""
        return GraphNet.from_jvalue(jvalue, bigdl_type)

    @staticmethod
    def load(model_path: str, weight_path: str | None = None, bigdl_type: str = "float") -> Any:
        """A model in the manner of Keras, of a file that `saveModel` wrote."""
        from sparkdl.bigdl.keras.models import keras_net

        return keras_net(BModel.loadModel(model_path, weight_path).value)

    @staticmethod
    def load_bigdl(model_path: str, weight_path: str | None = None, bigdl_type: str = "float") -> GraphNet:
        """A model of a file of BigDL."""
        return _graph(BModel.loadModel(model_path, weight_path))

    @staticmethod
    def load_torch(path: str, bigdl_type: str = "float") -> GraphNet:
        """A model of a file of Torch 7."""
        return _graph(BModel.load_torch(path))

    @staticmethod
    def load_caffe(def_path: str, model_path: str, bigdl_type: str = "float") -> Any:
        """A net of Caffe."""
        from sparkdl.bigdl.net.caffe_graph import CaffeGraph

        return CaffeGraph(def_path, model_path)

    @staticmethod
    def load_keras(json_path: str | None = None, hdf5_path: str | None = None, by_name: bool = False) -> Any:
        """A Keras model: its definition, its weights, or a file with both."""
        return BModel.load_keras(json_path, hdf5_path, by_name)
