"""Keras models as layers of BigDL: of Keras 3, and of files that older ones wrote."""

from __future__ import annotations

import warnings  # noqa: F401
from pathlib import Path
from typing import Any, NoReturn

import keras
import numpy as np  # noqa: F401
from keras.models import model_from_json  # noqa: F401

import sparkdl.bigdl.nn.layer as BLayer
import sparkdl.bigdl.util.common as BCommon
from sparkdl.bigdl.keras.ToBigDLHelper import *  # noqa: F403
from sparkdl.bigdl.keras.ToBigDLHelper import to_bigdl_2d_ordering, to_bigdl_3d_ordering, to_bigdl_init, to_bigdl_reg
from sparkdl.bigdl.keras.weights import WeightsConverter  # noqa: F401
from sparkdl.bigdl.nn.initialization_method import InitializationMethod
from sparkdl.bigdl.nn.layer import Layer, Model, Sequential  # noqa: F401
from sparkdl.bigdl.nn.layers.base import regularize
from sparkdl.bigdl.nn.layers.loading import Loading, held, imported
from sparkdl.bigdl.util.common import get_activation_by_name  # noqa: F401
from sparkdl.errors import ArgumentError, UnsupportedError
from sparkdl.nn.torch.initial import constant
from sparkdl.nn.torch.kernels.keras_model import KIND, keras_module
from sparkdl.nn.torch.module import Parameter


def unsupport_exp(name: Any) -> NoReturn:
    """Refuses something by name.

    Raises:
        UnsupportedError: always.
    """
    raise UnsupportedError(f"BigDL's way of Keras models does not know {name!r}: leave it out, or use sparkdl.fit.")


class DefinitionLoader:
    """Reads the definitions of Keras models; the layer starts with the weights that Keras gave them."""

    def __init__(self, kmodel: Any) -> None:
        self.kmodel = kmodel

    @classmethod
    def from_kmodel(cls, kmodel: Any) -> Layer:
        """The layer of a Keras model, with its weights."""
        return held(kmodel)

    @classmethod
    def from_hdf5_path(cls, hdf5_path: str) -> Layer:
        """The layer of the model in an HDF5 file."""
        return Loading.load_keras(hdf5_path=BCommon.get_local_file(hdf5_path))

    @classmethod
    def from_json_path(cls, json_path: str) -> Layer:
        """The layer of the definition in a JSON file."""
        return Loading.load_keras(json_path=BCommon.get_local_file(json_path))

    @classmethod
    def from_json_str(cls, json_str: str) -> Layer:
        """The layer of a definition in JSON."""
        path = Path(f"{BCommon.create_tmp_path()}.json")
        path.write_text(json_str)
        try:
            return Loading.load_keras(json_path=str(path))
        finally:
            path.unlink()


class WeightLoader:
    """Puts weights of Keras models into layers that stand for the same models."""

    @staticmethod
    def load_weights_from_json_hdf5(def_json: str, weights_hdf5: str, by_name: bool = False) -> Layer:
        """The layer of a definition in JSON with the weights of an HDF5 file."""
        definition, weights = (BCommon.get_local_file(path) for path in (def_json, weights_hdf5))
        return Loading.load_keras(json_path=definition, hdf5_path=weights, by_name=by_name)

    @staticmethod
    def load_weights_from_hdf5(bmodel: Layer, kmodel: Any, filepath: str, by_name: bool = False) -> None:
        """Puts the weights of an HDF5 file into a layer, and into the Keras model that it was made of."""
        kmodel.load_weights(BCommon.get_local_file(filepath), **({"by_name": True} if by_name else {}))
        WeightLoader.load_weights_from_kmodel(bmodel, kmodel)

    @staticmethod
    def load_weights_from_kmodel(bmodel: Layer, kmodel: Any) -> None:
        """Puts the weights of a Keras model into the layer that was made of it."""
        given = keras_module(kmodel)
        own = next((part for part in bmodel.value.walk() if part.kind == KIND), bmodel.value)
        names = [{*module.parameters, *module.states} for module in (given, own)]
        if names[0] != names[1]:
            raise ArgumentError(
                f"the layer {bmodel.name()} was not made of the Keras model {kmodel.name}: their weights are others."
            )
        own.parameters, own.states = given.parameters, given.states


