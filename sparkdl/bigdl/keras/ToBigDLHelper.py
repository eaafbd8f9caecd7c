"""BigDL's words for what Keras 1 says of dimensions, borders, initial values and regularizers."""

from __future__ import annotations

from math import ceil  # noqa: F401
from typing import Any

import sparkdl.bigdl.nn.initialization_method as BInit
from sparkdl.bigdl.keras.parts import data_format
from sparkdl.bigdl.optim.regularizers import L1L2Regularizer as BRegularizer
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.errors import ArgumentError

_INITIAL: Any = {
    "glorot_uniform": BInit.Xavier,
    "one": BInit.Ones,
    "zero": BInit.Zeros,
    "uniform": lambda: BInit.RandomUniform(lower=-0.05, upper=0.05),
    "normal": lambda: BInit.RandomNormal(mean=0.0, stdv=0.05),
}


def to_bigdl_2d_ordering(order: str) -> str:
    """The order of the dimensions of images: "NCHW" for "th", "NHWC" for "tf"."""
    return data_format(order)


def to_bigdl_3d_ordering(order: str) -> str:
    """The order of the dimensions of volumes: "channel_first" for "th", "channel_last" for "tf"."""
    return "channel_first" if data_format(order) == "NCHW" else "channel_last"


def to_bigdl_2d_padding(border_mode: str, *args: Any) -> tuple[int, int]:
    """Rows and columns of padding: none for "valid", -1 (as much as keeps the size) for "same".

    Args:
        border_mode: the word.
        *args: for "same": size, window, stride and dilation of rows, and perhaps of columns, to work the padding out.
    """
    if border_mode not in ("valid", "same"):
        raise ArgumentError(f"there is no border_mode {border_mode!r}: known are 'valid' and 'same'.")
    if border_mode == "valid":
        return 0, 0
    if not args:
        return -1, -1
    rows = _same(*args[:4])
    return rows, _same(*args[4:8]) if len(args) == 8 else 0


def _same(size: int, window: int, stride: int, dilation: int) -> int:
    return ceil((size * (stride - 1) + dilation * (window - 1) - stride + 1) / 2)


def to_bigdl_3d_padding(border_mode: str) -> tuple[int, int, int]:
    """Planes, rows and columns of padding: none for "valid", -1 (as much as keeps the size) for "same"."""
    if border_mode not in ("valid", "same"):
        raise ArgumentError(f"there is no border_mode {border_mode!r}: known are 'valid' and 'same'.")
    return (0, 0, 0) if border_mode == "valid" else (-1, -1, -1)


def to_bigdl_init(kinit_method: str) -> Any:
    """The initialization method of one of Keras's words."""
    if kinit_method not in _INITIAL:
        raise ArgumentError(f"there is no initial value {kinit_method!r}: known are {', '.join(_INITIAL)}.")
    return _INITIAL[kinit_method]()


def to_bigdl_reg(reg: Any) -> Any:
    """The regularizer of a dictionary with l1 and l2, or of a regularizer of Keras; None of nothing."""
    if not reg:
        return None
    given = reg if isinstance(reg, dict) else vars(reg)
    return BRegularizer(float(given.get("l1", 0.0)), float(given.get("l2", 0.0)))
