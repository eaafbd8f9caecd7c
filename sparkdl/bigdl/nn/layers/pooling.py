"""The largest value, or the mean, of each window."""

from __future__ import annotations

from sparkdl.bigdl.nn.layers.base import Layer, describe


class SpatialMaxPooling(Layer):
    """The largest value of each window of images. Pads of -1 mean "SAME"."""

    def __init__(
        self,
        kw: int,
        kh: int,
        dw: int,
        dh: int,
        pad_w: int = 0,
        pad_h: int = 0,
        to_ceil: bool = False,
        format: str = "NCHW",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialMaxPooling", locals()), bigdl_type)


class SpatialAveragePooling(Layer):
    """The mean of each window of images. Pads of -1 mean "SAME"."""

    def __init__(
        self,
        kw: int,
        kh: int,
        dw: int = 1,
        dh: int = 1,
        pad_w: int = 0,
        pad_h: int = 0,
        global_pooling: bool = False,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divide: bool = True,
        format: str = "NCHW",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialAveragePooling", locals()), bigdl_type)


class TemporalMaxPooling(Layer):
    """The largest value of each window of k_w steps; without d_w windows do not overlap."""

    def __init__(
        self,
        k_w: int,
        d_w: int = -1,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("TemporalMaxPooling", locals()), bigdl_type)


class VolumetricMaxPooling(Layer):
    """The largest value of each window of volumes."""

    def __init__(
        self,
        k_t: int,
        k_w: int,
        k_h: int,
        d_t: int,
        d_w: int,
        d_h: int,
        pad_t: int = 0,
        pad_w: int = 0,
        pad_h: int = 0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("VolumetricMaxPooling", locals()), bigdl_type)


class VolumetricAveragePooling(Layer):
    """The mean of each window of volumes."""

    def __init__(
        self,
        k_t: int,
        k_w: int,
        k_h: int,
        d_t: int,
        d_w: int,
        d_h: int,
        pad_t: int = 0,
        pad_w: int = 0,
        pad_h: int = 0,
        count_include_pad: bool = True,
        ceil_mode: bool = False,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("VolumetricAveragePooling", locals()), bigdl_type)
