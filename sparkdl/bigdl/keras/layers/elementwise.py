"""Keras-style layers of Torch's functions of each element."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.parts import nn, stacked
from sparkdl.bigdl.nn.layers.base import Layer


class AddConstant(ZooKerasLayer):
    """x + constant."""

    def __init__(self, constant: float, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.AddConstant(float(self.a.constant)))


class BinaryThreshold(ZooKerasLayer):
    """1 above `value`, else 0."""

    def __init__(self, value: float = 1e-6, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.BinaryThreshold(float(self.a.value)))


class CAdd(ZooKerasLayer):
    """x plus a trained array of the shape `size`."""

    def __init__(self, size: Any, b_regularizer: Any = None, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.CAdd(list(self.a.size), self.a.b_regularizer))


class CMul(ZooKerasLayer):
    """x times a trained array of the shape `size`."""

    def __init__(self, size: Any, W_regularizer: Any = None, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.CMul(list(self.a.size), self.a.W_regularizer))


class Exp(ZooKerasLayer):
    """exp(x)."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Exp())


class HardShrink(ZooKerasLayer):
    """x outside of `value` on either side of 0, else 0."""

    def __init__(self, value: float = 0.5, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.HardShrink(float(self.a.value)))


class HardTanh(ZooKerasLayer):
    """x between two bounds."""

    def __init__(self, min_value: float = -1, max_value: float = 1, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.HardTanh(float(self.a.min_value), float(self.a.max_value)))


class Identity(ZooKerasLayer):
    """x."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Identity())


class Log(ZooKerasLayer):
    """log(x)."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Log())


class Mul(ZooKerasLayer):
    """x times one trained number."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Mul())


class MulConstant(ZooKerasLayer):
    """x * constant."""

    def __init__(self, constant: float, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.MulConstant(float(self.a.constant)))


class Negative(ZooKerasLayer):
    """-x."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Negative())


class PReLU(ZooKerasLayer):
    """x above 0, x times a trained slope below: one, or one for each of `n_output_plane` channels."""

    def __init__(self, n_output_plane: int = 0, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.PReLU(self.a.n_output_plane))


class Power(ZooKerasLayer):
    """(shift + scale * x) ** power."""

    def __init__(
        self, power: float, scale: float = 1, shift: float = 0, input_shape: Any = None, **kwargs: Any
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Power(float(self.a.power), float(self.a.scale), float(self.a.shift)))


class RReLU(ZooKerasLayer):
    """x above 0, x times a slope below: in training a random one between two bounds, else their mean."""

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.RReLU(float(self.a.lower), float(self.a.upper)))


class Scale(ZooKerasLayer):
    """x times a trained array plus another, both of the shape `size`."""

    def __init__(self, size: Any, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Scale(list(self.a.size)))


class SoftShrink(ZooKerasLayer):
    """x moved towards 0 by `value`, and 0 within."""

    def __init__(self, value: float = 0.5, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.SoftShrink(float(self.a.value)))


class Sqrt(ZooKerasLayer):
    """The square root."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Sqrt())


class Square(ZooKerasLayer):
    """x * x."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Square())


class Threshold(ZooKerasLayer):
    """x above `th`, else `v`."""

    def __init__(self, th: float = 1e-6, v: float = 0.0, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Threshold(float(self.a.th), float(self.a.v)))
