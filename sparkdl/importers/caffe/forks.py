"""Layers of well-known forks: of PSPNet, SegNet, DeepLab, SENet, ShuffleNet, MobileNet."""

from __future__ import annotations

import math
from typing import Any

import keras

from sparkdl.importers.caffe.site import Blob, Site, initializer
from sparkdl.importers.caffe.table import converter
from sparkdl.nn.arrangement import FullReshape
from sparkdl.nn.batch_statistics import BatchStatisticsNormalization
from sparkdl.nn.normalization import ScaleAndShift
from sparkdl.nn.resizing import CornerAlignedResize, ShuffleChannels, Unpooling


@converter("ReLU6", "relu_param")
def relu6(site: Site, x: Blob) -> Blob:
    """min(max(x, 0), 6)."""
    return site.each(keras.layers.ReLU, x, max_value=6.0)


@converter("Mish")
def mish(site: Site, x: Blob) -> Blob:
    """x * tanh(log(1 + exp(x)))."""
    return site.each(keras.layers.Activation, x, activation="mish")


@converter("BN", "bn_param")
def bn(
    site: Site,
    x: Blob,
    *,
    slope_filler: Any = None,
    bias_filler: Any = None,
    momentum: float = 0.9,
    eps: float = 1e-5,
    frozen: bool = False,
    scale_filler: Any = None,
    shift_filler: Any = None,
    bn_mode: str | None = None,
) -> Blob:
    """Normalisation of channels: PSPNet's, or SegNet's where its fields are given; see above."""
    channels = x.shape[1] or 0
    flat = lambda *blobs: [blob.reshape(-1) for blob in blobs]  # noqa: E731
    if not (bn_mode or scale_filler or shift_filler):
        config = {
            "momentum": momentum,
            "epsilon": eps,
            "gamma_initializer": initializer(slope_filler, "ones"),
            "beta_initializer": initializer(bias_filler, "zeros"),
            **({"trainable": False} if frozen else {}),
        }
        kind, shapes = keras.layers.BatchNormalization, [(channels,)] * 4
        return Blob(site.add_filled(kind, site.last(x), shapes, flat, **config), x.rank > 2)
    if len(site.layer.tops) > 1:
        site.refuse("it has tops for the batch's mean and variance; expected one top")
    scale, shift = initializer(scale_filler, "ones"), initializer(shift_filler, "zeros")
    if bn_mode == "INFERENCE":
        kind = ScaleAndShift
        config = {"shape": [channels], "shift": True, "scale_initializer": scale, "shift_initializer": shift}
    else:
        kind = BatchStatisticsNormalization
        config = {"epsilon": 1e-9, "gamma_initializer": scale, "beta_initializer": shift}
    return Blob(site.add_filled(kind, site.last(x), [(channels,)] * 2, flat, **config), x.rank > 2)


@converter("Upsample", "upsample_param", inputs=(1, 2))
def upsample(
    site: Site,
    x: Blob,
    mask: Blob | None = None,
    *,
    scale: int = 2,
    scale_h: int | None = None,
    scale_w: int | None = None,
    pad_out_h: bool = False,
    pad_out_w: bool = False,
    upsample_h: int | None = None,
    upsample_w: int | None = None,
) -> Blob:
    """SegNet's: values go back to where a pooling's mask says; without a mask each stands there several times."""
    if x.rank != 4:
        site.refuse(f"its input has {x.rank} axes; expected 4")
    factors = (scale_h or scale, scale_w or scale)
    if mask is None:
        if pad_out_h or pad_out_w or upsample_h or upsample_w:
            site.refuse("it has no mask, but says the size of the result; expected scale alone")
        return Blob(site.add(keras.layers.UpSampling2D, site.last(x), size=factors), True)
    if mask.shape != x.shape:
        raise ValueError(f"a mask of shape {mask.shape}")
    size = [
        given or (length or 0) * factor - cut
        for given, length, factor, cut in zip(
            (upsample_h, upsample_w), x.shape[2:], factors, (pad_out_h, pad_out_w), strict=True
        )
    ]
    return Blob(site.add(Unpooling, [site.last(x), site.last(mask)], size=size), True)


@converter("Interp", "interp_param")
def interp(
    site: Site,
    x: Blob,
    *,
    height: int | None = None,
    width: int | None = None,
    zoom_factor: int | None = None,
    shrink_factor: int | None = None,
    pad_beg: int = 0,
    pad_end: int = 0,
) -> Blob:
    """DeepLab's layer: another size, by bilinear interpolation with the corners aligned; a negative pad cuts first."""
    if x.rank != 4 or pad_beg > 0 or pad_end > 0:
        site.refuse(f"its input has {x.rank} axes and its padding is {pad_beg} and {pad_end}; expected 4, and none")
    tensor, sizes = site.last(x), [(size or 0) + pad_beg + pad_end for size in x.shape[2:]]
    # One factor counts more than a size, and a size more than both factors.
    if height and width and (shrink_factor is None) == (zoom_factor is None):
        target = [height, width]
    elif shrink_factor or zoom_factor:
        target = [(size - 1) // (shrink_factor or 1) * (zoom_factor or 1) + 1 for size in sizes]
    else:
        raise ValueError("neither height and width nor a factor")
    if min(*sizes, *target) < 1:
        raise ValueError(f"{target} rows and columns, from {sizes}")
    if pad_beg or pad_end:
        cut = ((-pad_beg, -pad_end), (-pad_beg, -pad_end))
        tensor = site.add(keras.layers.Cropping2D, tensor, "_crop", cropping=cut)
    if sizes == target:
        return Blob(tensor, True)
    return Blob(site.add(CornerAlignedResize, tensor, size=target), True)


@converter("Axpy", inputs=3)
def axpy(site: Site, factors: Blob, x: Blob, y: Blob) -> Blob:
    """SENet's layer: a factor for each channel, times the second blob, plus the third."""
    channels = x.shape[1] or 0
    if math.prod(size or 0 for size in factors.shape[1:]) != channels or x.shape != y.shape:
        raise ValueError(f"factors of shape {factors.shape} for {x.shape}, and summands of shape {y.shape}")
    spread = site.add(FullReshape, site.first(factors), "_spread", shape=[-1, *[1] * (x.rank - 2), channels])
    scaled = site.add(keras.layers.Multiply, [site.last(x), spread], "_scaled")
    return Blob(site.add(keras.layers.Add, [scaled, site.last(y)]), x.rank > 2)


@converter("ShuffleChannel", "shuffle_channel_param")
def shuffle_channel(site: Site, x: Blob, *, group: int = 1) -> Blob:
    """ShuffleNet's layer: the channels of groups by turns."""
    if group < 1 or (x.shape[1] or 0) % group:
        raise ValueError(f"{group} groups of {x.shape[1]} channels")
    return Blob(site.add(ShuffleChannels, site.last(x), groups=group), x.rank > 2)
