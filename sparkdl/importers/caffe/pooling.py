"""Layers that take one number from a window, or normalise by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from sparkdl.importers.caffe.site import Blob, Site
from sparkdl.importers.caffe.table import converter
from sparkdl.importers.caffe.windows import Sizes, Window, same_padding, window_of
from sparkdl.nn.normalization import LocalResponseNormalization
from sparkdl.nn.pooling import MaxPoolingPlaces, PaddedAveragePooling, PaddedMaxPooling, StochasticPooling


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
    """The largest or mean of windows (with a second top: where the largest lies), or one of their values by chance."""
    if x.rank != 4:
        site.refuse(f"its input has {x.rank} axes; expected 4")
    tensor = site.last(x)
    sizes = tuple(tensor.shape[1:-1])
    if global_pooling:
        window = Window(sizes, (1, 1), (0, 0), (1, 1))
    else:
        window = window_of(2, locals())
        if any(pad >= kernel for pad, kernel in zip(window.pad, window.kernel, strict=True)):
            raise ValueError(f"padding {window.pad} of windows of {window.kernel}")
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
    """Keras's own pooling where nothing is padded, or as Keras does it."""
    common: dict[str, Any] = {"pool_size": window.kernel, "strides": window.stride}
    if pool == "STOCHASTIC":
        if any(window.pad):
            site.refuse("it has stochastic pooling with padding; expected none")
        return site.add(StochasticPooling, tensor, padding=padding, **common)
    kinds = {"MAX": keras.layers.MaxPooling2D, "AVE": keras.layers.AveragePooling2D}
    if not any(map(any, padding)):
        return site.add(kinds[pool], tensor, **common)
    sizes = zip(tensor.shape[1:-1], window.kernel, window.stride, strict=True)
    # Keras leaves padding out of means; Caffe leaves out what is more than its own padding.
    if padding == [same_padding(*axis) for axis in sizes] and (pool == "MAX" or not any(window.pad)):
        return site.add(kinds[pool], tensor, padding="same", **common)
    if pool == "MAX":
        return site.add(PaddedMaxPooling, tensor, padding=padding, **common)
    return site.add(PaddedAveragePooling, tensor, padding=padding, counted=window.pad, **common)


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
        helper = Site(site.builder, replace(site.layer, name=f"{site.layer.name}_{bins}"))
        pooled = Blob(_pooled(helper, tensor, pool, window, padding), True)
        if pyramid_height == 1:  # the one level that Caffe does not flatten
            return pooled
        parts.append(helper.add(keras.layers.Flatten, site.first(pooled), "_flat"))
    return Blob(site.add(keras.layers.Concatenate, parts))


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
