"""Fields of Caffe's layers that no recorded answer covers, with what their definition says."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.importers.caffe import references
from tests.importers.caffe.files import blob
from tests.importers.caffe.own_cases import OwnCase

_DICE = np.random.default_rng(17)


def values(*shape: int) -> np.ndarray:
    return _DICE.normal(size=shape).astype("float32")


_IMAGE, _WIDE, _ROWS = values(2, 3, 4, 5), values(2, 4, 7, 9), values(4, 3)
_TIED = np.array([[1, 3, 3, 0], [2, 2, 1, 2]], "float32")
_LABELS = np.array([1, 0, 2, 1], "float32")
_DENSE = _DICE.integers(0, 3, (2, 1, 4, 5)).astype("float32")
_H = np.abs(values(3, 3))
_KERNEL, _GROUPED, _SPREAD = values(6, 4, 3, 2), values(4, 2, 3, 3), values(4, 3, 2, 3)
_LINE, _SOLID = values(2, 4, 3), values(2, 3, 3, 1, 2)
_BIAS3, _FACTORS = values(3), values(4, 5)
_X, _STATIC = values(4, 2, 3), values(2, 6)
_MARKS = np.array([[1, 0], [1, 1], [0, 1], [1, 1]], "float32")
_LSTM = (values(20, 3), values(20), values(20, 6), values(20, 5))
_RNN = (values(5, 3), values(5), values(5, 5), values(5, 5), values(5))


def _softmax_loss(divisor: Any, axis: int = 1, ignored: int | None = None, weights: Any = None) -> Any:
    def expected(x: np.ndarray, labels: np.ndarray) -> Any:
        losses = references.class_losses(x, labels, axis, ignored)
        factors = np.ones(x.shape[axis]) if weights is None else np.asarray(weights)
        total = -sum(factors[label] * np.log(likely[label]) for label, likely in losses)
        return total / (len(losses) if divisor == "valid" else divisor)

    return expected


def _infogain(x: np.ndarray, labels: np.ndarray, matrix: np.ndarray = _H) -> Any:
    losses = references.class_losses(x, labels, 1)
    return -sum(matrix.reshape(3, 3)[label] @ np.log(likely) for label, likely in losses) / len(losses)


def _sigmoid_loss(x: np.ndarray, labels: np.ndarray) -> Any:
    p, y = references.sigmoid(x).ravel(), labels.ravel()
    counted = y.astype(int) != -1
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))[counted].sum() / counted.sum()


def _legacy(a: np.ndarray, b: np.ndarray, alike: np.ndarray) -> Any:
    squares = ((a - b) ** 2).sum(1)
    return np.where(alike != 0, squares, np.maximum(2 - squares, 0)).sum() / 2 / len(a)


def _top_two(x: np.ndarray) -> np.ndarray:
    """Places and values; of equal values the last one comes first, as Caffe's sorting of pairs has it."""
    rows = [sorted(((value, place) for place, value in enumerate(row.ravel())), reverse=True)[:2] for row in x]
    return np.array([[[place for _, place in row], [value for value, _ in row]] for row in rows])


def _accuracies(x: np.ndarray, labels: np.ndarray) -> Any:
    right = x.argmax(1) == labels
    each = [right[labels == label].mean() if (labels == label).any() else 0 for label in range(x.shape[1])]
    return right.mean(), np.array(each)


def _normalized(x: np.ndarray) -> np.ndarray:
    axes = (0, 2, 3)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-3)


def _deviated(x: np.ndarray) -> np.ndarray:
    centred = x - x.mean((1, 2, 3), keepdims=True)
    return centred / (x.std((1, 2, 3), keepdims=True) + 0.1)


def _unit(cell: np.ndarray, gates: np.ndarray, mark: np.ndarray) -> Any:
    into, keep, out, new = np.split(gates, 4, axis=-1)
    cell = mark[..., None] * references.sigmoid(keep) * cell + references.sigmoid(into) * np.tanh(new)
    return cell, references.sigmoid(out) * np.tanh(cell)


