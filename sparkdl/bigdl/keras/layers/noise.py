"""Layers that disturb values in training."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.parts import nn, stacked
from sparkdl.bigdl.nn.layers.base import Layer


class GaussianNoise(ZooKerasLayer):
    """Adds normally distributed noise of a deviation `sigma` in training."""

    def __init__(self, sigma: float, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.GaussianNoise(float(self.a.sigma)))


class GaussianDropout(ZooKerasLayer):
    """Multiplies by normally distributed noise around 1 in training, as strong as dropping a part `p`."""

    def __init__(self, p: float, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.GaussianDropout(float(self.a.p)))
