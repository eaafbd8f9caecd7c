"""Where windows lie along each axis of space, and what is padded around a value for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.kinds import Call

SAME = -1  # a pad that means: as many windows as steps fit into the axis


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows along one axis.

    Attributes:
        size: elements from the first to the last of a window.
        stride: the step between windows.
        before: padding in front.
        after: padding that the last window needs behind.
        count: the number of windows.
        padded: padding behind that was asked for; a window may reach beyond it.
    """

    size: int
    stride: int
    before: int
    after: int
    count: int
    padded: int

    def starts(self) -> list[int]:
        """Where windows start, counted from the first element that is no padding."""
        return [place * self.stride - self.before for place in range(self.count)]


def windows(
    owner: str,
    sizes: Sequence[int | None],
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    ceil: bool = False,
    dilations: Sequence[int] | None = None,
    all_that_fit: bool = False,
) -> list[Windows]:
    """The windows along each axis, as Torch counts them.

    Args:
        owner: whose windows they are, for messages.
        sizes: of the axes of space.
        kernel: elements of a window.
        strides: steps between windows.
        pads: on either side; all of them -1 for `SAME`.
        ceil: whether a window that begins inside may reach beyond.
        dilations: steps between the elements of a window.
        all_that_fit: whether windows that begin in the padding behind count; most layers leave them out.

    Raises:
        DataError: if no window fits, or if a size is not known.
    """
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations or [1] * len(kernel), strict=True)]
    same, padded = all(pad == SAME for pad in pads), any(pads) and not all_that_fit
    found = [
        _same(owner, *axis[:3]) if same else _explicit(owner, *axis, ceil, padded)
        for axis in zip(sizes, spans, strides, pads, strict=True)
    ]
    if any(axis.count < 1 for axis in found):
        raise DataError(
            f"{owner} has windows of {tuple(spans)}, which do not fit into a value of "
            f"{tuple(sizes)} with pads of {tuple(pads)}."
        )
    return found


def _known(owner: str, size: int | None) -> int:
    if size is None:
        raise DataError(f"{owner} needs values of a known size.")
    return size


def _same(owner: str, size: int | None, span: int, stride: int) -> Windows:
    count = math.ceil(_known(owner, size) / stride)
    along = max(0, (count - 1) * stride + span - _known(owner, size))
    return Windows(span, stride, along // 2, along - along // 2, count, along - along // 2)


def _explicit(owner: str, size: int | None, span: int, stride: int, pad: int, ceil: bool, padded: bool) -> Windows:
    room = (_known(owner, size) - span + 2 * pad) / stride
    count = (math.ceil(room) if ceil else math.floor(room)) + 1
    # A window that begins in the padding behind is left out, even in layers without any ceil.
    count -= padded and (count - 1) * stride >= _known(owner, size) + pad
    after = max(0, (count - 1) * stride + span - _known(owner, size) - pad)
    return Windows(span, stride, pad, after, count, pad)


def pad(x: Any, axes: Sequence[Windows], value: float = 0.0) -> Any:
    """The value with padding around its axes of space."""
    around = [[0, 0], *([axis.before, axis.after] for axis in axes), [0, 0]]
    return tf.pad(x, around, constant_values=tf.cast(value, x.dtype)) if any(map(any, around)) else x


def placed(x: Any, axes: Sequence[Windows], value: float = 0.0) -> tuple[Any, str]:
    """The value and TensorFlow's name for its padding: oneDNN is faster with that than with sizes of pads."""
    same = all(_is_same(axis, size) for axis, size in zip(axes, x.shape[1:-1], strict=True))
    return (x, "SAME") if same else (pad(x, axes, value), "VALID")


def _is_same(axis: Windows, size: int) -> bool:
    along = max(0, (math.ceil(size / axis.stride) - 1) * axis.stride + axis.size - size)
    return (axis.before, axis.after, axis.count) == (along // 2, along - along // 2, math.ceil(size / axis.stride))


def check_pads(kind: str, pads: Sequence[int]) -> None:
    """Raises an ArgumentError if pads are neither sizes nor all -1."""
    if any(pad < 0 for pad in pads) and any(pad != SAME for pad in pads):
        raise ArgumentError(f"{kind} has pads of {tuple(pads)}, expected numbers from 0 on, or -1 for all (SAME).")


def check_channels(call: Call, x: Any, channels: int) -> None:
    """Raises a DataError if a value (channels last) has another number of channels."""
    if x.shape[-1] != channels:
        raise DataError(
            f"{call.name} takes {channels} channels, but was given {x.shape[-1]}: look at "
            "the number of planes, and at the order of axes (NCHW unless data_format says NHWC)."
        )
