"""Batch normalization."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

import numpy as np

from sparkdl.bigdl.keras.base import ZooKerasLayer, callZooFunc  # noqa: F401
from sparkdl.bigdl.keras.parts import channels, data_format, initial, nn, stacked
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.util.common import JTensor  # noqa: F401
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.errors import ArgumentError
from sparkdl.nn.torch.initial import constant
from sparkdl.nn.torch.module import Array, Module, Parameter


class BatchNormalization(ZooKerasLayer):
    """Each channel of images (or feature of vectors) to mean 0 and variance 1, then scaled and shifted by weights."""

    RANKS = (2, 4)

    def __init__(
        self,
        epsilon: float = 0.001,
        mode: int = 0,
        axis: int = 1,
        momentum: float = 0.99,
        beta_init: Any = "zero",
        gamma_init: Any = "one",
        dim_ordering: str = "th",
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        first = data_format(dim_ordering) == "NCHW"
        self.refuse(mode != 0, f"knows mode=0 only, received {mode}")
        self.refuse(
            axis != 1 if first else axis not in (-1, 3),
            f"with dim_ordering={dim_ordering!r} normalizes axis {1 if first else -1} only, received axis={axis}",
        )
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a, spatial = self.a, len(shape) == 4
        size = channels(shape, a.dim_ordering) if spatial else shape[1]
        spec = Parameter((size,), constant(0.0), (size, size))
        arguments = {
            "n_output": size,
            "eps": float(a.epsilon),
            "momentum": float(a.momentum),
            "init_weight": initial(a.gamma_init).initial(spec),
            "init_bias": initial(a.beta_init).initial(spec),
        }
        if spatial:
            return stacked(nn.SpatialBatchNormalization(**arguments, data_format=data_format(a.dim_ordering)))
        return stacked(nn.BatchNormalization(**arguments))

    def _statistics(self) -> Module:
        for module in self.value.walk():
            if module.states:
                return module
        raise ArgumentError(f"{self.name()} has no statistics yet: give it input_shape or add it to a model.")

    def get_running_mean(self) -> Array:
        """The moving average of the mean."""
        return self._statistics().states["running_mean"]

    def get_running_std(self) -> Array:
        """The moving average of the variance (BigDL's name says deviation)."""
        return self._statistics().states["running_variance"]

    def set_running_mean(self, running_mean: Any) -> BatchNormalization:
        """Sets the moving average of the mean."""
        self._statistics().states["running_mean"] = np.asarray(running_mean, np.float32)
        return self

    def set_running_std(self, running_std: Any) -> BatchNormalization:
        """Sets the moving average of the variance."""
        self._statistics().states["running_variance"] = np.asarray(running_std, np.float32)
        return self
