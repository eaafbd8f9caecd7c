"""What layers compute, written down from their definitions: plain loops over images with the channels first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

Pair = tuple[int, int]


def convolution(
    x: np.ndarray,
    weights: np.ndarray,
    stride: Pair = (1, 1),
    pad: Pair = (0, 0),
    dilation: Pair = (1, 1),
    group: int = 1,
) -> np.ndarray:
    """Each output channel sees the input channels of its group."""
    x = np.pad(x, [(0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2])
    rows, _, high, wide = x.shape
    outputs, inputs, *kernel = weights.shape
    sizes = [
        (size - (k - 1) * d - 1) // s + 1 for size, k, s, d in zip((high, wide), kernel, stride, dilation, strict=True)
    ]
    result = np.zeros((rows, outputs, *sizes))
    for o, i, a, b in product(range(outputs), range(inputs), *map(range, kernel)):
        channel = o // (outputs // group) * inputs + i
        for h, w in product(*map(range, sizes)):
            y, z = h * stride[0] + a * dilation[0], w * stride[1] + b * dilation[1]
            result[:, o, h, w] += x[:, channel, y, z] * weights[o, i, a, b]
    return result


def deconvolution(
    x: np.ndarray,
    weights: np.ndarray,
    stride: Pair = (1, 1),
    pad: Pair = (0, 0),
    dilation: Pair = (1, 1),
    group: int = 1,
) -> np.ndarray:
    """Each input element adds its window to the output; weights are (inputs, outputs of a group, height, width)."""
    rows, inputs, high, wide = x.shape
    _, outputs, *kernel = weights.shape
    sizes = [
        (size - 1) * s + (k - 1) * d + 1 for size, k, s, d in zip((high, wide), kernel, stride, dilation, strict=True)
    ]
    result = np.zeros((rows, outputs * group, *sizes))
    for i, o, a, b in product(range(inputs), range(outputs), *map(range, kernel)):
        channel = i // (inputs // group) * outputs + o
        for h, w in product(range(high), range(wide)):
            y, z = h * stride[0] + a * dilation[0], w * stride[1] + b * dilation[1]
            result[:, channel, y, z] += x[:, i, h, w] * weights[i, o, a, b]
    return result[:, :, pad[0] : sizes[0] - pad[0], pad[1] : sizes[1] - pad[1]]


def pooling(x: np.ndarray, kind: str, kernel: Pair, stride: Pair, pad: Pair = (0, 0), up: bool = True) -> np.ndarray:
    """Pooling as Caffe counts its windows, and what lies in them."""
    counts = []
    for size, k, s, p in zip(x.shape[2:], kernel, stride, pad, strict=True):
        steps = (size + 2 * p - k) / s
        count = int(np.ceil(steps) if up else np.floor(steps)) + 1
        if any(pad) and (count - 1) * s >= size + p:
            count -= 1
        counts.append(count)
    result = np.zeros((*x.shape[:2], *counts))
    for h, w in product(*map(range, counts)):
        top, left = h * stride[0] - pad[0], w * stride[1] - pad[1]
        bottom, right = top + kernel[0], left + kernel[1]
        area = (min(bottom, x.shape[2] + pad[0]) - top) * (min(right, x.shape[3] + pad[1]) - left)
        window = x[:, :, max(top, 0) : bottom, max(left, 0) : right].astype("float64")
        if kind == "MAX":
            result[:, :, h, w] = window.max((2, 3)) if window.size else -np.finfo("float32").max
        elif kind == "AVE":
            result[:, :, h, w] = window.sum((2, 3)) / area
        else:
            result[:, :, h, w] = (window**2).sum((2, 3)) / window.sum((2, 3))
    return result


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    """e ** x as shares of 1."""
    powers = np.exp(x.astype("float64") - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def class_losses(x: np.ndarray, labels: np.ndarray, axis: int, ignored: int | None = None) -> list[tuple[int, Any]]:
    """For each element that counts: its label, and the probabilities of all classes."""
    likely = np.moveaxis(softmax(x, axis), axis, -1)
    pairs = zip(labels.astype(int).ravel(), likely.reshape(-1, likely.shape[-1]), strict=True)
    return [(label, row) for label, row in pairs if label != ignored]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(x, "float64")))


def lstm(
    x: np.ndarray, goes_on: np.ndarray, states: Sequence[np.ndarray], blobs: Sequence[np.ndarray], static: Any = None
) -> list[np.ndarray]:
    """Hidden states of all steps, and both last states; `blobs` in Caffe's order."""
    kernel, bias, *fixed, recurrent = blobs
    hidden, cell = (state.astype("float64") for state in states)
    found = []
    for now, mark in zip(x, goes_on[:, :, None], strict=True):
        sums = now @ kernel.T + bias + (hidden * mark) @ recurrent.T + (static @ fixed[0].T if fixed else 0)
        into, keep, out, new = np.split(sums, 4, axis=-1)
        cell = mark * sigmoid(keep) * cell + sigmoid(into) * np.tanh(new)
        hidden = sigmoid(out) * np.tanh(cell)
        found.append(hidden)
    return [np.stack(found), hidden[None], cell[None]]


def rnn(x: np.ndarray, goes_on: np.ndarray, hidden: np.ndarray, blobs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Results of all steps, and the last state; `blobs` in Caffe's order."""
    kernel, bias, recurrent, last, shift = blobs
    found = []
    for now, mark in zip(x, goes_on[:, :, None], strict=True):
        hidden = np.tanh(now @ kernel.T + bias + (hidden * mark) @ recurrent.T)
        found.append(np.tanh(hidden @ last.T + shift))
    return [np.stack(found), hidden[None]]
