"""Convolutions with weights of their own at each place."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.parts import channels, data_format, fused, nn, padding, stacked
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.util.log4Error import *  # noqa: F403


class LocallyConnected1D(ZooKerasLayer):
    """Of sequences: [batch, step, feature] to [batch, step, nb_filter]."""

    RANKS = (3,)

    def __init__(
        self,
        nb_filter: int,
        filter_length: int,
        activation: Any = None,
        border_mode: str = "valid",
        subsample_length: int = 1,
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
        layer = nn.LocallyConnected2D(
            n_input_plane=shape[2],
            input_width=1,
            input_height=shape[1],
            n_output_plane=a.nb_filter,
            kernel_w=1,
            kernel_h=a.filter_length,
            stride_h=a.subsample_length,
            wRegularizer=a.W_regularizer,
            bRegularizer=a.b_regularizer,
            with_bias=a.bias,
            data_format="NHWC",
        )
        column = nn.Reshape([shape[1], 1, shape[2]], True)
        return fused(stacked(column, layer, nn.Squeeze(3)), a.activation)


class LocallyConnected2D(ZooKerasLayer):
    """Of images."""

    RANKS = (4,)

    def __init__(
        self,
        nb_filter: int,
        nb_row: int,
        nb_col: int,
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
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a, pads = self.a, padding(self.a.border_mode)
        form = data_format(a.dim_ordering)
        height, width = shape[2:] if form == "NCHW" else shape[1:3]
        layer = nn.LocallyConnected2D(
            n_input_plane=channels(shape, a.dim_ordering),
            input_width=width,
            input_height=height,
            n_output_plane=a.nb_filter,
            kernel_w=a.nb_col,
            kernel_h=a.nb_row,
            stride_w=a.subsample[1],
            stride_h=a.subsample[0],
            pad_w=pads[1],
            pad_h=pads[0],
            wRegularizer=a.W_regularizer,
            bRegularizer=a.b_regularizer,
            with_bias=a.bias,
            data_format=form,
        )
        return fused(layer, a.activation)
