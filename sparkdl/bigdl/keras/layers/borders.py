"""Sequences, images and volumes that are repeated, padded and cropped."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.parts import data_format, nn, only_channels_first, stacked
from sparkdl.bigdl.nn.layers.base import Layer


def _pads(layer: ZooKerasLayer, shape: Any, amounts: Any) -> Layer:
    """Zeros before and behind the elements of the spatial dimensions."""
    first = 2 if data_format(layer.a.dim_ordering) == "NCHW" else 1
    rank = len(shape) - 1
    row = []
    for dim, (before, behind) in enumerate(amounts, first):
        row += [nn.Padding(dim, -before, rank)] if before else []
        row += [nn.Padding(dim, behind, rank)] if behind else []
    return stacked(*row)


class UpSampling1D(ZooKerasLayer):
    """Each step `length` times."""

    RANKS = (3,)

    def __init__(self, length: int = 2, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.UpSampling1D(self.a.length))


class UpSampling2D(ZooKerasLayer):
    """Each row and column of images several times."""

    RANKS = (4,)

    def __init__(self, size: Any = (2, 2), dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.UpSampling2D(list(self.a.size), data_format(self.a.dim_ordering).lower()))


class UpSampling3D(ZooKerasLayer):
    """Each plane, row and column of volumes several times, channels first."""

    RANKS = (5,)

    def __init__(self, size: Any = (2, 2, 2), dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        only_channels_first(self)
        return stacked(nn.UpSampling3D(list(self.a.size)))


class ZeroPadding1D(ZooKerasLayer):
    """Steps of zeros before and behind."""

    RANKS = (3,)

    def __init__(self, padding: Any = 1, input_shape: Any = None, **kwargs: Any) -> None:
        padding = (padding, padding) if isinstance(padding, int) else padding
        self.refuse(len(padding) != 2, f"needs the numbers of steps before and behind, received padding={padding}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        before, behind = self.a.padding
        return stacked(nn.Padding(1, -before, 2) if before else None, nn.Padding(1, behind, 2) if behind else None)


class ZeroPadding2D(ZooKerasLayer):
    """Rows and columns of zeros around images: (rows, columns), or (top, bottom, left, right)."""

    RANKS = (4,)

    def __init__(self, padding: Any = (1, 1), dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any) -> None:
        if len(padding) == 2:
            padding = (padding[0], padding[0], padding[1], padding[1])
        self.refuse(len(padding) != 4, f"needs two or four numbers, received padding={padding}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        top, bottom, left, right = self.a.padding
        return _pads(self, shape, [(top, bottom), (left, right)])


class ZeroPadding3D(ZooKerasLayer):
    """Zeros around volumes."""

    RANKS = (5,)

    def __init__(
        self, padding: Any = (1, 1, 1), dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any
    ) -> None:
        self.refuse(len(padding) != 3, f"needs three numbers, received padding={padding}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return _pads(self, shape, [(size, size) for size in self.a.padding])


class Cropping1D(ZooKerasLayer):
    """Without some of the first and last steps."""

    RANKS = (3,)

    def __init__(self, cropping: Any = (1, 1), input_shape: Any = None, **kwargs: Any) -> None:
        self.refuse(len(cropping) != 2, f"needs two numbers of steps, received cropping={cropping}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        before, behind = self.a.cropping
        return stacked(nn.Narrow(2, before + 1, shape[1] - before - behind))


class Cropping2D(ZooKerasLayer):
    """Without some of the outer rows and columns of images."""

    RANKS = (4,)

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        height, width = map(list, self.a.cropping)
        return stacked(nn.Cropping2D(height, width, data_format(self.a.dim_ordering)))


class Cropping3D(ZooKerasLayer):
    """Without some of the outer planes, rows and columns of volumes."""

    RANKS = (5,)

    def __init__(
        self,
        cropping: Any = ((1, 1), (1, 1), (1, 1)),
        dim_ordering: str = "th",
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        form = "channel_first" if data_format(self.a.dim_ordering) == "NCHW" else "channel_last"
        return stacked(nn.Cropping3D(*map(list, self.a.cropping), form))
