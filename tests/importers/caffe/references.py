"""What layers compute, written down from their definitions: plain loops over images with the channels first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

Pair = tuple[int, int]
Sizes = Sequence[int]


def convolution(
    x: np.ndarray, weights: np.ndarray, stride: Sizes, pad: Sizes, dilation: Sizes, group: int = 1
) -> np.ndarray:
    """Each output channel sees the input channels of its group; 1 to 3 spatial axes."""
    x = np.pad(x, [(0, 0), (0, 0), *((size, size) for size in pad)])
    outputs, inputs, *kernel = weights.shape
    spaces = zip(x.shape[2:], kernel, stride, dilation, strict=True)
    sizes = [(size - (k - 1) * d - 1) // s + 1 for size, k, s, d in spaces]
    result = np.zeros((len(x), outputs, *sizes))
    for o, i in product(range(outputs), range(inputs)):
        channel = o // (outputs // group) * inputs + i
        for place, tap in product(product(*map(range, sizes)), product(*map(range, kernel))):
            source = tuple(p * s + t * d for p, s, t, d in zip(place, stride, tap, dilation, strict=True))
            result[:, o, *place] += x[:, channel, *source] * weights[o, i, *tap]
    return result


def deconvolution(
    x: np.ndarray, weights: np.ndarray, stride: Sizes, pad: Sizes, dilation: Sizes, group: int = 1
) -> np.ndarray:
    """Each input element adds its window to the output; weights are (inputs, outputs of a group, ...)."""
    inputs, outputs, *kernel = weights.shape
    spaces = list(zip(x.shape[2:], kernel, stride, dilation, strict=True))
    sizes = [(size - 1) * s + (k - 1) * d + 1 for size, k, s, d in spaces]
    result = np.zeros((len(x), outputs * group, *sizes))
    for i, o in product(range(inputs), range(outputs)):
        channel = i // (inputs // group) * outputs + o
        for place, tap in product(product(*map(range, x.shape[2:])), product(*map(range, kernel))):
            target = tuple(p * s + t * d for p, s, t, d in zip(place, stride, tap, dilation, strict=True))
            result[:, channel, *target] += x[:, i, *place] * weights[i, o, *tap]
    return result[:, :, *(slice(size, length - size) for size, length in zip(pad, sizes, strict=True))]


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
