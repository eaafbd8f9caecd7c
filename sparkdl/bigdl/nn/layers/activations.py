"""Functions of each element, and of the elements of one axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sparkdl.bigdl.nn.layers.base import Layer, check, describe
from sparkdl.errors import UnsupportedError


class Abs(Layer):
    """The absolute value."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Abs", locals()), bigdl_type)


class BinaryThreshold(Layer):
    """1 above th, 0 elsewhere."""

    def __init__(self, th: float = 1e-06, ip: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("BinaryThreshold", locals()), bigdl_type)


class Clamp(Layer):
    """Values between min and max; no gradient outside."""

    def __init__(self, min: float, max: float, bigdl_type: str = "float") -> None:
        check(max > min, "Clamp", f"max {max} must be above min {min}")
        super().__init__(describe("Clamp", locals()), bigdl_type)


class Contiguous(Layer):
    """What goes in: every value here lies together in memory."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Contiguous", locals()), bigdl_type)


class Echo(Layer):
    """What goes in, whose size it prints."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Echo", locals()), bigdl_type)


class ELU(Layer):
    """x above 0, alpha * (exp(x) - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("ELU", locals()), bigdl_type)


class Exp(Layer):
    """exp(x)."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Exp", locals()), bigdl_type)


class HardShrink(Layer):
    """x outside of [-the_lambda, the_lambda], 0 inside."""

    def __init__(self, the_lambda: float = 0.5, bigdl_type: str = "float") -> None:
        super().__init__(describe("HardShrink", locals()), bigdl_type)


class HardSigmoid(Layer):
    """0.2 * x + 0.5 between 0 and 1."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("HardSigmoid", locals()), bigdl_type)


class HardTanh(Layer):
    """Values between min_value and max_value; no gradient outside."""

    def __init__(
        self, min_value: float = -1.0, max_value: float = 1.0, inplace: bool = False, bigdl_type: str = "float"
    ) -> None:
        check(max_value > min_value, "HardTanh", f"max_value {max_value} must be above min_value {min_value}")
        super().__init__(describe("HardTanh", locals()), bigdl_type)


class Identity(Layer):
    """What goes in."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Identity", locals()), bigdl_type)


class LeakyReLU(Layer):
    """x from 0 on, negval * x below."""

    def __init__(self, negval: float = 0.01, inplace: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("LeakyReLU", locals()), bigdl_type)


class Log(Layer):
    """The natural logarithm."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Log", locals()), bigdl_type)


class LogSigmoid(Layer):
    """log(1 / (1 + exp(-x)))."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("LogSigmoid", locals()), bigdl_type)


class LogSoftMax(Layer):
    """The logarithm of SoftMax, along the last dimension."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("LogSoftMax", locals()), bigdl_type)


class PReLU(Layer):
    """x above 0, a trained factor times x elsewhere: one factor, or one per channel."""

    def __init__(self, n_output_plane: int = 0, bigdl_type: str = "float") -> None:
        super().__init__(describe("PReLU", locals()), bigdl_type)


class ReLU(Layer):
    """max(x, 0)."""

    def __init__(self, ip: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("ReLU", locals()), bigdl_type)


class ReLU6(Layer):
    """Values between 0 and 6; no gradient outside."""

    def __init__(self, inplace: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("ReLU6", locals()), bigdl_type)


class RReLU(Layer):
    """x above 0, elsewhere times a random factor between lower and upper (their mean outside of training)."""

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False, bigdl_type: str = "float"
    ) -> None:
        check(0 < lower < upper, "RReLU", f"lower {lower} must be above 0 and below upper {upper}")
        super().__init__(describe("RReLU", locals()), bigdl_type)


class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Sigmoid", locals()), bigdl_type)


class SoftMax(Layer):
    """exp(x) over its sum along the last dimension."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("SoftMax", locals()), bigdl_type)


class SoftMin(Layer):
    """exp(-x) over its sum along the channels: of [C], [B, C], [C, H, W] and [B, C, H, W]."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("SoftMin", locals()), bigdl_type)


class SoftPlus(Layer):
    """log(1 + exp(beta * x)) / beta."""

    def __init__(self, beta: float = 1.0, bigdl_type: str = "float") -> None:
        super().__init__(describe("SoftPlus", locals()), bigdl_type)


class SoftShrink(Layer):
    """x moved towards 0 by the_lambda, and 0 where it would cross it."""

    def __init__(self, the_lambda: float = 0.5, bigdl_type: str = "float") -> None:
        super().__init__(describe("SoftShrink", locals()), bigdl_type)


class SoftSign(Layer):
    """x / (1 + |x|)."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("SoftSign", locals()), bigdl_type)


class Sqrt(Layer):
    """The square root."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Sqrt", locals()), bigdl_type)


class Square(Layer):
    """x * x."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Square", locals()), bigdl_type)


class SReLU(Layer):
    """x between two trained thresholds, with trained slopes outside of them."""

    def __init__(self, input_shape: Any, share_axes: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(describe("SReLU", locals()), bigdl_type)
        self.reset()  # BigDL draws twice, and later layers depend on it

    def set_init_method(  # type: ignore[override]
        self, tLeftInit: Any = None, aLeftInit: Any = None, tRightInit: Any = None, aRightInit: Any = None
    ) -> SReLU:
        """Draws thresholds and slopes anew by initialization methods."""
        given = {"tLeft": tLeftInit, "aLeft": aLeftInit, "tRight": tRightInit, "aRight": aRightInit}
        self.value.initials.update({name: method.initial for name, method in given.items() if method is not None})
        self.reset()
        return self


class Tanh(Layer):
    """The hyperbolic tangent."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Tanh", locals()), bigdl_type)


class TanhShrink(Layer):
    """x - tanh(x)."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("TanhShrink", locals()), bigdl_type)


class Threshold(Layer):
    """x above th, v elsewhere."""

    def __init__(self, th: float = 1e-06, v: float = 0.0, ip: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("Threshold", locals()), bigdl_type)


_BY_NAME: dict[str, Callable[[], Layer]] = {
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "hard_sigmoid": HardSigmoid,
    "relu": ReLU,
    "softmax": SoftMax,
    "softplus": SoftPlus,
    "softsign": SoftSign,
    "linear": Identity,
}


def by_name(name: str) -> Layer:
    """A layer by Keras's name of an activation.

    Raises:
        UnsupportedError: BigDL has none of this name.
    """
    if name.lower() not in _BY_NAME:
        raise UnsupportedError(
            f"there is no activation {name!r}: BigDL's are {', '.join(_BY_NAME)}; give the layer itself."
        )
    return _BY_NAME[name.lower()]()
