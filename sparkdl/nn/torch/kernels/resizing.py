"""Values made larger or smaller in space: padded, cropped, repeated, interpolated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.kernels.convolution import FRAMES
from sparkdl.nn.torch.kinds import Call, Kind, Layout


def _padded(call: Call, x: Any) -> Any:
    """Negative pads crop."""
    a = call.a
    sides = ((a.pad_top, a.pad_bottom), (a.pad_left, a.pad_right))
    x = _inside(call, x, [(max(0, -before), max(0, -after)) for before, after in sides])
    around = [[max(0, before), max(0, after)] for before, after in sides]
    return tf.pad(x, [[0, 0], *around, [0, 0]])


def _cropped(names: Sequence[str]) -> Any:
    return lambda call, x: _inside(call, x, [getattr(call.a, name) for name in names])


def _inside(call: Call, x: Any, crops: Sequence[Sequence[int]]) -> Any:
    """The value without the first and last elements of each axis of space."""
    sizes = x.shape[1:-1]
    if any(size is not None and before + after >= size for size, (before, after) in zip(sizes, crops, strict=True)):
        raise DataError(f"{call.name} crops {list(crops)} of a value of the size {tuple(sizes)}: nothing is left.")
    ends = [-after or None for _, after in crops]
    return x[(slice(None), *(slice(before, end) for (before, _), end in zip(crops, ends, strict=True)))]


def _repeated(x: Any, times: Sequence[int]) -> Any:
    for axis, count in enumerate(times):
        x = x if count == 1 else tf.repeat(x, count, axis + 1)
    return x


def _bilinear(call: Call, x: Any) -> Any:
    size = (call.a.output_height, call.a.output_width)
    if tuple(x.shape[1:3]) == size:
        return x
    return tf.raw_ops.ResizeBilinear(images=x, size=size, align_corners=call.a.align_corner)


def _pairs(*names: str) -> Any:
    def check(a: SimpleNamespace) -> Mapping[str, Any]:
        for name in names:
            if len(getattr(a, name)) != 2:
                raise ArgumentError(f"{name}={getattr(a, name)} is no pair (elements in front, elements behind).")
        return {}

    return check


def _counts(count: int) -> Any:
    def check(a: SimpleNamespace) -> Mapping[str, Any]:
        if len(a.size) != count or min(a.size) < 1:
            raise ArgumentError(f"size={a.size} is expected to be {count} numbers from 1 on.")
        return {}

    return check


KINDS = {
    "SpatialZeroPadding": Kind(_padded, layout=Layout.LAST, space=2),
    "Cropping2D": Kind(
        _cropped(("heightCrop", "widthCrop")), _pairs("heightCrop", "widthCrop"), layout=Layout.LAST, space=2
    ),
    "Cropping3D": Kind(
        _cropped(("dim1Crop", "dim2Crop", "dim3Crop")),
        _pairs("dim1Crop", "dim2Crop", "dim3Crop"),
        layout=Layout.LAST,
        space=3,
    ),
    "UpSampling1D": Kind(lambda call, x: _repeated(x, [call.a.length]), defaults=FRAMES, layout=Layout.LAST, space=1),
    "UpSampling2D": Kind(lambda call, x: _repeated(x, call.a.size), _counts(2), layout=Layout.LAST, space=2),
    "UpSampling3D": Kind(lambda call, x: _repeated(x, call.a.size), _counts(3), layout=Layout.LAST, space=3),
    "ResizeBilinear": Kind(_bilinear, defaults={"align_corner": False}, layout=Layout.LAST, space=2),
}
