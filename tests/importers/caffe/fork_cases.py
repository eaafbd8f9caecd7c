"""Layers of forks, with what their definitions say."""

from __future__ import annotations

from itertools import product

import numpy as np

from tests.importers.caffe.field_cases import values
from tests.importers.caffe.own_cases import OwnCase
from tests.importers.caffe.references import sigmoid

_IMAGE, _SMALL = values(2, 3, 4, 5), values(2, 3, 2, 3)
_SLOPE, _SHIFT, _MEAN, _VARIANCE = values(3), values(3), values(3), np.abs(values(3))
# Where a pooling into 2 x 3 windows of 2 x 2 found its values, in an image of 4 x 5; the last column is cut.
_MASK = np.array([[0, 3, 4], [15, 13, 19]], "float32") + np.zeros((2, 3, 1, 1), "float32")


def _along(values: np.ndarray) -> np.ndarray:
    return values[:, None, None]


def _by_own_statistics(x: np.ndarray) -> np.ndarray:
    mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-9) * _along(_SLOPE) + _along(_SHIFT)


def _unpooled(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    result = np.zeros((2, 3, 20))
    for n, c, h, w in product(*map(range, x.shape)):
        result[n, c, int(mask[n, c, h, w])] = x[n, c, h, w]
    return result.reshape(2, 3, 4, 5)


def _resized(x: np.ndarray, high: int, wide: int) -> np.ndarray:
    """Bilinear interpolation with the corners of both images on each other."""
    result = np.zeros((*x.shape[:2], high, wide))
    for h, w in product(range(high), range(wide)):
        y = h * (x.shape[2] - 1) / (high - 1) if high > 1 else 0.0
        z = w * (x.shape[3] - 1) / (wide - 1) if wide > 1 else 0.0
        a, b = int(y), int(z)
        c, d = min(a + 1, x.shape[2] - 1), min(b + 1, x.shape[3] - 1)
        above = x[:, :, a, b] * (1 - z + b) + x[:, :, a, d] * (z - b)
        below = x[:, :, c, b] * (1 - z + b) + x[:, :, c, d] * (z - b)
        result[:, :, h, w] = above * (1 - y + a) + below * (y - a)
    return result


FORK_CASES = [
    OwnCase("ReLU6", "", {"x": 6 * _IMAGE}, lambda x: np.minimum(np.maximum(x, 0), 6)),
    OwnCase("Dropout", "dropout_param { dropout_ratio: 0.3 scale_train: false }", {"x": _IMAGE}, lambda x: 0.7 * x),
    OwnCase("Mish", "", {"x": _IMAGE}, lambda x: x * np.tanh(np.log1p(np.exp(x.astype("float64"))))),
    OwnCase(
        "BN",
        "bn_param { eps: 0.001 frozen: true }",
        {"x": _IMAGE},
        lambda x: _along(_SLOPE) * (x - _along(_MEAN)) / np.sqrt(_along(_VARIANCE) + 1e-3) + _along(_SHIFT),
        tuple(blob.reshape(1, 3, 1, 1) for blob in (_SLOPE, _SHIFT, _MEAN, _VARIANCE)),
    ),
    OwnCase(
        "BN",
        "bn_param { slope_filler { type: 'constant' value: 1 } }",
        {"x": _IMAGE},
        lambda x: _along(_SLOPE) * (x - _along(_MEAN)) / np.sqrt(_along(_VARIANCE) + 1e-5) + _along(_SHIFT),
        tuple(blob.reshape(1, 3) for blob in (_SLOPE, _SHIFT, _MEAN, _VARIANCE)),
    ),
    OwnCase(
        "BN",
        "bn_param { bn_mode: INFERENCE }",
        {"x": _IMAGE},
        lambda x: _along(_SLOPE) * x + _along(_SHIFT),
        (_SLOPE.reshape(1, 3, 1, 1), _SHIFT.reshape(1, 3, 1, 1)),
    ),
    OwnCase(
        "BN",
        "bn_param { scale_filler { type: 'constant' value: 1 } shift_filler { value: 0.001 } }",
        {"x": _IMAGE},
        _by_own_statistics,
        (_SLOPE.reshape(1, 3, 1, 1), _SHIFT.reshape(1, 3, 1, 1)),
    ),
    OwnCase(
        "Upsample",
        "upsample_param { upsample_h: 4 upsample_w: 5 }",
        {"x": _SMALL, "mask": _MASK},
        _unpooled,
    ),
    OwnCase(
        "Upsample",
        "upsample_param { scale: 2 pad_out_w: true }",
        {"x": _SMALL, "mask": np.minimum(_MASK, 12)},
        _unpooled,
    ),
    OwnCase("Interp", "interp_param { height: 7 width: 9 }", {"x": _IMAGE}, lambda x: _resized(x, 7, 9)),
    OwnCase("Interp", "interp_param { zoom_factor: 3 }", {"x": _IMAGE}, lambda x: _resized(x, 10, 13)),
    OwnCase("Interp", "interp_param { shrink_factor: 2 }", {"x": _IMAGE}, lambda x: _resized(x, 2, 3)),
    OwnCase(
        "Interp",
        "interp_param { shrink_factor: 2 zoom_factor: 5 pad_beg: -1 }",
        {"x": _IMAGE},
        lambda x: _resized(x[:, :, 1:, 1:], 6, 6),
    ),
    OwnCase("Interp", "interp_param { height: 1 width: 2 }", {"x": _IMAGE}, lambda x: _resized(x, 1, 2)),
    OwnCase(
        "Interp",
        "interp_param { height: 2 width: 3 pad_beg: -1 pad_end: -1 }",
        {"x": _IMAGE},
        lambda x: x[:, :, 1:-1, 1:-1],
    ),
    OwnCase(
        "Axpy",
        "",
        {"a": values(2, 3, 1, 1), "x": _IMAGE, "y": values(2, 3, 4, 5)},
        lambda a, x, y: a * x + y,
    ),
    OwnCase(
        "ShuffleChannel",
        "shuffle_channel_param { group: 2 }",
        {"x": values(2, 6, 2, 3)},
        lambda x: x[:, [0, 3, 1, 4, 2, 5]],
    ),
    OwnCase(
        "SmoothL1Loss",
        "smooth_l1_loss_param { sigma: 2 }",
        {"x": values(4, 8), "y": values(4, 8), "inside": np.abs(values(4, 8)), "outside": np.abs(values(4, 8))},
        lambda x, y, inside, outside: (
            sum(
                weight * (2 * d * d if abs(d) < 0.25 else abs(d) - 0.125)
                for d, weight in zip((inside * (x - y)).ravel(), outside.ravel(), strict=True)
            )
            / 4
        ),
    ),
    OwnCase("Swish", "swish_param { beta: 2 }", {"x": _IMAGE}, lambda x: x * sigmoid(2 * x)),
]
