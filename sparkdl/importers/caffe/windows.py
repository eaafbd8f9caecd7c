"""Layers that move a window over an image: convolutions, pooling, and their relatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from sparkdl.importers.caffe.site import Blob, Site, caffe_axis, initializer
from sparkdl.importers.caffe.table import converter
from sparkdl.nn.arrangement import Patches
from sparkdl.nn.normalization import LocalResponseNormalization
from sparkdl.nn.pooling import MaxPoolingPlaces, PaddedAveragePooling, PaddedMaxPooling
from sparkdl.nn.transposed import GroupedConv2DTranspose

_CONVOLUTIONS = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}
_DEPTHWISE = {1: keras.layers.DepthwiseConv1D, 2: keras.layers.DepthwiseConv2D}
_PADDING = {1: keras.layers.ZeroPadding1D, 2: keras.layers.ZeroPadding2D, 3: keras.layers.ZeroPadding3D}
_TRANSPOSED = {1: keras.layers.Conv1DTranspose, 2: keras.layers.Conv2DTranspose, 3: keras.layers.Conv3DTranspose}
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


def _window(count: int, sizes: Mapping[str, Any]) -> Window:
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


def _pad(site: Site, tensor: Any, pad: Sizes) -> Any:
    if not any(pad):
        return tensor
    padding = pad[0] if len(pad) == 1 else tuple(pad)
    return site.add(_PADDING[len(pad)], tensor, "_pad", padding=padding)


def _kernel_of(weights: np.ndarray) -> np.ndarray:
    """Caffe's (out, in, ...) as Keras's (..., in, out); for transposed convolutions both have them exchanged."""
    return weights.transpose(*range(2, weights.ndim), 1, 0)


def _channels(site: Site, x: Blob, window: Window, group: int, num_output: int) -> int:
    """The channels of the input, when they and the window are what Keras can convolve."""
    if max(window.stride) > 1 and max(window.dilation) > 1:
        site.refuse(f"it has both stride {window.stride} and dilation {window.dilation}, which Keras does not know")
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
    window = _window(count, locals())
    channels = _channels(site, x, window, group, num_output)
    shapes = [(num_output, channels // group, *window.kernel), *([(num_output,)] if bias_term else [])]
    common = {
        "kernel_size": window.kernel,
        "strides": window.stride,
        "dilation_rate": window.dilation,
        "use_bias": bias_term,
        "bias_initializer": initializer(bias_filler, "zeros"),
    }
    padded = _pad(site, site.last(x), window.pad)
    start = initializer(weight_filler, "glorot_uniform")
    if group == channels > 1 and count in _DEPTHWISE:
        common |= {"depth_multiplier": num_output // group, "depthwise_initializer": start}
        return Blob(site.add_filled(_DEPTHWISE[count], padded, shapes, _depthwise(group), **common), True)
    common |= {"filters": num_output, "groups": group, "kernel_initializer": start}
    fill = lambda weights, *bias: [_kernel_of(weights), *bias]  # noqa: E731
    return Blob(site.add_filled(_CONVOLUTIONS[count], padded, shapes, fill, **common), True)


def _depthwise(group: int) -> Callable[..., Sequence[np.ndarray]]:
    """Caffe counts outputs by group and then within it; Keras has an axis for each."""

    def fill(weights: np.ndarray, *bias: np.ndarray) -> Sequence[np.ndarray]:
        split = weights.reshape(group, -1, *weights.shape[2:])
        return [split.transpose(*range(2, split.ndim), 0, 1), *bias]

    return fill


converter("DepthwiseConvolution", "convolution_param")(convolution)
converter("ConvolutionDepthwise", "convolution_param")(convolution)


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
    """A transposed convolution; groups only of images, and without dilation."""
    count = _spatial(site, x, axis)
    window = _window(count, locals())
    if group != 1 and (count != 2 or max(window.dilation) > 1):
        site.refuse(f"it has {group} groups, {count} spatial axes and dilation {window.dilation}; groups need 2 and 1")
    channels = _channels(site, x, window, group, num_output)
    extra = {"dilation_rate": window.dilation} if group == 1 else {"groups": group}
    full = site.add_filled(
        _TRANSPOSED[count] if group == 1 else GroupedConv2DTranspose,
        site.last(x),
        [(channels, num_output // group, *window.kernel), *([(num_output,)] if bias_term else [])],
        lambda weights, *bias: [_kernel_of(weights), *bias],
        filters=num_output,
        kernel_size=window.kernel,
        strides=window.stride,
        use_bias=bias_term,
        kernel_initializer=initializer(weight_filler, "glorot_uniform"),
        bias_initializer=initializer(bias_filler, "zeros"),
        **extra,
    )
    # Keras fills up to the next step where the window is smaller than the stride; Caffe ends with the last window.
    margins = [
        (pad, pad + (max(stride - reach, 0) if group == 1 else 0))
        for pad, stride, reach in zip(window.pad, window.stride, window.reach, strict=True)
    ]
    if not any(map(any, margins)):
        return Blob(full, True)
    cropping = margins[0] if count == 1 else tuple(margins)
    return Blob(site.add(_CROPPING[count], full, "_crop", cropping=cropping), True)


@converter("Pooling", "pooling_param")
def pooling(
    site: Site,
    x: Blob,
    *,
    pool: str = "MAX",
    pad: Sizes | int = (),
    pad_h: int | None = None,
    pad_w: int | None = None,
    kernel_size: Sizes | int = (),
    kernel_h: int | None = None,
    kernel_w: int | None = None,
    stride: Sizes | int = (),
    stride_h: int | None = None,
    stride_w: int | None = None,
    global_pooling: bool = False,
    round_mode: str = "CEIL",
    ceil_mode: bool | None = None,
) -> Blob | list[Blob]:
    """The largest or mean of windows (with a second top: where the largest lies); stochastic pooling is refused."""
    if pool not in ("MAX", "AVE"):
        site.refuse(f"it has pool {pool}; known are MAX and AVE")
    if x.rank != 4:
        site.refuse(f"its input has {x.rank} axes; expected 4")
    tensor = site.last(x)
    sizes = tuple(tensor.shape[1:-1])
    if global_pooling:
        window = Window(sizes, (1, 1), (0, 0), (1, 1))
    else:
        window = _window(2, locals())
    up = round_mode == "CEIL" if ceil_mode is None else ceil_mode
    padding = [
        (pad, _behind(size, kernel, stride, pad, up, any(window.pad)))
        for size, kernel, stride, pad in zip(sizes, window.kernel, window.stride, window.pad, strict=True)
    ]
    pooled = Blob(_pooled(site, tensor, pool, window, padding), True)
    if len(site.layer.tops) < 2:
        return pooled
    if pool != "MAX":
        site.refuse("it has two tops; expected one, since only MAX pooling has a mask")
    places = site.add(
        MaxPoolingPlaces, tensor, "_mask", pool_size=window.kernel, strides=window.stride, padding=padding
    )
    return [pooled, Blob(places, True)]


def _behind(size: int, kernel: int, stride: int, pad: int, up: bool, padded: bool) -> int:
    """Rows of padding behind an image, so that the windows are as many as Caffe has."""
    room = size + 2 * pad - kernel
    if room < 0:
        raise ValueError(f"a window of {kernel} for {size} rows and {pad} of padding on both sides")
    steps = -(-room // stride) if up else room // stride
    if padded and steps * stride >= size + pad:  # the last window would lie in the padding alone
        steps -= 1
    return max(steps * stride + kernel - size - pad, 0)


def _pooled(site: Site, tensor: Any, pool: str, window: Window, padding: Sequence[tuple[int, int]]) -> Any:
    """Keras's own pooling where nothing is padded."""
    if not any(map(any, padding)):
        kinds = {"MAX": keras.layers.MaxPooling2D, "AVE": keras.layers.AveragePooling2D}
        return site.add(kinds[pool], tensor, pool_size=window.kernel, strides=window.stride)
    common: dict[str, Any] = {"pool_size": window.kernel, "strides": window.stride, "padding": padding}
    if pool == "MAX":
        return site.add(PaddedMaxPooling, tensor, **common)
    return site.add(PaddedAveragePooling, tensor, counted=window.pad, **common)


