"""Layers that move a window over an image: convolutions and their relatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from sparkdl.importers.caffe.site import Blob, Site, caffe_axis, initializer
from sparkdl.importers.caffe.table import converter
from sparkdl.nn.arrangement import Patches
from sparkdl.nn.transposed import GroupedConv2DTranspose

_CONVOLUTIONS = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}
_DEPTHWISE = {1: keras.layers.DepthwiseConv1D, 2: keras.layers.DepthwiseConv2D}
_PADDING = {1: keras.layers.ZeroPadding1D, 2: keras.layers.ZeroPadding2D, 3: keras.layers.ZeroPadding3D}
_TRANSPOSED = {1: keras.layers.Conv1DTranspose, 2: keras.layers.Conv2DTranspose, 3: keras.layers.Conv3DTranspose}
_THINNING = {1: keras.layers.MaxPooling1D, 2: keras.layers.MaxPooling2D, 3: keras.layers.MaxPooling3D}
_CROPPING = {1: keras.layers.Cropping1D, 2: keras.layers.Cropping2D, 3: keras.layers.Cropping3D}

Sizes = Sequence[int]


@dataclass(frozen=True, slots=True)
class Window:
    """Sizes of a window for each spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def reach(self) -> tuple[int, ...]:
        """What a window covers, from its first to its last row."""
        return tuple((size - 1) * step + 1 for size, step in zip(self.kernel, self.dilation, strict=True))


def _per_axis(given: Sizes | int, pair: Sequence[int | None], count: int, default: int | None, what: str) -> Sizes:
    """Caffe's three ways to say a size: for height and width, once for all axes, or for each axis."""
    values = [given] if isinstance(given, int) else list(given)
    if any(value is not None for value in pair):
        if values or count != 2:
            raise ValueError(f"{what} both with and without _h and _w, or with {count} spatial axes")
        values = [default if value is None else value for value in pair]  # type: ignore[misc]
    if not values and default is not None:
        values = [default]
    if len(values) not in (1, count) or any(value is None for value in values):
        raise ValueError(f"{len(values)} values of {what} for {count} spatial axes")
    return values * count if len(values) == 1 else values


def window_of(count: int, sizes: Mapping[str, Any]) -> Window:
    """The window that fields of a convolution or pooling describe."""
    found = {
        name: tuple(
            _per_axis(
                sizes.get(name if name != "kernel" else "kernel_size", ()),
                (sizes.get(f"{name}_h"), sizes.get(f"{name}_w")),
                count,
                default,
                name,
            )
        )
        for name, default in (("kernel", None), ("stride", 1), ("pad", 0), ("dilation", 1))
    }
    window = Window(**found)
    if min(window.kernel) < 1 or min(window.stride) < 1 or min(window.dilation) < 1:
        raise ValueError(f"a window of {window.kernel} with stride {window.stride} and dilation {window.dilation}")
    return window


def _spatial(site: Site, blob: Blob, axis: int = 1) -> int:
    """The number of spatial axes."""
    if caffe_axis(axis, blob.rank) != 1 or not 3 <= blob.rank <= 5:
        site.refuse(f"its input has {blob.rank} axes, channels on axis {axis}; known are 3 to 5 axes, and axis 1")
    return blob.rank - 2


def same_padding(size: int, reach: int, stride: int) -> tuple[int, int]:
    """What `padding="same"` adds before and behind an axis."""
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def _pad(site: Site, tensor: Any, pad: Sizes) -> Any:
    if not any(pad):
        return tensor
    padding = pad[0] if len(pad) == 1 else tuple(pad)
    return site.add(_PADDING[len(pad)], tensor, "_pad", padding=padding)


def _padded(site: Site, tensor: Any, window: Window) -> tuple[Any, str]:
    """The tensor that is convolved, and the padding by which: a layer for zeros costs a copy of the image.

    Layers that share their weights may see images of other sizes, for which Keras's padding is another.
    """
    axes = zip(tensor.shape[1:-1], window.reach, window.stride, window.pad, strict=True)
    if any(window.pad) and not site.layer.shared and all(same_padding(*sizes) == (pad, pad) for *sizes, pad in axes):
        return tensor, "same"
    return _pad(site, tensor, window.pad), "valid"


def _kernel_of(weights: np.ndarray) -> np.ndarray:
    """Caffe's (out, in, ...) as Keras's (..., in, out); for transposed convolutions both have them exchanged."""
    return weights.transpose(*range(2, weights.ndim), 1, 0)


def _channels(x: Blob, group: int, num_output: int) -> int:
    """The channels of the input, when groups divide them."""
    channels = x.shape[1] or 0
    if group < 1 or channels % group or num_output % group:
        raise ValueError(f"{group} groups for {channels} channels and num_output {num_output}")
    return channels


