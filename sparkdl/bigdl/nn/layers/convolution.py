"""Convolutions of frames, images and volumes."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.layers.base import Layer, describe
from sparkdl.nn.torch.initial import generator


class SpatialConvolution(Layer):
    """A convolution of images [batch, n_input_plane, height, width], with or without batch. Pads of -1 mean "SAME"."""

    def __init__(
        self,
        n_input_plane: int,
        n_output_plane: int,
        kernel_w: int,
        kernel_h: int,
        stride_w: int = 1,
        stride_h: int = 1,
        pad_w: int = 0,
        pad_h: int = 0,
        n_group: int = 1,
        propagate_back: bool = True,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        init_weight: Any = None,
        init_bias: Any = None,
        init_grad_weight: Any = None,
        init_grad_bias: Any = None,
        with_bias: bool = True,
        data_format: str = "NCHW",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialConvolution", locals()), bigdl_type)


class SpatialShareConvolution(Layer):
    """A `SpatialConvolution`; BigDL shares its buffers, which makes no difference here."""

    def __init__(
        self,
        n_input_plane: int,
        n_output_plane: int,
        kernel_w: int,
        kernel_h: int,
        stride_w: int = 1,
        stride_h: int = 1,
        pad_w: int = 0,
        pad_h: int = 0,
        n_group: int = 1,
        propagate_back: bool = True,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        init_weight: Any = None,
        init_bias: Any = None,
        init_grad_weight: Any = None,
        init_grad_bias: Any = None,
        with_bias: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialShareConvolution", locals()), bigdl_type)


class SpatialDilatedConvolution(Layer):
    """A convolution of images whose windows have gaps."""

    def __init__(
        self,
        n_input_plane: int,
        n_output_plane: int,
        kw: int,
        kh: int,
        dw: int = 1,
        dh: int = 1,
        pad_w: int = 0,
        pad_h: int = 0,
        dilation_w: int = 1,
        dilation_h: int = 1,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialDilatedConvolution", locals()), bigdl_type)


class SpatialFullConvolution(Layer):
    """A transposed convolution of images, or of a table of images and of a value of the size wished for."""

    def __init__(
        self,
        n_input_plane: int,
        n_output_plane: int,
        kw: int,
        kh: int,
        dw: int = 1,
        dh: int = 1,
        pad_w: int = 0,
        pad_h: int = 0,
        adj_w: int = 0,
        adj_h: int = 0,
        n_group: int = 1,
        no_bias: bool = False,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialFullConvolution", locals()), bigdl_type)


class SpatialSeparableConvolution(Layer):
    """A convolution of each channel by itself, and a 1 x 1 convolution of what comes out."""

    def __init__(
        self,
        n_input_channel: int,
        n_output_channel: int,
        depth_multiplier: int,
        kernel_w: int,
        kernel_h: int,
        stride_w: int = 1,
        stride_h: int = 1,
        pad_w: int = 0,
        pad_h: int = 0,
        with_bias: bool = True,
        data_format: str = "NCHW",
        w_regularizer: Any = None,
        b_regularizer: Any = None,
        p_regularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        b_regularizer = b_regularizer if with_bias else None  # it has a bias in any case, which is not used then
        # BigDL draws the weights of a whole convolution first and does not use them, and later layers depend on it.
        generator().uniform(size=max(0, n_input_channel * n_input_channel * depth_multiplier * kernel_w * kernel_h))
        super().__init__(describe("SpatialSeparableConvolution", locals()), bigdl_type)


class SpatialConvolutionMap(Layer):
    """A convolution with a kernel for each row (from plane, to plane) of a table; planes count from 1."""

    def __init__(
        self,
        conn_table: Any,
        kw: int,
        kh: int,
        dw: int = 1,
        dh: int = 1,
        pad_w: int = 0,
        pad_h: int = 0,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialConvolutionMap", locals()), bigdl_type)


class LocallyConnected1D(Layer):
    """A `TemporalConvolution` with weights of its own at each step."""

    def __init__(
        self,
        n_input_frame: int,
        input_frame_size: int,
        output_frame_size: int,
        kernel_w: int,
        stride_w: int = 1,
        propagate_back: bool = True,
        weight_regularizer: Any = None,
        bias_regularizer: Any = None,
        init_weight: Any = None,
        init_bias: Any = None,
        init_grad_weight: Any = None,
        init_grad_bias: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("LocallyConnected1D", locals()), bigdl_type)


class LocallyConnected2D(Layer):
    """A `SpatialConvolution` with weights of its own at each place."""

    def __init__(
        self,
        n_input_plane: int,
        input_width: int,
        input_height: int,
        n_output_plane: int,
        kernel_w: int,
        kernel_h: int,
        stride_w: int = 1,
        stride_h: int = 1,
        pad_w: int = 0,
        pad_h: int = 0,
        propagate_back: bool = True,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        init_weight: Any = None,
        init_bias: Any = None,
        init_grad_weight: Any = None,
        init_grad_bias: Any = None,
        with_bias: bool = True,
        data_format: str = "NCHW",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("LocallyConnected2D", locals()), bigdl_type)


class TemporalConvolution(Layer):
    """A convolution of frames [batch, steps, input_frame_size], with or without batch."""

    def __init__(
        self,
        input_frame_size: int,
        output_frame_size: int,
        kernel_w: int,
        stride_w: int = 1,
        propagate_back: bool = True,
        weight_regularizer: Any = None,
        bias_regularizer: Any = None,
        init_weight: Any = None,
        init_bias: Any = None,
        init_grad_weight: Any = None,
        init_grad_bias: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("TemporalConvolution", locals()), bigdl_type)


class VolumetricConvolution(Layer):
    """A convolution of volumes [batch, n_input_plane, time, height, width], with or without batch."""

    def __init__(
        self,
        n_input_plane: int,
        n_output_plane: int,
        k_t: int,
        k_w: int,
        k_h: int,
        d_t: int = 1,
        d_w: int = 1,
        d_h: int = 1,
        pad_t: int = 0,
        pad_w: int = 0,
        pad_h: int = 0,
        with_bias: bool = True,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("VolumetricConvolution", locals()), bigdl_type)


class VolumetricFullConvolution(Layer):
    """A transposed convolution of volumes, or of a table of volumes and of a value of the size wished for."""

    def __init__(
        self,
        n_input_plane: int,
        n_output_plane: int,
        kt: int,
        kw: int,
        kh: int,
        dt: int = 1,
        dw: int = 1,
        dh: int = 1,
        pad_t: int = 0,
        pad_w: int = 0,
        pad_h: int = 0,
        adj_t: int = 0,
        adj_w: int = 0,
        adj_h: int = 0,
        n_group: int = 1,
        no_bias: bool = False,
        wRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("VolumetricFullConvolution", locals()), bigdl_type)