@converter("SPP", "spp_param")
def spatial_pyramid_pooling(site: Site, x: Blob, *, pyramid_height: int, pool: str = "MAX") -> Blob:
    """Pooling into 1, 4, 16, ... windows, one behind the other."""
    if pool not in ("MAX", "AVE"):
        site.refuse(f"it has pool {pool}; known are MAX and AVE")
    if x.rank != 4 or not 1 <= pyramid_height <= 10:
        site.refuse(f"its input has {x.rank} axes and its pyramid {pyramid_height} levels; expected 4, and 1 to 10")
    tensor, parts = site.last(x), []
    for level in range(pyramid_height):
        bins = 2**level
        kernel = tuple(-(-size // bins) for size in tensor.shape[1:-1])
        pad = tuple((size * bins - total + 1) // 2 for size, total in zip(kernel, tensor.shape[1:-1], strict=True))
        window = Window(kernel, kernel, pad, (1, 1))
        padding = [
            (pad, _behind(total, size, size, pad, True, any(window.pad)))
            for total, size, pad in zip(tensor.shape[1:-1], kernel, pad, strict=True)
        ]
        helper = Site(site.builder, _named(site, f"_{bins}"))
        pooled = site.first(Blob(_pooled(helper, tensor, pool, window, padding), True))
        parts.append(helper.add(keras.layers.Flatten, pooled, "_flat"))
    return Blob(site.add(keras.layers.Concatenate, parts) if len(parts) > 1 else parts[0])


def _named(site: Site, suffix: str) -> Any:
    from dataclasses import replace

    return replace(site.layer, name=site.layer.name + suffix)


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
    window = _window(2, locals())
    padded = _pad(site, site.last(x), window.pad)
    patches = site.add(Patches, padded, size=window.kernel, strides=window.stride, dilation=window.dilation)
    return Blob(patches, True)


@converter("LRN", "lrn_param")
def local_response_normalization(
    site: Site,
    x: Blob,
    *,
    local_size: int = 5,
    alpha: float = 1.0,
    beta: float = 0.75,
    norm_region: str = "ACROSS_CHANNELS",
    k: float = 1.0,
) -> Blob:
    """Normalisation by neighbouring channels, or by neighbours in the image."""
    within = norm_region == "WITHIN_CHANNEL"
    if x.rank != 4 or local_size % 2 == 0:
        site.refuse(f"its input has {x.rank} axes and its window {local_size}; expected 4, and an odd number")
    config: dict[str, Any] = {"size": local_size, "alpha": alpha, "beta": beta, "within_channel": within}
    # Within a channel Caffe's constant is always 1.
    return Blob(site.add(LocalResponseNormalization, site.last(x), k=1.0 if within else k, **config), True)
