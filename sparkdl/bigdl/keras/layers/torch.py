"""Keras-style layers for what Torch has and Keras has not; dimensions count from 0, the batch included."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.layers.elementwise import (  # noqa: F401
    AddConstant,
    BinaryThreshold,
    CAdd,
    CMul,
    Exp,
    HardShrink,
    HardTanh,
    Identity,
    Log,
    Mul,
    MulConstant,
    Negative,
    Power,
    PReLU,
    RReLU,
    Scale,
    SoftShrink,
    Sqrt,
    Square,
    Threshold,
)
from sparkdl.bigdl.keras.parts import data_format, drawn, fused, nn, only_channels_first, stacked
from sparkdl.bigdl.keras.variables import squeezing
from sparkdl.bigdl.nn.layers.base import Layer


def _place(layer: ZooKerasLayer, shape: Any, dim: int, first: int) -> int:
    place = dim if dim >= 0 else len(shape) + dim
    layer.refuse(
        not first <= place < len(shape),
        f"has dim={dim} for an input of shape {shape}; dimensions go from {first} to {len(shape) - 1}",
    )
    return place


class Select(ZooKerasLayer):
    """One element of a dimension behind the batch, which disappears; both count from 0, or from -1 backwards."""

    def __init__(self, dim: int, index: int, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        place, index = _place(self, shape, self.a.dim, 1), self.a.index
        size = shape[place]
        outside = size is not None and not -size <= index < size
        self.refuse(outside, f"has index={index} for a dimension of {size}; numbers go from 0 to {size - 1}")
        return stacked(nn.Select(place + 1, index + 1 if index >= 0 else index))


class Narrow(ZooKerasLayer):
    """`length` elements of a dimension from `offset` on; a length of -1 goes up to the last."""

    def __init__(self, dim: int, offset: int, length: int = 1, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        place, offset, size = _place(self, shape, self.a.dim, 0), self.a.offset, self.a.length
        if size < 0 and shape[place] is not None:
            size = size + shape[place] - offset + 1
        outside = shape[place] is not None and not 0 < size <= shape[place] - offset
        self.refuse(outside, f"cannot take {self.a.length} from {offset} on of a dimension of {shape[place]}")
        return stacked(nn.Narrow(place + 1, offset + 1, size))


class Squeeze(ZooKerasLayer):
    """Without a dimension of size 1 (or several); without `dim`, all of them but the batch."""

    def __init__(self, dim: Any = None, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return squeezing(shape, self.a.dim)


class SelectTable(ZooKerasLayer):
    """One value of a table; they count from 0."""

    def __init__(self, index: int, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        count = len(shape) if isinstance(shape, list) else 1
        self.refuse(not 0 <= self.a.index < count, f"has index={self.a.index} for a table of {count}")
        return stacked(nn.SelectTable(self.a.index + 1))


class GaussianSampler(ZooKerasLayer):
    """A normally distributed sample for a table of a mean and the logarithm of a variance."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.GaussianSampler())


class ResizeBilinear(ZooKerasLayer):
    """Images of another size, interpolated."""

    RANKS = (4,)

    def __init__(
        self,
        output_height: int,
        output_width: int,
        align_corner: bool = False,
        dim_ordering: str = "th",
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        return stacked(nn.ResizeBilinear(a.output_height, a.output_width, a.align_corner, data_format(a.dim_ordering)))


class LRN2D(ZooKerasLayer):
    """Each value by a power of the sum of squares of its neighbours in other channels."""

    RANKS = (4,)

    def __init__(
        self,
        alpha: float = 1e-4,
        k: float = 1.0,
        beta: float = 0.75,
        n: int = 5,
        dim_ordering: str = "th",
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        form = data_format(a.dim_ordering)
        return stacked(nn.SpatialCrossMapLRN(a.n, float(a.alpha), float(a.beta), float(a.k), form))


class WithinChannelLRN2D(ZooKerasLayer):
    """Each value by a power of the sum of squares of its neighbours in the same channel."""

    RANKS = (4,)

    def __init__(
        self, size: int = 5, alpha: float = 1.0, beta: float = 0.75, input_shape: Any = None, **kwargs: Any
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.SpatialWithinChannelLRN(self.a.size, float(self.a.alpha), float(self.a.beta)))


class ShareConvolution2D(ZooKerasLayer):
    """A convolution over images, channels first, with padding by numbers."""

    RANKS = (4,)

    def __init__(
        self,
        nb_filter: int,
        nb_row: int,
        nb_col: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        subsample: Any = (1, 1),
        pad_h: int = 0,
        pad_w: int = 0,
        propagate_back: bool = True,
        dim_ordering: str = "th",
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(len(subsample) != 2, f"needs two strides, received subsample={subsample}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        only_channels_first(self)
        layer = nn.SpatialShareConvolution(
            shape[1],
            a.nb_filter,
            a.nb_col,
            a.nb_row,
            stride_w=a.subsample[1],
            stride_h=a.subsample[0],
            pad_w=a.pad_w,
            pad_h=a.pad_h,
            propagate_back=a.propagate_back,
            wRegularizer=a.W_regularizer,
            bRegularizer=a.b_regularizer,
            with_bias=a.bias,
        )
        return fused(drawn(layer, a.init), a.activation)


ShareConv2D = ShareConvolution2D
