"""What kernels compute, against numpy; their gradients against differences; and that Keras models agree with arrays.

The golden cases of BigDL are in `tests/nn/torch/test_layers.py`; these are arguments and classes beyond them, read off
BigDL's definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.bigdl.nn import layer as layers
from sparkdl.nn.torch.network import network

Expected = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A layer, the shapes of what goes in (or arrays), and what comes out of arrays.

    Attributes:
        batched: whether the first axis is the batch, so that a Keras model does the same.
        smooth: whether the gradient is that of the function.
    """

    expression: str
    inputs: Sequence[Any]
    expected: Expected
    batched: bool = True
    smooth: bool = True


def _soft(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


MASK = np.array([[1, 0, 1], [0, 1, 1]], np.float32)

ELEMENTS = [
    Case("Abs()", [(2, 3)], np.abs),
    Case("AddConstant(1.5)", [(2, 3)], lambda x: x + 1.5),
    Case("Clamp(-1, 1)", [(2, 3)], lambda x: np.clip(x, -1, 1)),
    Case("Clamp(-0.5, 0.4)", [(2, 3)], lambda x: np.clip(x, -0.5, 0.4)),
    Case("BinaryThreshold(0.2)", [(2, 3)], lambda x: (x > 0.2) * 1.0, smooth=False),
    Case("ELU(2.0)", [(2, 3)], lambda x: np.where(x > 0, x, 2 * np.expm1(x))),
    Case("HardShrink()", [(2, 3)], lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    Case("HardSigmoid()", [np.array([[-3.0, -1.0, 0.5, 3.0]])], lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    Case("HardTanh()", [np.array([[-3.0, -0.5, 0.5, 3.0]])], lambda x: np.clip(x, -1, 1)),
    Case("LeakyReLU(0.2)", [(2, 3)], lambda x: np.where(x < 0, 0.2 * x, x)),
    Case("LeakyReLU()", [(4,)], lambda x: np.where(x < 0, 0.01 * x, x), batched=False),
    Case("LogSigmoid()", [(2, 3)], lambda x: -np.log1p(np.exp(-x))),
    Case("LogSoftMax()", [(2, 3)], lambda x: np.log(_soft(x, 1))),
    Case("MulConstant(-2)", [(2, 3)], lambda x: -2 * x),
    Case("Negative()", [(2, 3)], lambda x: -x),
    Case("PReLU()", [(2, 3)], lambda x: np.where(x > 0, x, 0.25 * x)),
    Case("PReLU(3)", [(2, 3)], lambda x: np.where(x > 0, x, 0.25 * x)),
    Case("PReLU(3)", [(3,)], lambda x: np.where(x > 0, x, 0.25 * x), batched=False),
    Case("PReLU(3)", [(3, 2, 2)], lambda x: np.where(x > 0, x, 0.25 * x), batched=False),
    Case("Power(2, 3, -1)", [(2, 3)], lambda x: (3 * x - 1) ** 2),
    Case("Power(3.0, 0.5)", [(2, 3)], lambda x: (0.5 * x) ** 3),
    Case("Power(2)", [(2, 3)], lambda x: x**2),
    Case("RReLU(0.1, 0.3).training(False)", [(2, 3)], lambda x: np.where(x > 0, x, 0.2 * x)),
    Case("ReLU6()", [np.array([[-1.0, 3.0, 7.0]])], lambda x: np.clip(x, 0, 6)),
    Case("Sigmoid()", [(2, 3)], lambda x: 1 / (1 + np.exp(-x))),
    Case("SoftMax()", [(3,)], lambda x: _soft(x, 0), batched=False),
    Case("SoftMin()", [(3,)], lambda x: _soft(-x, 0), batched=False),
    Case("SoftMin()", [(2, 3)], lambda x: _soft(-x, 1)),
    Case("SoftMin()", [(3, 2, 2)], lambda x: _soft(-x, 0), batched=False),
    Case("SoftMin()", [(2, 3, 2, 2)], lambda x: _soft(-x, 1)),
    Case("SoftPlus()", [(2, 3)], lambda x: np.log1p(np.exp(x))),
    Case("SoftShrink(0.3)", [(2, 3)], lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.3, 0)),
    Case("SoftSign()", [(2, 3)], lambda x: x / (1 + np.abs(x))),
    Case("TanhShrink()", [(2, 3)], lambda x: x - np.tanh(x)),
    Case("Threshold(0.1, 20.0)", [(2, 3)], lambda x: np.where(x > 0.1, x, 20.0)),
    Case("Echo()", [(2, 3)], lambda x: x),
    Case("Identity()", [(2, 3)], lambda x: x),
]

SHAPES = [
    Case("Reshape([4, 3])", [(2, 12)], lambda x: x.reshape(2, 4, 3)),
    Case("Reshape([4, 3])", [(12,)], lambda x: x.reshape(4, 3), batched=False),
    Case("Reshape([3, 4])", [(4, 3)], lambda x: x.reshape(3, 4), batched=False),
    Case("Reshape([3, 4])", [(1, 12)], lambda x: x.reshape(1, 3, 4)),
    Case("Reshape([3, 4], True)", [(2, 12)], lambda x: x.reshape(2, 3, 4)),
    Case("Reshape([12])", [(2, 3, 4)], lambda x: x.reshape(2, 12)),
    Case("Reshape([3, -1])", [(2, 12)], lambda x: x.reshape(2, 3, 4)),
    Case("View([3, 4])", [(2, 12)], lambda x: x.reshape(2, 3, 4)),
    Case("View([12])", [(3, 4)], lambda x: x.reshape(12), batched=False),
    Case("View([4], 1)", [(2, 3, 4)], lambda x: x.reshape(6, 4), batched=False),
    Case("View([12], 2)", [(2, 3, 4)], lambda x: x.reshape(2, 12)),
    Case("View([12], 2)", [(3, 4)], lambda x: x.reshape(12), batched=False),
    Case("View([-1])", [(2, 3, 4)], lambda x: x.reshape(2, 12)),
    Case("View([-1], 2)", [(2, 3, 4)], lambda x: x.reshape(2, 12)),
    Case("View([2, -1])", [(2, 12)], lambda x: x.reshape(2, 2, 6)),
    Case("InferReshape([-1, 4])", [(2, 12)], lambda x: x.reshape(6, 4), batched=False),
    Case("InferReshape([0, 2, -1])", [(2, 12)], lambda x: x.reshape(2, 2, 6)),
    Case("InferReshape([-1], True)", [(2, 3, 4)], lambda x: x.reshape(2, 12)),
    Case("InferReshape([4, 3], True)", [(2, 12)], lambda x: x.reshape(2, 4, 3)),
    Case("Transpose([(2, 3)])", [(2, 3, 4)], lambda x: x.transpose(0, 2, 1)),
    Case("Transpose([(2, 3), (3, 4)])", [(2, 3, 4, 5)], lambda x: x.transpose(0, 2, 3, 1)),
    Case("Squeeze(2)", [(2, 3, 1)], lambda x: x),
    Case("Squeeze(3)", [(2, 3, 1)], lambda x: x[..., 0]),
    Case("Squeeze(2, 3)", [(2, 3, 1)], lambda x: x[..., 0]),
    Case("Unsqueeze(2)", [(2, 3)], lambda x: x[:, None]),
    Case("Unsqueeze(1, 1)", [(2, 3)], lambda x: x[:, None]),
    Case("Unsqueeze(0)", [(2, 3)], lambda x: x[..., None]),
    Case("Unsqueeze([2, 3])", [(2, 3)], lambda x: x[:, None, :, None]),
    Case("Select(2, -1)", [(2, 3, 4)], lambda x: x[:, -1]),
    Case("Select(-1, 2)", [(2, 3, 4)], lambda x: x[..., 1]),
    Case("Select(1, 2)", [(2, 3, 4)], lambda x: x[1], batched=False),
    Case("Narrow(-1, 2, 3)", [(2, 3, 4)], lambda x: x[..., 1:4]),
    Case("Narrow(2, 2)", [(2, 3, 4)], lambda x: x[:, 1:2]),
    Case("Narrow(2, 1, -2)", [(2, 4, 3)], lambda x: x[:, :3]),
    Case("Reverse()", [(3, 2)], lambda x: x[::-1], batched=False),
    Case("Reverse(3)", [(2, 3, 4)], lambda x: x[..., ::-1]),
    Case("Replicate(3)", [(2, 4)], lambda x: np.stack([x] * 3), batched=False),
    Case("Replicate(3, 2)", [(2, 4)], lambda x: np.stack([x] * 3, 1)),
    Case("Replicate(3, 1, 1)", [(2, 4)], lambda x: np.stack([x] * 3, 1)),
    Case("Replicate(3, 3, 2)", [(2, 4)], lambda x: np.stack([x] * 3, 2)),
    Case("ExpandSize([-1, 3, 4])", [(2, 1, 4)], lambda x: np.repeat(x, 3, 1)),
    Case("Tile(2, 3)", [(2, 3)], lambda x: np.tile(x, (1, 3))),
    Case("Tile()", [(2, 3)], lambda x: np.tile(x, (2, 1)), batched=False),
    Case("Padding(1, -2, 2, 9.0)", [(3, 4)], lambda x: np.pad(x, ((2, 0), (0, 0)), constant_values=9), batched=False),
    Case("Padding(1, 2, 2)", [(2, 3, 4)], lambda x: np.pad(x, ((0, 0), (0, 2), (0, 0)))),
    Case("Padding(2, 1, 2, 5.0, 2)", [(3, 4)], lambda x: np.insert(x, [3], 5.0, 1)),
    Case("Padding(2, -1, 2, 5.0, 2)", [(3, 4)], lambda x: np.insert(x, [1], 5.0, 1)),
    Case("Masking(2.0)", [np.array([[[2.0, 2.0], [2.0, 1.0]]])], lambda x: x * [[[0], [1]]]),
    Case("Contiguous()", [(2, 3)], lambda x: x),
]

REDUCTIONS = [
    # BigDL's Sum takes `squeeze` for `size_average` and the other way round.
    Case("Sum()", [(2, 3)], lambda x: x.mean(0, keepdims=True), batched=False),
    Case("Sum(2, -1, False, False)", [(2, 3)], lambda x: x.sum(1, keepdims=True)),
    Case("Sum(2, -1, True, False)", [(2, 3, 4)], lambda x: x.sum(1)),
    Case("Sum(1, 2, True, False)", [(2, 3, 4)], lambda x: x.sum(1)),
    Case("Sum(-1, -1, True, False)", [(2, 3, 4)], lambda x: x.sum(2)),
    Case("Sum(1, -1, True, False)", [(4,)], lambda x: x.sum(), batched=False),
    Case("Mean(2)", [(2, 3, 4)], lambda x: x.mean(1)),
    Case("Mean(-1, -1, False)", [(2, 3, 4)], lambda x: x.mean(2, keepdims=True)),
    Case("Mean(1, 1)", [(2, 3)], lambda x: x.mean(1)),
    Case("Mean()", [(2, 3)], lambda x: x.mean(0), batched=False),
    Case("Max(2)", [(2, 3)], lambda x: x.max(1)),
    Case("Max(1)", [(4,)], lambda x: x.max(keepdims=True), batched=False),
    Case("Max(-1)", [(2, 3, 4)], lambda x: x.max(2)),
    Case("Max(1, 2)", [(2, 3, 4)], lambda x: x.max(1)),
    Case("Min(2)", [(2, 3, 4)], lambda x: x.min(1)),
    Case("Min()", [(3, 4)], lambda x: x.min(0), batched=False),
    Case("Min(2, 2)", [(2, 3, 4)], lambda x: x.min(2)),
]

TABLES = [
    Case("CAddTable()", [(2, 3), (2, 3), (2, 3)], lambda a, b, c: a + b + c),
    Case("CAddTable()", [(2, 3), (2, 1)], lambda a, b: a + b),
    Case("CAveTable()", [(2, 3), (2, 3)], lambda a, b: (a + b) / 2),
    Case("CMulTable()", [(2, 3), (2, 3), (2, 3)], lambda a, b, c: a * b * c),
    Case("CMinTable()", [(2, 3), (2, 3), (2, 3)], lambda a, b, c: np.minimum(np.minimum(a, b), c)),
    Case("CMaxTable()", [(2, 3), (2, 3)], np.maximum),
    Case("JoinTable(-1, -1)", [(2, 3), (2, 4)], lambda a, b: np.concatenate([a, b], 1)),
    Case("JoinTable(1, -1)", [(2, 3), (1, 3)], lambda a, b: np.concatenate([a, b]), batched=False),
    Case("JoinTable(1, 1)", [(3,), (2,)], lambda a, b: np.concatenate([a, b]), batched=False),
    Case("JoinTable(1, 3)", [(2, 3, 2, 2), (2, 1, 2, 2)], lambda a, b: np.concatenate([a, b], 1)),
    Case("SplitTable(2)", [(2, 3)], lambda x: [x[:, 0], x[:, 1], x[:, 2]]),
    Case("SplitTable(-1)", [(2, 3)], lambda x: [x[:, 0], x[:, 1], x[:, 2]]),
    Case("SplitTable(1, 1)", [(2, 3)], lambda x: [x[:, 0], x[:, 1], x[:, 2]]),
    Case("BifurcateSplitTable(2)", [(2, 5)], lambda x: [x[:, :2], x[:, 2:]]),
    Case("NarrowTable(2, 2)", [(2, 3), (2, 4), (2, 5)], lambda a, b, c: [b, c]),
    # Its gradient on arrays is 0, as in BigDL.
    Case("NarrowTable(2, -1)", [(2, 3), (2, 4), (2, 5)], lambda a, b, c: [b, c], smooth=False),
    Case("NarrowTable(1)", [(2, 3), (2, 4)], lambda a, b: a),
    Case("SelectTable(2)", [(2, 3), (2, 4)], lambda a, b: b),
    Case("Pack(2)", [(2, 3), (2, 3)], lambda a, b: np.stack([a, b], 1)),
    Case("Pack(-1)", [(2, 3), (2, 3)], lambda a, b: np.stack([a, b], 1)),
    Case("Pack(3)", [(2, 3), (2, 3)], lambda a, b: np.stack([a, b], 2)),
    Case("MixtureTable()", [(2, 3), (2, 3, 4)], lambda g, e: (g[..., None] * e).sum(1)),
    Case("MixtureTable(3)", [(2, 3), (2, 4, 3)], lambda g, e: (g[:, None] * e).sum(2)),
    Case("MixtureTable()", [(2, 3), (2, 3, 4), (2, 5)], lambda g, e, _: (g[..., None] * e).sum(1)),
    Case("MixtureTable()", [(3,), (3, 4)], lambda g, e: (g[:, None] * e).sum(0), batched=False),
    Case("TableOperation(CAddTable())", [(2, 1), (2, 4)], lambda a, b: a + b),
    Case("TableOperation(CMulTable())", [(2, 3, 4), (2, 1, 4)], lambda a, b: a * b),
]

PRODUCTS = [
    Case("MM(False, True)", [(3, 4), (2, 4)], lambda a, b: a @ b.T, batched=False),
    Case("MM(True, True)", [(2, 4, 3), (2, 5, 4)], lambda a, b: a.transpose(0, 2, 1) @ b.transpose(0, 2, 1)),
    Case("MM()", [(2, 2, 3, 4), (2, 2, 4, 2)], lambda a, b: a @ b),
    Case("MV()", [(2, 3, 4), (2, 4)], lambda m, v: np.einsum("bij,bj->bi", m, v)),
    Case("MV(True)", [(2, 3, 4), (2, 3)], lambda m, v: np.einsum("bij,bi->bj", m, v)),
    Case("Gemm(2.0, 0.5)", [(3, 4), (4, 2), (3, 2)], lambda a, b, c: 2 * a @ b + 0.5 * c, batched=False),
    Case("Gemm(trans_a=True)", [(4, 3), (4, 2), (3, 2)], lambda a, b, c: a.T @ b + c, batched=False),
    Case("DotProduct()", [(3,), (3,)], lambda a, b: [a @ b], batched=False),
    Case("DotProduct()", [(2, 3), (2, 3)], lambda a, b: (a * b).sum(1)),
    Case("CosineDistance()", [(3,), (3,)], lambda a, b: [a @ b / np.sqrt(a @ a * (b @ b))], batched=False),
    Case("PairwiseDistance(3)", [(2, 3), (2, 3)], lambda a, b: (np.abs(a - b) ** 3).sum(1) ** (1 / 3)),
    Case("PairwiseDistance()", [(3,), (3,)], lambda a, b: [np.sqrt(((a - b) ** 2).sum())], batched=False),
    Case(
        "CrossProduct(3)", [(2, 3)] * 3, lambda a, b, c: np.stack([(a * b).sum(1), (a * c).sum(1), (b * c).sum(1)], 1)
    ),
    Case("CrossProduct()", [(3,), (3,)], lambda a, b: [[a @ b]], batched=False),
    Case("Index(2)", [(2, 3), np.array([3.0, 1.0, 3.0])], lambda x, i: x[:, [2, 0, 2]], batched=False),
    Case("Index(1)", [(3, 2), np.array([2.0, 2.0])], lambda x, i: x[[1, 1]], batched=False),
    Case("MaskedSelect()", [(2, 3), MASK], lambda x, mask: x[mask > 0.5], batched=False),
]

NOISE = [
    Case("Dropout(0.4).training(False)", [(2, 3)], lambda x: x),
    Case("Dropout(0.4, scale=False).training(False)", [(2, 3)], lambda x: 0.6 * x),
    Case("SpatialDropout2D(0.4).training(False)", [(2, 3, 2, 2)], lambda x: 0.6 * x),
    Case("GaussianNoise(0.4).training(False)", [(2, 3)], lambda x: x),
]


def _id(case: Case) -> str:
    return f"{case.expression} {[np.shape(value) if isinstance(value, np.ndarray) else value for value in case.inputs]}"


CASES = [*ELEMENTS, *SHAPES, *REDUCTIONS, *TABLES, *PRODUCTS, *NOISE]


def _layer(case: Case) -> Any:
    return eval(case.expression, vars(layers).copy())


def _values(case: Case) -> list[np.ndarray]:
    random = np.random.RandomState(7)
    given = [value if isinstance(value, np.ndarray) else random.normal(size=value) for value in case.inputs]
    return [value.astype(np.float32) for value in given]


def _joined(value: Any) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(part, np.float64)) for part in keras.tree.flatten(value)])


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_values(case: Case) -> None:
    values = _values(case)
    output = _layer(case).forward(values if len(values) > 1 else values[0])
    expected = case.expected(*values)
    shapes = [np.shape(part) for part in (expected if isinstance(output, list) else [expected])]
    assert [part.shape for part in keras.tree.flatten(output)] == shapes
    np.testing.assert_allclose(_joined(output), _joined(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", [case for case in CASES if case.smooth], ids=_id)
def test_gradients(case: Case) -> None:
    values, layer = _values(case), _layer(case)
    value = values if len(values) > 1 else values[0]
    output = layer.forward(value)
    weights = np.random.RandomState(8).normal(size=_joined(output).size)
    pieces = np.split(weights, np.cumsum([np.size(part) for part in keras.tree.flatten(output)])[:-1])
    given = [piece.reshape(np.shape(part)) for piece, part in zip(pieces, keras.tree.flatten(output), strict=True)]
    found = _joined(layer.backward(value, given if isinstance(output, list) else given[0]))

    def loss(change: np.ndarray) -> float:
        moved = np.split(change, np.cumsum([part.size for part in values])[:-1])
        shifted = [part.astype(np.float64) + step.reshape(part.shape) for part, step in zip(values, moved, strict=True)]
        return float(weights @ _joined(case.expected(*shifted)))

    steps = np.eye(found.size) * 1e-6
    differences = np.array([(loss(step) - loss(-step)) / 2e-6 for step in steps])
    np.testing.assert_allclose(found, differences, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("case", [case for case in CASES if case.batched], ids=_id)
def test_networks(case: Case) -> None:
    values, layer = _values(case), _layer(case)
    rows = [part.shape[1:] for part in values]
    model = network(layer.value, rows if len(values) > 1 else rows[0]).model
    expected = case.expected(*values)
    found = model(values if len(values) > 1 else values[0], training=False)
    np.testing.assert_allclose(_joined(found), _joined(expected), rtol=1e-5, atol=1e-5)
    outputs = keras.tree.flatten(model.output_shape if isinstance(found, (list, tuple)) else [model.output_shape])
    assert None in outputs
