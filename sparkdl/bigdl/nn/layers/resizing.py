"""Values made larger or smaller in space."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.layers.base import Layer, describe


class SpatialZeroPadding(Layer):
    """Zeros around images; negative numbers crop."""

    def __init__(
        self,
        pad_left: int,
        pad_right: int,
        pad_top: int,
        pad_bottom: int,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SpatialZeroPadding", locals()), bigdl_type)


class Cropping2D(Layer):
    """Images without their first and last rows and columns."""

    def __init__(
        self,
        heightCrop: Any,
        widthCrop: Any,
        data_format: str = "NCHW",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("Cropping2D", locals()), bigdl_type)


class Cropping3D(Layer):
    """Volumes without the first and last elements of each axis."""

    def __init__(
        self,
        dim1Crop: Any,
        dim2Crop: Any,
        dim3Crop: Any,
        data_format: str = "channel_first",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("Cropping3D", locals()), bigdl_type)


class UpSampling1D(Layer):
    """Each step `length` times."""

    def __init__(
        self,
        length: int,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("UpSampling1D", locals()), bigdl_type)


class UpSampling2D(Layer):
    """Each row size[0] times, each column size[1] times."""

    def __init__(
        self,
        size: Any,
        data_format: str = "nchw",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("UpSampling2D", locals()), bigdl_type)


class UpSampling3D(Layer):
    """Each element of the three axes of space as often as `size` says."""

    def __init__(
        self,
        size: Any,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("UpSampling3D", locals()), bigdl_type)


class ResizeBilinear(Layer):
    """Images of another size, by bilinear interpolation."""

    def __init__(
        self,
        output_height: int,
        output_width: int,
        align_corner: bool = False,
        data_format: str = "NCHW",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("ResizeBilinear", locals()), bigdl_type)
