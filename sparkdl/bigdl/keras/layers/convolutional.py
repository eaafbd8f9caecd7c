"""Convolutions; also everything else that Keras counts among them."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.layers.borders import (  # noqa: F401
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from sparkdl.bigdl.keras.parts import (
    channels,
    data_format,
    drawn,
    fused,
    nn,
    only_channels_first,
    padding,
    stacked,
)
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.util.log4Error import *  # noqa: F403


class Convolution1D(ZooKerasLayer):
    """A convolution over sequences: [batch, step, feature] to [batch, step, nb_filter]."""

    RANKS = (3,)

    def __init__(
        self,
        nb_filter: int,
        filter_length: int,
        init: Any = "glorot_uniform",
        limits: Any = None,
        activation: Any = None,
        border_mode: str = "valid",
        subsample_length: int = 1,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a, pads = self.a, padding(self.a.border_mode)
        layer = nn.SpatialConvolution(
            shape[2],
            a.nb_filter,
            1,
            a.filter_length,
            stride_h=a.subsample_length,
            pad_w=pads[1],
            pad_h=pads[0],
            wRegularizer=a.W_regularizer,
            bRegularizer=a.b_regularizer,
            with_bias=a.bias,
            data_format="NHWC",
        )
        column = nn.Reshape([shape[1], 1, shape[2]], True)
        return fused(stacked(column, drawn(layer, a.init, a.limits), nn.Squeeze(3)), a.activation)


class AtrousConvolution1D(ZooKerasLayer):
    """As `Convolution1D`, with steps left out inside of the filter."""

    RANKS = (3,)

    def __init__(
        self,
        nb_filter: int,
        filter_length: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        border_mode: str = "valid",
        subsample_length: int = 1,
        atrous_rate: int = 1,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(border_mode != "valid", "knows border_mode='valid' only")
        self.refuse(not bias, "knows bias=True only")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        layer = nn.SpatialDilatedConvolution(
            shape[2],
            a.nb_filter,
            1,
            a.filter_length,
            dh=a.subsample_length,
            dilation_h=a.atrous_rate,
            wRegularizer=a.W_regularizer,
            bRegularizer=a.b_regularizer,
        )
        row = stacked(
            nn.Transpose([[2, 3]]),
            nn.Reshape([shape[2], shape[1], 1], True),
            drawn(layer, a.init),
            nn.Transpose([[2, 3]]),
            nn.Squeeze(4),
        )
        return fused(row, a.activation)


class Convolution2D(ZooKerasLayer):
    """A convolution over images."""

    RANKS = (4,)

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
        pads: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(len(subsample) != 2, f"needs two strides, received subsample={subsample}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a, pads = self.a, padding(self.a.border_mode, self.a.pads)
        layer = nn.SpatialConvolution(
            channels(shape, a.dim_ordering),
            a.nb_filter,
            a.nb_col,
            a.nb_row,
            stride_w=a.subsample[1],
            stride_h=a.subsample[0],
            pad_w=pads[1],
            pad_h=pads[0],
            wRegularizer=a.W_regularizer,
            bRegularizer=a.b_regularizer,
            with_bias=a.bias,
            data_format=data_format(a.dim_ordering),
        )
        return fused(drawn(layer, a.init), a.activation)


class AtrousConvolution2D(ZooKerasLayer):
    """As `Convolution2D`, with places left out inside of the filter."""

    RANKS = (4,)

    def __init__(
        self,
        nb_filter: int,
        nb_row: int,
        nb_col: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        border_mode: str = "valid",
        subsample: Any = (1, 1),
        atrous_rate: Any = (1, 1),
        dim_ordering: str = "th",
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(border_mode != "valid", "knows border_mode='valid' only")
        self.refuse(not bias, "knows bias=True only")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        only_channels_first(self)
        layer = nn.SpatialDilatedConvolution(
            shape[1],
            a.nb_filter,
            a.nb_col,
            a.nb_row,
            dw=a.subsample[1],
            dh=a.subsample[0],
            dilation_w=a.atrous_rate[1],
            dilation_h=a.atrous_rate[0],
            wRegularizer=a.W_regularizer,
            bRegularizer=a.b_regularizer,
        )
        return fused(drawn(layer, a.init), a.activation)


class Deconvolution2D(ZooKerasLayer):
    """A transposed convolution over images, channels first; `output_shape` follows from the rest and is not read."""

    RANKS = (4,)

    def __init__(
        self,
        nb_filter: int,
        nb_row: int,
        nb_col: int,
        output_shape: Any,
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
        self.refuse(border_mode != "valid", "knows border_mode='valid' only")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        only_channels_first(self)
        layer = nn.SpatialFullConvolution(
            shape[1],
            a.nb_filter,
            a.nb_col,
            a.nb_row,
            dw=a.subsample[1],
            dh=a.subsample[0],
            no_bias=not a.bias,
            wRegularizer=a.W_regularizer,
            bRegularizer=a.b_regularizer,
        )
        return fused(drawn(layer, a.init), a.activation)


class SeparableConvolution2D(ZooKerasLayer):
    """A convolution of each channel, then one of 1 by 1 over all."""

    RANKS = (4,)

    def __init__(
        self,
        nb_filter: int,
        nb_row: int,
        nb_col: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        border_mode: str = "valid",
        subsample: Any = (1, 1),
        depth_multiplier: int = 1,
        dim_ordering: str = "th",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a, pads = self.a, padding(self.a.border_mode)
        layer = nn.SpatialSeparableConvolution(
            channels(shape, a.dim_ordering),
            a.nb_filter,
            a.depth_multiplier,
            a.nb_col,
            a.nb_row,
            stride_w=a.subsample[1],
            stride_h=a.subsample[0],
            pad_w=pads[1],
            pad_h=pads[0],
            with_bias=a.bias,
            data_format=data_format(a.dim_ordering),
            w_regularizer=a.depthwise_regularizer,
            b_regularizer=a.b_regularizer,
            p_regularizer=a.pointwise_regularizer,
        )
        return fused(layer, a.activation)


class Convolution3D(ZooKerasLayer):
    """A convolution over volumes, channels first."""

    RANKS = (5,)

    def __init__(
        self,
        nb_filter: int,
        kernel_dim1: int,
        kernel_dim2: int,
        kernel_dim3: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        border_mode: str = "valid",
        subsample: Any = (1, 1, 1),
        dim_ordering: str = "th",
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(len(subsample) != 3, f"needs three strides, received subsample={subsample}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a, pad = self.a, padding(self.a.border_mode)[0]
        only_channels_first(self)
        layer = nn.VolumetricConvolution(
            shape[1],
            a.nb_filter,
            k_t=a.kernel_dim1,
            k_w=a.kernel_dim3,
            k_h=a.kernel_dim2,
            d_t=a.subsample[0],
            d_w=a.subsample[2],
            d_h=a.subsample[1],
            pad_t=pad,
            pad_w=pad,
            pad_h=pad,
            with_bias=a.bias,
            wRegularizer=a.W_regularizer,
            bRegularizer=a.b_regularizer,
        )
        return fused(drawn(layer, a.init), a.activation)


Conv1D = Convolution1D
Conv2D = Convolution2D
Conv3D = Convolution3D
Deconv2D = Deconvolution2D
AtrousConv1D = AtrousConvolution1D
AtrousConv2D = AtrousConvolution2D
SeparableConv2D = SeparableConvolution2D
