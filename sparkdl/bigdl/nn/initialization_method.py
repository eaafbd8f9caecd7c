"""What weights start with, for `set_init_method` of layers."""

from __future__ import annotations

import math
import sys  # noqa: F401
from typing import Any

import numpy as np

from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.errors import ArgumentError, UnsupportedError
from sparkdl.nn.torch.initial import generator
from sparkdl.nn.torch.module import Array, Parameter


class InitializationMethod(JavaValue):
    """The base of all methods.

    Example:
        >>> from sparkdl.bigdl.nn.layer import Linear
        >>> Linear(2, 1).set_init_method(Ones(), ConstInitMethod(0.5)).get_weights()
        [array([[1., 1.]], dtype=float32), array([0.5], dtype=float32)]
    """

    def initial(self, parameter: Parameter) -> Array:
        """New values for a parameter.

        Args:
            parameter: its shape, and the numbers of inputs and outputs of a unit.
        """
        raise UnsupportedError(f"{type(self).__name__} does not say what weights start with: use Xavier() or another.")


class Zeros(InitializationMethod):
    """Zeros."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)

    def initial(self, parameter: Parameter) -> Array:
        """See `InitializationMethod`."""
        return np.zeros(parameter.shape, np.float32)


class Ones(InitializationMethod):
    """Ones."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)

    def initial(self, parameter: Parameter) -> Array:
        """See `InitializationMethod`."""
        return np.ones(parameter.shape, np.float32)


class ConstInitMethod(InitializationMethod):
    """One number everywhere."""

    def __init__(self, value: float, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.number = float(value)

    def initial(self, parameter: Parameter) -> Array:
        """See `InitializationMethod`."""
        return np.full(parameter.shape, self.number, np.float32)


class RandomUniform(InitializationMethod):
    """Uniform between two bounds, whichever is named which; without them, between -1 and 1 over sqrt(inputs)."""

    def __init__(self, upper: Any = None, lower: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        given = upper is not None and lower is not None
        self.bounds = sorted((float(upper), float(lower))) if given else None

    def initial(self, parameter: Parameter) -> Array:
        """See `InitializationMethod`."""
        limit = 1.0 / math.sqrt(fans(parameter)[0])
        return _uniform(parameter, *(self.bounds or (-limit, limit)))


class RandomNormal(InitializationMethod):
    """Normally distributed."""

    def __init__(self, mean: float, stdv: float, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.mean, self.stdv = float(mean), float(stdv)

    def initial(self, parameter: Parameter) -> Array:
        """See `InitializationMethod`."""
        return generator().normal(self.mean, self.stdv, parameter.shape).astype(np.float32)


class Xavier(InitializationMethod):
    """Uniform, with the variance 2 / (inputs + outputs)."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)

    def initial(self, parameter: Parameter) -> Array:
        """See `InitializationMethod`."""
        limit = math.sqrt(6.0 / sum(fans(parameter)))
        return _uniform(parameter, -limit, limit)


class MsraFiller(InitializationMethod):
    """Normal, with the variance 2 / n, where n is the mean of inputs and outputs (a whole number), or the outputs."""

    def __init__(self, varianceNormAverage: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.average = varianceNormAverage

    def initial(self, parameter: Parameter) -> Array:
        """See `InitializationMethod`."""
        inputs, outputs = fans(parameter)
        units = (inputs + outputs) // 2 if self.average else outputs
        return generator().normal(0.0, math.sqrt(2.0 / units), parameter.shape).astype(np.float32)


class BilinearFiller(InitializationMethod):
    """The weights of bilinear interpolation, for a SpatialFullConvolution that enlarges images."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)

    def initial(self, parameter: Parameter) -> Array:
        """See `InitializationMethod`."""
        if len(parameter.shape) != 5 or parameter.shape[3] != parameter.shape[4]:
            raise ArgumentError(
                f"BilinearFiller fills weights of 5 dimensions with a square kernel, received the shape "
                f"{parameter.shape}: use it for a SpatialFullConvolution."
            )
        side = parameter.shape[4]
        half = math.ceil(side / 2.0)
        centre = (2 * half - 1 - half % 2) / (2.0 * half)
        line = 1.0 - np.abs(np.arange(side) / half - centre)
        return np.broadcast_to(np.outer(line, line), parameter.shape).astype(np.float32)


def fans(parameter: Parameter) -> tuple[int, int]:
    """The numbers of inputs and outputs of a unit: all elements both, where a parameter does not say."""
    if parameter.fans is not None:
        return parameter.fans
    if len(parameter.shape) == 1:
        return parameter.shape[0], 1
    return math.prod(parameter.shape), math.prod(parameter.shape)


def _uniform(parameter: Parameter, low: float, high: float) -> Array:
    return generator().uniform(low, high, parameter.shape).astype(np.float32)
