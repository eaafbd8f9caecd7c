"""Activations with arguments or weights."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.parts import initial, nn, stacked
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.nn.torch.build import kind_of


class ELU(ZooKerasLayer):
    """`alpha * (exp(x) - 1)` below 0, x above."""

    def __init__(self, alpha: float = 1.0, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.ELU(float(self.a.alpha)))


class LeakyReLU(ZooKerasLayer):
    """`alpha * x` below 0, x above."""

    def __init__(self, alpha: float = 0.01, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.LeakyReLU(float(self.a.alpha)))


class ThresholdedReLU(ZooKerasLayer):
    """x above `theta`, else 0."""

    def __init__(self, theta: float = 1.0, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Threshold(float(self.a.theta), 0.0))


class SReLU(ZooKerasLayer):
    """x between two trained bounds, and lines of trained slopes outside of them."""

    def __init__(
        self,
        t_left_init: Any = "zero",
        a_left_init: Any = "glorot_uniform",
        t_right_init: Any = "glorot_uniform",
        a_right_init: Any = "one",
        shared_axes: Any = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        layer = nn.SReLU(list(shape[1:]), a.shared_axes)
        kind = kind_of(layer.value.kind)
        specs = kind.parameters(kind.arguments(layer.value))
        methods = (a.t_left_init, a.a_left_init, a.t_right_init, a.a_right_init)
        for (name, spec), method in zip(specs.items(), methods, strict=True):
            layer.value.parameters[name] = initial(method).initial(spec)
        return stacked(layer)