@converter("Convolution", "convolution_param")
def convolution(
    site: Site,
    x: Blob,
    *,
    num_output: int,
    bias_term: bool = True,
    pad: Sizes = (),
    kernel_size: Sizes = (),
    stride: Sizes = (),
    dilation: Sizes = (),
    pad_h: int | None = None,
    pad_w: int | None = None,
    kernel_h: int | None = None,
    kernel_w: int | None = None,
    stride_h: int | None = None,
    stride_w: int | None = None,
    group: int = 1,
    weight_filler: Any = None,
    bias_filler: Any = None,
    axis: int = 1,
) -> Blob:
    """A convolution of 1 to 3 spatial axes; depthwise where each channel is its own group."""
    count = _spatial(site, x, axis)
    window = window_of(count, locals())
    channels = _channels(x, group, num_output)
    shapes = [(num_output, channels // group, *window.kernel), *([(num_output,)] if bias_term else [])]
    # Keras knows no dilation with strides: all windows are taken, and then every second, or third, ...
    thinned = max(window.stride) > 1 and max(window.dilation) > 1
    taken = replace(window, stride=(1,) * count) if thinned else window
    tensor, padding = _padded(site, site.last(x), taken)
    common = {
        "kernel_size": window.kernel,
        "strides": taken.stride,
        "dilation_rate": window.dilation,
        "padding": padding,
        "use_bias": bias_term,
        "bias_initializer": initializer(bias_filler, "zeros"),
    }
    start = initializer(weight_filler, "glorot_uniform")
    if group == channels > 1 and count in _DEPTHWISE and len(set(taken.stride)) == 1:
        common |= {"depth_multiplier": num_output // group, "depthwise_initializer": start}
        result = site.add_filled(_DEPTHWISE[count], tensor, shapes, _depthwise(group), **common)
    else:
        common |= {"filters": num_output, "groups": group, "kernel_initializer": start}
        fill = lambda weights, *bias: [_kernel_of(weights), *bias]  # noqa: E731
        result = site.add_filled(_CONVOLUTIONS[count], tensor, shapes, fill, **common)
    if thinned:
        result = site.add(_THINNING[count], result, "_stride", pool_size=1, strides=window.stride)
    return Blob(result, True)


def _depthwise(group: int) -> Callable[..., Sequence[np.ndarray]]:
    """Caffe counts outputs by group and then within it; Keras has an axis for each."""

    def fill(weights: np.ndarray, *bias: np.ndarray) -> Sequence[np.ndarray]:
        split = weights.reshape(group, -1, *weights.shape[2:])
        return [split.transpose(*range(2, split.ndim), 0, 1), *bias]

    return fill


converter("DepthwiseConvolution", "convolution_param")(convolution)


@converter("ConvolutionDepthwise", "convolution_param")
@functools.wraps(convolution, assigned=())
def convolution_depthwise(site: Site, x: Blob, **fields: Any) -> Blob:
    """A fork's convolution, in which each channel is its own group, whatever num_output and group say."""
    channels = x.shape[1] or 0
    return convolution(site, x, **{**fields, "num_output": channels, "group": channels})


@converter("Deconvolution", "convolution_param")
def deconvolution(
    site: Site,
    x: Blob,
    *,
    num_output: int,
    bias_term: bool = True,
    pad: Sizes = (),
    kernel_size: Sizes = (),
    stride: Sizes = (),
    dilation: Sizes = (),
    pad_h: int | None = None,
    pad_w: int | None = None,
    kernel_h: int | None = None,
    kernel_w: int | None = None,
    stride_h: int | None = None,
    stride_w: int | None = None,
    group: int = 1,
    weight_filler: Any = None,
    bias_filler: Any = None,
    axis: int = 1,
) -> Blob:
    """A transposed convolution; groups, and dilation with strides, only of images."""
    count = _spatial(site, x, axis)
    window = window_of(count, locals())
    dilated = max(window.dilation) > 1
    own = count == 2 and (group != 1 or dilated)
    if not own and (group != 1 or (dilated and max(window.stride) > 1)):
        site.refuse(f"it has {group} groups and {count} spatial axes, with dilation {window.dilation}; expected 2 axes")
    channels = _channels(x, group, num_output)
    full = site.add_filled(
        GroupedConv2DTranspose if own else _TRANSPOSED[count],
        site.last(x),
        [(channels, num_output // group, *window.kernel), *([(num_output,)] if bias_term else [])],
        lambda weights, *bias: [_kernel_of(weights), *bias],
        filters=num_output,
        kernel_size=window.kernel,
        strides=window.stride,
        dilation_rate=window.dilation,
        use_bias=bias_term,
        kernel_initializer=initializer(weight_filler, "glorot_uniform"),
        bias_initializer=initializer(bias_filler, "zeros"),
        **({"groups": group} if own else {}),
    )
    # Keras fills up to the next step where the window is smaller than the stride; Caffe ends with the last window.
    margins = [
        (pad, pad + (0 if own else max(stride - reach, 0)))
        for pad, stride, reach in zip(window.pad, window.stride, window.reach, strict=True)
    ]
    if not any(map(any, margins)):
        return Blob(full, True)
    cropping = margins[0] if count == 1 else tuple(margins)
    return Blob(site.add(_CROPPING[count], full, "_crop", cropping=cropping), True)


@converter("Im2col", "convolution_param")
def im2col(
    site: Site,
    x: Blob,
    *,
    pad: Sizes = (),
    kernel_size: Sizes = (),
    stride: Sizes = (),
    dilation: Sizes = (),
    pad_h: int | None = None,
    pad_w: int | None = None,
    kernel_h: int | None = None,
    kernel_w: int | None = None,
    stride_h: int | None = None,
    stride_w: int | None = None,
) -> Blob:
    """The windows of a convolution as channels."""
    if x.rank != 4:
        site.refuse(f"its input has {x.rank} axes; expected 4")
    window = window_of(2, locals())
    padded = _pad(site, site.last(x), window.pad)
    patches = site.add(Patches, padded, size=window.kernel, strides=window.stride, dilation=window.dilation)
    return Blob(patches, True)