class LayerConverter:
    """The layer of one layer of Keras's.

    Args:
        klayer: the layer.
        kclayer: its configuration.
        input_shape: of its input with the batch, or a list of them; without it, what the layer was built with.
    """

    def __init__(self, klayer: Any, kclayer: Any, input_shape: Any = None) -> None:
        self.klayer, self.kclayer, self.input_shape = klayer, kclayer, input_shape
        self.config = (kclayer or {}).get("config", {})

    def create(self) -> Layer:
        """The layer, with the weights of Keras's."""
        shape = self.input_shape
        if shape is None:
            inputs = self.klayer.input
        elif isinstance(shape, list):
            inputs = [keras.Input(part[1:]) for part in shape]
        else:
            inputs = keras.Input(shape[1:])
        return imported(keras.Model(inputs, self.klayer(inputs), name=self.klayer.name))

    create_activation = create_activityregularization = create_atrousconvolution1d = create
    create_atrousconvolution2d = create_averagepooling1d = create_averagepooling2d = create_averagepooling3d = create
    create_batchnormalization = create_bidirectional = create_convlstm2d = create_convolution1d = create
    create_convolution2d = create_convolution3d = create_cropping1d = create_cropping2d = create_cropping3d = create
    create_deconvolution2d = create_dense = create_dropout = create_elu = create_embedding = create_flatten = create
    create_gaussiandropout = create_gaussiannoise = create_globalaveragepooling1d = create
    create_globalaveragepooling2d = create_globalaveragepooling3d = create_globalmaxpooling1d = create
    create_globalmaxpooling2d = create_globalmaxpooling3d = create_gru = create_highway = create_inputlayer = create
    create_leakyrelu = create_locallyconnected1d = create_locallyconnected2d = create_lstm = create_masking = create
    create_maxoutdense = create_maxpooling1d = create_maxpooling2d = create_maxpooling3d = create_merge = create
    create_model = create_parametricsoftplus = create_permute = create_prelu = create_repeatvector = create
    create_reshape = create_separableconvolution2d = create_sequential = create_simplernn = create
    create_spatialdropout1d = create_spatialdropout2d = create_spatialdropout3d = create_srelu = create
    create_thresholdedrelu = create_timedistributed = create_timedistributeddense = create_upsampling1d = create
    create_upsampling2d = create_upsampling3d = create_zeropadding1d = create_zeropadding2d = create
    create_zeropadding3d = create

    def _cell(self, klayer: Any, input_shape: Any, name: str) -> Layer:
        config = klayer.get_config()
        activations = [get_activation_by_name(config["activation"])]
        if "recurrent_activation" in config:
            activations.append(get_activation_by_name(config["recurrent_activation"]))
        arguments: dict[str, Any] = dict(zip(("activation", "inner_activation"), activations, strict=False))
        made: Layer = getattr(BLayer, name)(int(input_shape[-1]), config["units"], **arguments)
        return made

    def generate_lstm_cell(self, klayer: Any, kclayer: Any, input_shape: Any) -> Layer:
        """The cell of a layer of Keras's, with new weights."""
        return self._cell(klayer, input_shape, "LSTM")

    def generate_gru_cell(self, klayer: Any, kclayer: Any, input_shape: Any) -> Layer:
        """The cell of a layer of Keras's, with new weights."""
        return self._cell(klayer, input_shape, "GRU")

    def generate_simplernn_cell(self, klayer: Any, kclayer: Any, input_shape: Any) -> Layer:
        """The cell of a layer of Keras's, with new weights."""
        return self._cell(klayer, input_shape, "RnnCell")

    def generate_convlstm2d_cell(self, klayer: Any, kclayer: Any, input_shape: Any) -> Layer:
        """The cell of a layer of Keras's, with new weights; the input has channels first."""
        size = int(klayer.kernel_size[0])
        return BLayer.ConvLSTMPeephole(int(input_shape[2]), klayer.filters, size, size, with_peephole=False)

    def get_bdim_order(self, dim: str = "2D") -> str:
        """The order of the layer's dimensions in BigDL's words, for "2D" or "3D"."""
        order = "th" if getattr(self.klayer, "data_format", None) == "channels_first" else "tf"
        return to_bigdl_2d_ordering(order) if dim == "2D" else to_bigdl_3d_ordering(order)

    def get_value_from_init(self, kinit_method: str, shape: Any) -> Any:
        """An array of one of Keras's initial values."""
        method: InitializationMethod = to_bigdl_init(kinit_method)
        fans = (int(shape[-1]), int(shape[0])) if len(shape) > 1 else None
        return method.initial(Parameter(tuple(shape), constant(0.0), fans))

    def combo_parameter_layer(self, blayer: Layer, config: Any) -> Layer:
        """A layer with the name, the regularizers and the activation that a configuration says."""
        blayer.set_name(config["name"])
        for role, name in (("w", "W_regularizer"), ("b", "b_regularizer")):
            found = to_bigdl_reg(config.get(name))
            if found is not None:
                regularize(blayer.value, role, found)
        return self.fuse(blayer, config.get("activation", "linear"))

    def fuse(self, src_blayer: Layer, activation: str) -> Layer:
        """A layer with an activation behind it; alone where that is "linear"."""
        if activation == "linear":
            return src_blayer
        row = Sequential().add(src_blayer).add(get_activation_by_name(activation, f"{src_blayer.name()}_activation"))
        return row.set_name(src_blayer.name())
