"""Layers that treat every element alike, and those that normalise or scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from sparkdl.importers.caffe.site import Blob, Site, caffe_axis, initializer
from sparkdl.importers.caffe.table import converter
from sparkdl.nn.arrangement import FullReshape
from sparkdl.nn.batch_statistics import BatchStatisticsNormalization, FixedStatisticsNormalization
from sparkdl.nn.elementwise import Absolute, Clip, Exponential, LastingDropout, Logarithm, Power, Swish, Threshold
from sparkdl.nn.normalization import MeanVarianceNormalization, ScaleAndShift, ScaledUnitNorm


@converter("ReLU", "relu_param")
def relu(site: Site, x: Blob, *, negative_slope: float = 0.0) -> Blob:
    """max(x, 0) + negative_slope * min(x, 0)."""
    return site.each(keras.layers.ReLU, x, negative_slope=negative_slope)


@converter("PReLU", "prelu_param")
def prelu(site: Site, x: Blob, *, filler: Any = None, channel_shared: bool = False) -> Blob:
    """ReLU with a learnt slope for each channel, or for all."""
    channels = x.shape[1] or 0
    config = {
        "shared_axes": list(range(1, x.rank)) if channel_shared else list(range(1, x.rank - 1)) or None,
        "alpha_initializer": initializer(filler, keras.initializers.Constant(0.25)),
    }
    alone = (1,) * (x.rank - 2)
    shape = () if channel_shared else (channels,)
    fill = lambda slope: [slope.reshape((*alone, 1 if channel_shared else channels))]  # noqa: E731
    return Blob(site.add_filled(keras.layers.PReLU, site.last(x), [shape], fill, **config), x.rank > 2)


@converter("ELU", "elu_param")
def elu(site: Site, x: Blob, *, alpha: float = 1.0) -> Blob:
    """x, or alpha * (exp(x) - 1) below 0."""
    return site.each(keras.layers.ELU, x, alpha=alpha)


@converter("Sigmoid", "sigmoid_param")
def sigmoid(site: Site, x: Blob) -> Blob:
    """1 / (1 + exp(-x))."""
    return site.each(keras.layers.Activation, x, activation="sigmoid")


@converter("TanH", "tanh_param")
def tanh(site: Site, x: Blob) -> Blob:
    """The hyperbolic tangent."""
    return site.each(keras.layers.Activation, x, activation="tanh")


@converter("BNLL")
def bnll(site: Site, x: Blob) -> Blob:
    """log(1 + exp(x))."""
    return site.each(keras.layers.Activation, x, activation="softplus")


@converter("AbsVal")
def absolute(site: Site, x: Blob) -> Blob:
    """The absolute value."""
    return site.each(Absolute, x)


@converter("Power", "power_param")
def power(site: Site, x: Blob, *, power: float = 1.0, scale: float = 1.0, shift: float = 0.0) -> Blob:
    """(shift + scale * x) ** power."""
    return site.each(Power, x, power=power, scale=scale, shift=shift)


@converter("Exp", "exp_param")
def exponential(site: Site, x: Blob, *, base: float = -1.0, scale: float = 1.0, shift: float = 0.0) -> Blob:
    """base ** (shift + scale * x); -1 means e."""
    return site.each(Exponential, x, base=None if base == -1 else base, scale=scale, shift=shift)


@converter("Log", "log_param")
def logarithm(site: Site, x: Blob, *, base: float = -1.0, scale: float = 1.0, shift: float = 0.0) -> Blob:
    """The logarithm of (shift + scale * x) to a base; -1 means e."""
    return site.each(Logarithm, x, base=None if base == -1 else base, scale=scale, shift=shift)


@converter("Threshold", "threshold_param")
def threshold(site: Site, x: Blob, *, threshold: float = 0.0) -> Blob:
    """1 above the threshold, else 0."""
    return site.each(Threshold, x, threshold=threshold)


@converter("Clip", "clip_param")
def clip(site: Site, x: Blob, *, min: float, max: float) -> Blob:  # noqa: A002 - the schema's names
    """Values between min and max."""
    return site.each(Clip, x, minimum=min, maximum=max)


@converter("Swish", "swish_param")
def swish(site: Site, x: Blob, *, beta: float = 1.0) -> Blob:
    """x * sigmoid(beta * x)."""
    return site.each(Swish, x, beta=beta)


@converter("Dropout", "dropout_param")
def dropout(
    site: Site,
    x: Blob,
    *,
    dropout_ratio: float = 0.5,
    scale_train: bool = True,
    sample_weights_test: bool = False,
) -> Blob:
    """Keras's Dropout: it does something in training only, unless a fork's fields say otherwise; see above."""
    kind = LastingDropout if sample_weights_test else keras.layers.Dropout
    if scale_train:
        return site.each(kind, x, rate=dropout_ratio)
    dropped = site.add(kind, x.tensor, "_dropped", rate=dropout_ratio)
    return site.each(keras.layers.Rescaling, Blob(dropped, x.last), scale=1 - dropout_ratio)


@converter("Softmax", "softmax_param")
def softmax(site: Site, x: Blob, *, axis: int = 1) -> Blob:
    """Softmax along an axis."""
    return site.each(keras.layers.Softmax, x, axis=x.axis(axis))


@converter("BatchNorm", "batch_norm_param")
def batch_norm(
    site: Site,
    x: Blob,
    *,
    use_global_stats: bool | None = None,
    moving_average_fraction: float = 0.999,
    eps: float = 1e-5,
) -> Blob:
    """Normalisation of channels; use_global_stats says with which statistics, see above."""
    if use_global_stats is False and site.builder.phase == "TEST":
        shapes = [(x.shape[1] or 0,)] * 2 + [(1,)]
        config: dict[str, Any] = {"affine": False, "epsilon": eps}
        kind = BatchStatisticsNormalization
        return Blob(site.add_filled(kind, site.last(x), shapes, lambda *_: [], **config), x.rank > 2)
    config = {"momentum": moving_average_fraction, "epsilon": eps, "center": False, "scale": False}
    return _batch_norm(site, x, [], config, fixed=bool(use_global_stats))


@converter("BatchNorm+Scale", "batch_norm_param", "scale_param")
def batch_norm_and_scale(
    site: Site,
    x: Blob,
    *,
    use_global_stats: bool | None = None,
    moving_average_fraction: float = 0.999,
    eps: float = 1e-5,
    bias_term: bool = False,
    filler: Any = None,
    bias_filler: Any = None,
    axis: int = 1,
    num_axes: int = 1,
) -> Blob:
    """A BatchNorm and the Scale that alone reads it, as one layer with the name of the BatchNorm."""
    channels = x.shape[1] or 0
    config = {
        "momentum": moving_average_fraction,
        "epsilon": eps,
        "center": bias_term,
        "gamma_initializer": initializer(filler, "ones"),
        "beta_initializer": initializer(bias_filler, "zeros"),
    }
    return _batch_norm(site, x, [(channels,)] * (2 if bias_term else 1), config, fixed=bool(use_global_stats))


def _batch_norm(site: Site, x: Blob, learnt: list[tuple[int, ...]], config: dict[str, Any], fixed: bool) -> Blob:
    channels = x.shape[1] or 0

    def fill(mean: np.ndarray, variance: np.ndarray, factor: np.ndarray, *rest: np.ndarray) -> list[np.ndarray]:
        # Caffe keeps sums; the third blob is what to divide them by, and 0 where nothing was summed up yet.
        scale = 0.0 if factor.item() == 0 else 1.0 / factor.item()
        return [*rest, mean * scale, variance * scale]

    shapes = [(channels,), (channels,), (1,), *learnt]
    layer = FixedStatisticsNormalization if fixed else keras.layers.BatchNormalization
    return Blob(site.add_filled(layer, site.last(x), shapes, fill, **config), x.rank > 2)


@converter("Scale", "scale_param", inputs=(1, 2))
def scale(
    site: Site,
    x: Blob,
    factors: Blob | None = None,
    *,
    axis: int = 1,
    num_axes: int = 1,
    bias_term: bool = False,
    filler: Any = None,
    bias_filler: Any = None,
) -> Blob:
    """Learnt factors (and summands) along some axes, or factors from a second blob."""
    if factors is None:
        return _scaled(site, x, (axis, num_axes), {"scale": filler, **({"shift": bias_filler} if bias_term else {})})
    if not bias_term:
        return _with_blob(site, x, factors, axis, keras.layers.Multiply)
    scaled = _with_blob(site, x, factors, axis, keras.layers.Multiply, "_scaled")
    return _scaled(site, scaled, (axis, factors.rank), {"shift": bias_filler})


@converter("Bias", "bias_param", inputs=(1, 2))
def bias(
    site: Site, x: Blob, summands: Blob | None = None, *, axis: int = 1, num_axes: int = 1, filler: Any = None
) -> Blob:
    """Learnt summands along some axes, or summands from a second blob."""
    if summands is None:
        return _scaled(site, x, (axis, num_axes), {"shift": filler})
    return _with_blob(site, x, summands, axis, keras.layers.Add)


def _scaled(site: Site, x: Blob, axes: tuple[int, int], fillers: Mapping[str, Any]) -> Blob:
    """Factors and summands, each with its filler, along some axes: the first, and how many."""
    axis, num_axes = axes
    start = caffe_axis(axis, x.rank)
    stop = x.rank if num_axes == -1 else start + num_axes
    if not start <= stop <= x.rank or (start == 0 and stop > 0):
        site.refuse(f"its parameters lie along the axes {start} to {stop} of {x.rank}; expected axes of each row")
    shape = tuple(size or 0 for size in x.shape[start:stop])
    # Along channels alone, images stay channels last.
    tensor, last = (site.last(x), x.rank > 2) if (start, stop) == (1, 2) else (site.first(x), False)
    wide = shape if last else (*shape, *((1,) * (x.rank - stop)))
    fill = lambda *blobs: [blob.reshape(wide) for blob in blobs]  # noqa: E731
    config: dict[str, Any] = {"shape": wide, "scale": "scale" in fillers, "shift": "shift" in fillers}
    config["scale_initializer"] = initializer(fillers.get("scale"), "ones")
    config["shift_initializer"] = initializer(fillers.get("shift"), "zeros")
    return Blob(site.add_filled(ScaleAndShift, tensor, [shape] * len(fillers), fill, **config), last)


def _with_blob(site: Site, x: Blob, other: Blob, axis: int, kind: Any, suffix: str = "") -> Blob:
    """Another blob, spread over the axes that it does not have."""
    start = caffe_axis(axis, x.rank) if other.rank else 0
    if start + other.rank > x.rank:
        raise ValueError(f"a second blob of {other.rank} axes at axis {start} of {x.rank}")
    if other.rank == x.rank:
        tensors, last = site.alike([x, other])
        return Blob(site.add(kind, tensors, suffix), last)
    sizes = [-1 if size is None else size for size in other.shape]
    if sizes.count(-1) > 1:
        raise ValueError(f"a second blob of the unknown shape {other.shape}")
    wide = [1] * start + sizes + [1] * (x.rank - start - other.rank)
    # What has rows and channels alone is spread as well over images with the channels behind.
    last = x.last and start + other.rank <= 2
    if last:
        wide = [*wide[:1], *[1] * (x.rank - 2), *wide[1:2]]
    spread = site.add(FullReshape, site.first(other), "_spread", shape=wide)
    return Blob(site.add(kind, [x.tensor if last else site.first(x), spread], suffix), last)


@converter("MVN", "mvn_param")
def mean_variance_normalization(
    site: Site, x: Blob, *, normalize_variance: bool = True, across_channels: bool = False, eps: float = 1e-9
) -> Blob:
    """Mean 0 and deviation 1 for each row, or for each channel of it."""
    axes = [place for place in range(1, x.rank) if across_channels or place != x.axis(1)]
    config = {"axes": axes, "normalize_variance": normalize_variance, "epsilon": eps}
    return site.each(MeanVarianceNormalization, x, **config)


@converter("Normalize", "norm_param")
def normalize(
    site: Site,
    x: Blob,
    *,
    across_spatial: bool = True,
    scale_filler: Any = None,
    channel_shared: bool = True,
    eps: float = 1e-10,
) -> Blob:
    """SSD's layer: vectors of length 1, times learnt factors."""
    channels = x.shape[1] or 0
    axes = list(range(1, x.rank)) if across_spatial else [x.rank - 1]
    fill = lambda factors: [factors.reshape(-1)]  # noqa: E731
    shape = (1,) if channel_shared else (channels,)
    start = initializer(scale_filler, "ones")
    config = {"axes": axes, "shared": channel_shared, "epsilon": eps, "initializer": start}
    return Blob(site.add_filled(ScaledUnitNorm, site.last(x), [shape], fill, **config), x.rank > 2)
