"""Normalization over a batch, over neighbours, or over an axis."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.layers.base import Layer, describe


class BatchNormalization(Layer):
    """Columns of [batch, n_output] with mean 0 and deviation 1, times the weight, plus the bias."""

    def __init__(
        self,
        n_output: int,
        eps: float = 1e-05,
        momentum: float = 0.1,
        affine: bool = True,
        init_weight: Any = None,
        init_bias: Any = None,
        init_grad_weight: Any = None,
        init_grad_bias: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("BatchNormalization", locals()), bigdl_type)


class SpatialBatchNormalization(Layer):
    """A `BatchNormalization` of the channels of images."""

    def __init__(
        self,
        n_output: int,
        eps: float = 1e-05,
        momentum: float = 0.1,
        affine: bool = True,
        init_weight: Any = None,
        init_bias: Any = None,
        init_grad_weight: Any = None,
        init_grad_bias: Any = None,
        data_format: str = "NCHW",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialBatchNormalization", locals()), bigdl_type)


class SpatialCrossMapLRN(Layer):
    """x / (k + alpha * mean of x squared over neighbouring channels) ** beta."""

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1.0,
        beta: float = 0.75,
        k: float = 1.0,
        data_format: str = "NCHW",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialCrossMapLRN", locals()), bigdl_type)


class SpatialWithinChannelLRN(Layer):
    """x / (1 + alpha * mean of x squared over the window around it) ** beta."""

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1.0,
        beta: float = 0.75,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialWithinChannelLRN", locals()), bigdl_type)


class SpatialSubtractiveNormalization(Layer):
    """x less the weighted mean of its neighbours in all planes."""

    def __init__(
        self,
        n_input_plane: int = 1,
        kernel: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialSubtractiveNormalization", locals()), bigdl_type)


class SpatialDivisiveNormalization(Layer):
    """x over the weighted deviation of its neighbours in all planes."""

    def __init__(
        self,
        n_input_plane: int = 1,
        kernel: Any = None,
        threshold: float = 0.0001,
        thresval: float = 0.0001,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialDivisiveNormalization", locals()), bigdl_type)


class SpatialContrastiveNormalization(Layer):
    """A subtractive normalization, then a divisive one."""

    def __init__(
        self,
        n_input_plane: int = 1,
        kernel: Any = None,
        threshold: float = 0.0001,
        thresval: float = 0.0001,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialContrastiveNormalization", locals()), bigdl_type)


class Normalize(Layer):
    """x over its p-norm along the channels."""

    def __init__(
        self,
        p: float,
        eps: float = 1e-10,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("Normalize", locals()), bigdl_type)


class NormalizeScale(Layer):
    """A `Normalize`, times a trained weight of the shape `size` that starts at `scale`."""

    def __init__(
        self,
        p: float,
        scale: float,
        size: Any,
        w_regularizer: Any = None,
        eps: float = 1e-10,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("NormalizeScale", locals()), bigdl_type)


class LayerNormalization(Layer):
    """The last axis with mean 0 and deviation 1, times the weight, plus the bias."""

    def __init__(
        self,
        hidden_size: int,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("LayerNormalization", locals()), bigdl_type)