def _with_places(x: np.ndarray) -> Any:
    """Windows of 3 with padding of 1, and the first place of their largest values."""
    result, places = np.zeros((2, *x.shape[:2], 4, 5))
    for n, c, h, w in np.ndindex(*result.shape):
        around = [(a, b) for a in range(2 * h - 1, 2 * h + 2) for b in range(2 * w - 1, 2 * w + 2)]
        inside = [(a, b) for a, b in around if 0 <= a < x.shape[2] and 0 <= b < x.shape[3]]
        a, b = max(inside, key=lambda place: x[n, c, *place])
        result[n, c, h, w], places[n, c, h, w] = x[n, c, a, b], a * x.shape[3] + b
    return result, places


FIELD_CASES = [
    OwnCase(
        "Convolution",
        "convolution_param { num_output: 6 kernel_h: 3 kernel_w: 2 stride: 2 dilation: 2 pad: 1 bias_term: false }",
        {"x": _WIDE},
        lambda x: references.convolution(x, _KERNEL, (2, 2), (1, 1), (2, 2)),
        (_KERNEL,),
    ),
    OwnCase(
        "Convolution",
        "convolution_param { num_output: 4 kernel_size: 3 group: 2 pad_h: 1 pad_w: 2 stride: 2 bias_term: false }",
        {"x": _WIDE},
        lambda x: references.convolution(x, _GROUPED, (2, 2), (1, 2), (1, 1), 2),
        (_GROUPED,),
    ),
    OwnCase(
        "Convolution",
        "convolution_param { num_output: 4 kernel_size: 3 group: 2 pad: 2 dilation: 2 bias_term: false }",
        {"x": _WIDE},
        lambda x: references.convolution(x, _GROUPED, (1, 1), (2, 2), (2, 2), 2),
        (_GROUPED,),
    ),
    OwnCase(
        "Convolution",
        "convolution_param { num_output: 8 kernel_size: 3 group: 4 stride_h: 2 stride_w: 1 bias_term: false }",
        {"x": _WIDE},
        lambda x: references.convolution(x, _GROUPED.reshape(8, 1, 3, 3), (2, 1), (0, 0), (1, 1), 4),
        (_GROUPED.reshape(8, 1, 3, 3),),
    ),
    OwnCase(
        "Convolution",
        "convolution_param { num_output: 8 kernel_size: 3 group: 4 pad: 1 stride: 2 bias_term: false }",
        {"x": _WIDE},
        lambda x: references.convolution(x, _GROUPED.reshape(8, 1, 3, 3), (2, 2), (1, 1), (1, 1), 4),
        (_GROUPED.reshape(8, 1, 3, 3),),
    ),
    OwnCase(
        "Deconvolution",
        "convolution_param { num_output: 6 kernel_h: 2 kernel_w: 3 group: 2 stride: 2 pad: 1 dilation: 2 }",
        {"x": _WIDE},
        lambda x: references.deconvolution(x, _SPREAD, (2, 2), (1, 1), (2, 2), 2) + np.arange(6)[:, None, None],
        (_SPREAD, np.arange(6, dtype="float32")),
    ),
    OwnCase(
        "Deconvolution",
        "convolution_param { num_output: 3 kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 3 pad: 1 bias_term: false }",
        {"x": _WIDE},
        lambda x: references.deconvolution(x, _SPREAD, (1, 3), (1, 1), (1, 1)),
        (_SPREAD,),
    ),
    OwnCase(
        "Convolution",
        "convolution_param { num_output: 2 kernel_size: 3 pad: 1 bias_term: false }",
        {"x": values(2, 4, 7)},
        lambda x: references.convolution(x, _LINE, (1,), (1,), (1,)),
        (_LINE,),
    ),
    OwnCase(
        "Convolution",
        "convolution_param { num_output: 2 kernel_size: 3 stride: 2 dilation: 2 bias_term: false }",
        {"x": values(2, 4, 9)},
        lambda x: references.convolution(x, _LINE, (2,), (0,), (2,)),
        (_LINE,),
    ),
    OwnCase(
        "Convolution",
        "convolution_param { num_output: 2 kernel_size: [3, 1, 2] pad: [1, 0, 1] stride: [1, 2, 1] bias_term: false }",
        {"x": values(1, 3, 4, 3, 4)},
        lambda x: references.convolution(x, _SOLID, (1, 2, 1), (1, 0, 1), (1, 1, 1)),
        (_SOLID,),
    ),
    OwnCase(
        "Deconvolution",
        "convolution_param { num_output: 2 kernel_size: 3 stride: 2 pad: 1 bias_term: false }",
        {"x": values(2, 2, 5)},
        lambda x: references.deconvolution(x, _LINE[:, :2], (2,), (1,), (1,)),
        (_LINE[:, :2],),
    ),
    OwnCase(
        "Deconvolution",
        "convolution_param { num_output: 3 kernel_size: [3, 1, 2] stride: [2, 2, 1] bias_term: false }",
        {"x": values(1, 2, 2, 3, 2)},
        lambda x: references.deconvolution(x, _SOLID, (2, 2, 1), (0, 0, 0), (1, 1, 1)),
        (_SOLID,),
    ),
    OwnCase(
        "Deconvolution",
        "convolution_param { num_output: 2 kernel_size: 3 dilation: 2 bias_term: false }",
        {"x": values(2, 2, 5)},
        lambda x: references.deconvolution(x, _LINE[:, :2], (1,), (0,), (2,)),
        (_LINE[:, :2],),
    ),
    OwnCase(
        "Pooling",
        "pooling_param { pool: MAX kernel_size: 1 stride: 4 } # the definition has no slope\n",
        {"x": _WIDE},
        lambda x: references.pooling(x, "MAX", (1, 1), (4, 4)),
    ),
    OwnCase(
        "Pooling",
        "pooling_param { pool: MAX kernel_size: 3 stride: 2 pad: 1 }",
        {"x": np.maximum(np.rint(_WIDE), 0)},
        _with_places,
        tops=2,
    ),
    OwnCase(
        "Pooling",
        "pooling_param { pool: MAX kernel_size: 3 stride: 2 }",
        {"x": values(2, 3, 8, 6)},
        lambda x: references.pooling(x, "MAX", (3, 3), (2, 2)),
    ),
    OwnCase(
        "Pooling",
        "pooling_param { pool: AVE kernel_size: 3 stride: 2 }",
        {"x": values(2, 3, 8, 6)},
        lambda x: references.pooling(x, "AVE", (3, 3), (2, 2)),
    ),
    OwnCase(
        "Pooling",
        "pooling_param { pool: AVE kernel_size: 3 stride: 1 pad: 1 }",
        {"x": _WIDE},
        lambda x: references.pooling(x, "AVE", (3, 3), (1, 1), (1, 1)),
    ),
    OwnCase(
        "Pooling",
        "pooling_param { pool: AVE kernel_h: 3 kernel_w: 2 stride: 2 pad_h: 2 pad_w: 1 round_mode: FLOOR }",
        {"x": _WIDE},
        lambda x: references.pooling(x, "AVE", (3, 2), (2, 2), (2, 1), up=False),
    ),
    OwnCase(
        "Pooling",
        "pooling_param { pool: STOCHASTIC kernel_size: 3 stride: 2 }",
        {"x": np.abs(values(2, 3, 6, 8))},
        lambda x: references.pooling(x, "STOCHASTIC", (3, 3), (2, 2)),
    ),
    OwnCase("SPP", "spp_param { pyramid_height: 1 }", {"x": _WIDE}, lambda x: x.max((2, 3), keepdims=True)),
    OwnCase(
        "Eltwise",
        "eltwise_param { operation: SUM coeff: 2 coeff: -1 coeff: 0.5 }",
        {"x": _IMAGE, "y": values(2, 3, 4, 5), "z": values(2, 3, 4, 5)},
        lambda x, y, z: 2 * x - y + z / 2,
    ),
    OwnCase(
        "Eltwise",
        "eltwise_param { operation: PROD }",
        {"x": _IMAGE, "y": values(2, 3, 4, 5), "z": values(2, 3, 4, 5)},
        lambda x, y, z: x * y * z,
    ),
    OwnCase("Slice", "slice_param { slice_dim: 1 }", {"x": _IMAGE}, lambda x: np.split(x, 3, 1), tops=3),
    OwnCase(
        "Slice",
        "slice_param { axis: -1 slice_point: 1 slice_point: 4 }",
        {"x": _IMAGE},
        lambda x: np.split(x, [1, 4], 3),
        tops=3,
    ),
    OwnCase(
        "Concat",
        "concat_param { concat_dim: 0 }",
        {"x": _IMAGE, "y": values(2, 3, 4, 5)},
        lambda x, y: np.concatenate([x, y], 0),
    ),
    OwnCase(
        "Concat",
        "concat_param { axis: -1 }",
        {"x": _IMAGE, "y": values(2, 3, 4, 2)},
        lambda x, y: np.concatenate([x, y], 3),
    ),
    OwnCase("Flatten", "flatten_param { axis: 1 end_axis: 2 }", {"x": _IMAGE}, lambda x: x.reshape(2, 12, 5)),
    OwnCase("Flatten", "flatten_param { axis: -2 }", {"x": _IMAGE}, lambda x: x.reshape(2, 3, 20)),
    OwnCase(
        "Reshape",
        "reshape_param { shape { dim: 2 dim: -1 } axis: 2 num_axes: 1 }",
        {"x": _IMAGE},
        lambda x: x.reshape(2, 3, 2, 2, 5),
    ),
    OwnCase(
        "Reshape", "reshape_param { shape { dim: 1 } axis: -1 num_axes: 0 }", {"x": _IMAGE}, lambda x: x[..., None]
    ),
    OwnCase("ArgMax", "argmax_param { top_k: 2 out_max_val: true }", {"x": _TIED}, _top_two),
    OwnCase(
        "ArgMax",
        "argmax_param { top_k: 2 out_max_val: true }",
        {"x": _IMAGE},
        lambda x: _top_two(x)[..., None],
    ),
    OwnCase("ArgMax", "argmax_param { axis: 1 }", {"x": _TIED}, lambda x: np.array([[2.0], [3.0]])),
    OwnCase("Accuracy", "", {"x": _ROWS, "y": _LABELS}, _accuracies, tops=2),
    OwnCase(
        "Accuracy",
        "accuracy_param { top_k: 2 axis: 1 }",
        {"x": _IMAGE, "y": _DENSE},
        lambda x, y: ((x >= np.take_along_axis(x, y.astype(int), 1)).sum(1) <= 2).mean(),
    ),
    OwnCase(
        "SoftmaxWithLoss",
        "loss_param { ignore_label: 1 }",
        {"x": _IMAGE, "y": _DENSE},
        _softmax_loss("valid", ignored=1),
    ),
    OwnCase(
        "SoftmaxWithLoss",
        "loss_param { normalization: BATCH_SIZE } softmax_param { axis: 2 }",
        {"x": values(2, 4, 3), "y": np.array([[0, 1, 2, 0], [2, 2, 1, 0]], "float32")},
        _softmax_loss(8, axis=2),
    ),
    OwnCase("SoftmaxWithLoss", "loss_param { normalize: false }", {"x": _IMAGE, "y": _DENSE}, _softmax_loss(2)),
    OwnCase(
        "SoftmaxWithLoss",
        "loss_param { weight_by_label_freqs: true class_weighting: 0.5 class_weighting: 2 class_weighting: 3 }",
        {"x": _IMAGE, "y": _DENSE},
        _softmax_loss("valid", weights=[0.5, 2, 3]),
    ),
    OwnCase(
        "SoftmaxWithLoss",
        "# the definition has no slope\n",
        {"x": np.array([[0, 200.0]], "float32"), "y": np.zeros(1, "float32")},
        lambda x, y: -np.log(np.finfo("float32").tiny),
    ),
    OwnCase("InfogainLoss", "", {"x": _IMAGE, "y": _DENSE, "h": _H.reshape(1, 1, 3, 3)}, _infogain),
    OwnCase(
        "InfogainLoss",
        'infogain_loss_param { source: "h.binaryproto" }',
        {"x": _ROWS, "y": _LABELS},
        lambda x, y: (_infogain(x, y), references.softmax(x, 1)),
        tops=2,
        files={"h.binaryproto": blob(_H.reshape(1, 1, 3, 3))},
    ),
    OwnCase(
        "SigmoidCrossEntropyLoss",
        "loss_param { ignore_label: -1 normalization: VALID }",
        {"x": values(4, 1), "y": np.array([0.3, -1, -1.6, 1], "float32")},
        _sigmoid_loss,
    ),
    OwnCase(
        "EuclideanLoss",
        "",
        {"x": values(4, 1, 1, 1), "y": values(4)},
        lambda x, y: ((x.ravel() - y) ** 2).sum() / 8,
    ),
    OwnCase(
        "ContrastiveLoss",
        "contrastive_loss_param { margin: 2 legacy_version: true }",
        {"a": values(4, 3), "b": values(4, 3), "alike": np.array([0, 2, 0, 1], "float32")},
        _legacy,
    ),
    OwnCase("MVN", "mvn_param { across_channels: true eps: 0.1 }", {"x": _IMAGE}, _deviated),
    OwnCase(
        "BatchNorm",
        "batch_norm_param { use_global_stats: false eps: 0.001 }",
        {"x": _IMAGE},
        _normalized,
        (values(3), np.abs(values(3)), np.ones(1, "float32")),
    ),
    OwnCase(
        "PReLU",
        "",
        {"x": _ROWS},
        lambda x: np.maximum(x, 0) + _BIAS3 * np.minimum(x, 0),
        (_BIAS3,),
    ),
    OwnCase(
        "Scale",
        "scale_param { axis: 0 }",
        {"x": _IMAGE, "y": values(2, 3)},
        lambda x, y: x * y[:, :, None, None],
    ),
    OwnCase(
        "Scale",
        "scale_param { axis: 1 num_axes: -1 }",
        {"x": values(2, 4, 5)},
        lambda x: x * _FACTORS,
        (_FACTORS,),
    ),
    OwnCase("Bias", "bias_param { axis: -2 num_axes: 2 }", {"x": _IMAGE}, lambda x: x + _FACTORS, (_FACTORS,)),
    OwnCase("Tile", "tile_param { axis: 2 tiles: 3 }", {"x": _IMAGE}, lambda x: np.tile(x, (1, 1, 3, 1))),
    OwnCase(
        "Reduction",
        "reduction_param { operation: MEAN axis: 2 coeff: 3 }",
        {"x": _IMAGE},
        lambda x: 3 * x.mean((2, 3)),
    ),
    OwnCase("Power", "power_param { power: 0 scale: 2 }", {"x": _IMAGE}, lambda x: np.ones_like(x)),
    OwnCase("Power", "power_param { power: 2 scale: -3 shift: 1 }", {"x": _IMAGE}, lambda x: (1 - 3 * x) ** 2),
    OwnCase(
        "Exp",
        "exp_param { base: 2 scale: 0.5 shift: 1 }",
        {"x": _IMAGE},
        lambda x: 2 ** (1 + 0.5 * x.astype("float64")),
    ),
    OwnCase("Log", "log_param { base: 10 }", {"x": np.abs(_IMAGE)}, lambda x: np.log10(x)),
    OwnCase(
        "Crop",
        "crop_param { axis: 2 offset: 1 offset: 2 }",
        {"x": _IMAGE, "y": values(2, 7, 2, 3)},
        lambda x, y: x[:, :, 1:3, 2:5],
    ),
    OwnCase("Threshold", "threshold_param { threshold: 0.5 }", {"x": _IMAGE}, lambda x: x > 0.5),
    OwnCase(
        "Filter",
        "",
        {"x": _IMAGE.reshape(4, 3, 2, 5), "y": values(4, 3), "chosen": np.array([0, 2, 0, -1], "float32")},
        lambda x, y, chosen: (x[[1, 3]], y[[1, 3]]),
        tops=2,
    ),
    OwnCase(
        "LSTM",
        "recurrent_param { num_output: 5 expose_hidden: true }",
        {"x": _X, "on": _MARKS, "same": _STATIC, "h": values(1, 2, 5), "c": values(1, 2, 5)},
        lambda x, on, same, h, c: references.lstm(x, on, (h[0], c[0]), _LSTM, same),
        _LSTM,
        tops=3,
    ),
    OwnCase(
        "LSTM",
        "recurrent_param { num_output: 5 }",
        {"x": _X, "on": _MARKS},
        lambda x, on: references.lstm(x, on, (np.zeros((2, 5)),) * 2, (*_LSTM[:2], _LSTM[3]))[0],
        (*_LSTM[:2], _LSTM[3]),
    ),
    OwnCase(
        "RNN",
        "recurrent_param { num_output: 5 expose_hidden: true }",
        {"x": _X, "on": _MARKS, "h": values(1, 2, 5)},
        lambda x, on, h: references.rnn(x, on, h[0], _RNN),
        _RNN,
        tops=2,
    ),
    OwnCase(
        "LSTMUnit",
        "",
        {"c": values(1, 2, 5), "gates": values(1, 2, 20), "on": np.array([[1, 0]], "float32")},
        _unit,
        tops=2,
    ),
]
