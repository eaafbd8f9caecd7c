"""Largest values and means of windows, and of everything."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.parts import data_format, nn, only_channels_first, padding, stacked
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.util.log4Error import *  # noqa: F403


def _steps(shape: Any, layer: Layer) -> Layer:
    """A layer for images of one column, for sequences."""
    return stacked(nn.Reshape([shape[1], 1, shape[2]], True), layer, nn.Squeeze(3))


class MaxPooling1D(ZooKerasLayer):
    """The largest values of windows of steps."""

    RANKS = (3,)

    def __init__(
        self,
        pool_length: int = 2,
        stride: int | None = None,
        border_mode: str = "valid",
        input_shape: Any = None,
        pad: int = 0,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        pads = padding(a.border_mode, (a.pad, 0) if a.pad else None)
        stride = a.stride or a.pool_length
        pool = nn.SpatialMaxPooling(1, a.pool_length, 1, stride, pad_w=pads[1], pad_h=pads[0], format="NHWC")
        return _steps(shape, pool)


class AveragePooling1D(ZooKerasLayer):
    """The means of windows of steps."""

    RANKS = (3,)

    def __init__(
        self,
        pool_length: int = 2,
        stride: int | None = None,
        border_mode: str = "valid",
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a, pads = self.a, padding(self.a.border_mode)
        pool = nn.SpatialAveragePooling(
            1,
            a.pool_length,
            1,
            a.stride or a.pool_length,
            pad_w=pads[1],
            pad_h=pads[0],
            count_include_pad=False,
            format="NHWC",
        )
        return _steps(shape, pool)


class MaxPooling2D(ZooKerasLayer):
    """The largest values of windows of images."""

    RANKS = (4,)

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        border_mode: str = "valid",
        dim_ordering: str = "th",
        input_shape: Any = None,
        pads: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(len(pool_size) != 2, f"needs two sizes, received pool_size={pool_size}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a, pads = self.a, padding(self.a.border_mode, self.a.pads)
        (height, width), (rows, columns) = a.pool_size, a.strides or a.pool_size
        form = data_format(a.dim_ordering)
        pool = nn.SpatialMaxPooling(width, height, columns, rows, pad_w=pads[1], pad_h=pads[0], format=form)
        return stacked(pool)


class AveragePooling2D(ZooKerasLayer):
    """The means of windows of images; what is padded does not count, whatever `count_include_pad` says."""

    RANKS = (4,)

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        border_mode: str = "valid",
        dim_ordering: str = "th",
        input_shape: Any = None,
        pads: Any = None,
        count_include_pad: bool = False,
        **kwargs: Any,
    ) -> None:
        self.refuse(len(pool_size) != 2, f"needs two sizes, received pool_size={pool_size}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a, pads = self.a, padding(self.a.border_mode, self.a.pads)
        (height, width), (rows, columns) = a.pool_size, a.strides or a.pool_size
        form = data_format(a.dim_ordering)
        pool = nn.SpatialAveragePooling(
            width, height, columns, rows, pad_w=pads[1], pad_h=pads[0], count_include_pad=False, format=form
        )
        return stacked(pool)


class _Pooling3D(ZooKerasLayer):
    RANKS = (5,)

    def _windows(self) -> list[int]:
        planes, rows, columns = self.a.pool_size
        every = self.a.strides or self.a.pool_size
        return [planes, columns, rows, every[0], every[2], every[1]]


class MaxPooling3D(_Pooling3D):
    """The largest values of windows of volumes, channels first."""

    def __init__(
        self,
        pool_size: Any = (2, 2, 2),
        strides: Any = None,
        border_mode: str = "valid",
        dim_ordering: str = "th",
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(border_mode != "valid", "knows border_mode='valid' only")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        only_channels_first(self)
        return stacked(nn.VolumetricMaxPooling(*self._windows()))


class AveragePooling3D(_Pooling3D):
    """The means of windows of volumes, channels first."""

    def __init__(
        self,
        pool_size: Any = (2, 2, 2),
        strides: Any = None,
        border_mode: str = "valid",
        dim_ordering: str = "th",
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(border_mode != "valid", "knows border_mode='valid' only")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        only_channels_first(self)
        return stacked(nn.VolumetricAveragePooling(*self._windows(), count_include_pad=False))


class GlobalAveragePooling1D(ZooKerasLayer):
    """The means over all steps: [batch, step, feature] to [batch, feature]."""

    RANKS = (3,)

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        pool = nn.SpatialAveragePooling(1, shape[1], count_include_pad=False, format="NHWC")
        return stacked(_steps(shape, pool), nn.Squeeze(2))


class GlobalMaxPooling1D(ZooKerasLayer):
    """The largest values over all steps: [batch, step, feature] to [batch, feature]."""

    RANKS = (3,)

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        pool = nn.SpatialMaxPooling(1, shape[1], 1, 1, format="NHWC")
        return stacked(_steps(shape, pool), nn.Squeeze(2))


class GlobalAveragePooling2D(ZooKerasLayer):
    """The means over whole images: [batch, channel]."""

    RANKS = (4,)

    def __init__(self, dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        form = data_format(self.a.dim_ordering)
        first = 2 if form == "NCHW" else 1
        height, width = shape[first : first + 2]
        pool = nn.SpatialAveragePooling(width, height, width, height, count_include_pad=False, format=form)
        return stacked(pool, nn.Squeeze(first + 2), nn.Squeeze(first + 1))


class GlobalMaxPooling2D(ZooKerasLayer):
    """The largest values over whole images: [batch, channel]."""

    RANKS = (4,)

    def __init__(self, dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        form = data_format(self.a.dim_ordering)
        first = 2 if form == "NCHW" else 1
        height, width = shape[first : first + 2]
        pool = nn.SpatialMaxPooling(width, height, width, height, format=form)
        return stacked(pool, nn.Squeeze(first + 2), nn.Squeeze(first + 1))


class GlobalAveragePooling3D(ZooKerasLayer):
    """The means over whole volumes, channels first: [batch, channel]."""

    RANKS = (5,)

    def __init__(self, dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        only_channels_first(self)
        planes, rows, columns = shape[2:]
        pool = nn.VolumetricAveragePooling(planes, columns, rows, 1, 1, 1, count_include_pad=False)
        return stacked(pool, nn.Squeeze(5), nn.Squeeze(4), nn.Squeeze(3))


class GlobalMaxPooling3D(ZooKerasLayer):
    """The largest values over whole volumes, channels first: [batch, channel]."""

    RANKS = (5,)

    def __init__(self, dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        only_channels_first(self)
        planes, rows, columns = shape[2:]
        pool = nn.VolumetricMaxPooling(planes, columns, rows, 1, 1, 1)
        return stacked(pool, nn.Squeeze(5), nn.Squeeze(4), nn.Squeeze(3))
