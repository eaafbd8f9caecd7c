"""The Keras-style layers of BigDL 0.x: those of 2.x, some with fewer arguments."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras import layers as later
from sparkdl.bigdl.keras.base import InferShape, ZooKerasCreator, ZooKerasLayer  # noqa: F401
from sparkdl.bigdl.keras.graphs import Input, InputLayer  # noqa: F401
from sparkdl.bigdl.keras.layers import (  # noqa: F401
    ELU,
    GRU,
    LSTM,
    Activation,
    AtrousConvolution1D,
    AtrousConvolution2D,
    AveragePooling1D,
    AveragePooling3D,
    BatchNormalization,
    Bidirectional,
    Convolution3D,
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Deconvolution2D,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    Highway,
    LeakyReLU,
    LocallyConnected1D,
    LocallyConnected2D,
    Masking,
    MaxoutDense,
    MaxPooling3D,
    Permute,
    RepeatVector,
    Reshape,
    SeparableConvolution2D,
    SimpleRNN,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
    SReLU,
    ThresholdedReLU,
    TimeDistributed,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from sparkdl.bigdl.keras.merging import Merge, merge  # noqa: F401
from sparkdl.bigdl.nn.layers.base import Layer, SharedStaticUtils  # noqa: F401
from sparkdl.bigdl.nn.layers.graph import Container, Node  # noqa: F401
from sparkdl.bigdl.util.common import JavaValue, JTensor, callBigDlFunc  # noqa: F401
from sparkdl.bigdl.util.log4Error import *  # noqa: F403

KerasCreator = ZooKerasCreator
KerasLayer = ZooKerasLayer


class Dense(later.Dense):
    """The product of the last dimension with a trained matrix, plus a bias: [batch, ..., in] to [batch, ..., out]."""

    def __init__(
        self,
        output_dim: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_dim: int | None = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        input_shape = (input_dim,) if input_dim else input_shape
        self.begin({**locals(), "limits": None})


class Embedding(later.Embedding):
    """The rows of a trained table at numbers from 0: [batch, n] to [batch, n, output_dim]."""

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        init: Any = "uniform",
        W_regularizer: Any = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        fixed = {"weights": None, "trainable": True, "padding_value": 0, "zero_based_id": True}
        self.begin({**locals(), **fixed})


class Convolution1D(later.Convolution1D):
    """A convolution over sequences: [batch, step, feature] to [batch, step, nb_filter]."""

    def __init__(
        self,
        nb_filter: int,
        filter_length: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        border_mode: str = "valid",
        subsample_length: int = 1,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin({**locals(), "limits": None})


class Convolution2D(later.Convolution2D):
    """A convolution over images."""

    def __init__(
        self,
        nb_filter: int,
        nb_row: int,
        nb_col: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        border_mode: str = "valid",
        subsample: Any = (1, 1),
        dim_ordering: str = "th",
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin({**locals(), "pads": None})


class MaxPooling1D(later.MaxPooling1D):
    """The largest values of windows of steps."""

    def __init__(
        self,
        pool_length: int = 2,
        stride: int | None = None,
        border_mode: str = "valid",
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin({**locals(), "pad": 0})


class MaxPooling2D(later.MaxPooling2D):
    """The largest values of windows of images."""

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        border_mode: str = "valid",
        dim_ordering: str = "th",
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin({**locals(), "pads": None})


class AveragePooling2D(later.AveragePooling2D):
    """The means of windows of images; what is padded does not count."""

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        border_mode: str = "valid",
        dim_ordering: str = "th",
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin({**locals(), "pads": None})


class ConvLSTM2D(later.ConvLSTM2D):
    """Long short-term memory of sequences of images: [batch, step, channel, row, column]."""

    def __init__(
        self,
        nb_filter: int,
        nb_row: int,
        nb_col: int,
        activation: Any = "tanh",
        inner_activation: Any = "hard_sigmoid",
        dim_ordering: str = "th",
        border_mode: str = "same",
        subsample: Any = (1, 1),
        W_regularizer: Any = None,
        U_regularizer: Any = None,
        b_regularizer: Any = None,
        return_sequences: bool = False,
        go_backwards: bool = False,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(border_mode != "same", "knows border_mode='same' only")
        self.refuse(nb_row != nb_col, "knows square filters only")
        self.refuse(subsample[0] != subsample[1], "knows equal strides only")
        self.begin(locals())


Conv1D = Convolution1D
Conv2D = Convolution2D
Conv3D = Convolution3D
Deconv2D = Deconvolution2D
AtrousConv1D = AtrousConvolution1D
AtrousConv2D = AtrousConvolution2D
SeparableConv2D = SeparableConvolution2D
