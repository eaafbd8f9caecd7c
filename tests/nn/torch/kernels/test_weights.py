"""Kernels with trained weights, against numpy: values, gradients of inputs and of weights, and Keras models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.bigdl.nn import layer as layers
from sparkdl.bigdl.util.common import JTensor
from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.network import network


@dataclass(frozen=True)
class Case:
    """A layer, the shapes of what goes in, and what comes out of arrays and weights."""

    expression: str
    inputs: Sequence[tuple[int, ...]]
    expected: Callable[..., Any]
    batched: bool = True


def _cosine(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return x @ w.T / np.linalg.norm(w, axis=1) / np.linalg.norm(x, axis=-1, keepdims=True)


def _highway(x: np.ndarray, w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray) -> np.ndarray:
    gate = 1 / (1 + np.exp(-(x @ w1.T + b1)))
    return gate * np.tanh(x @ w2.T + b2) + (1 - gate) * x


def _srelu(x: np.ndarray, tl: np.ndarray, al: np.ndarray, tr: np.ndarray, ar: np.ndarray) -> np.ndarray:
    right = np.abs(tr) + tl
    return np.where(x >= right, right + ar * (x - right), np.where(x <= tl, tl + al * (x - tl), x))


CASES = [
    Case("Add(1)", [(3, 1)], lambda x, b: x + b),
    Case("Add(3)", [(3,)], lambda x, b: x + b, batched=False),
    Case("Add(6)", [(2, 2, 3)], lambda x, b: x + b.reshape(2, 3)),
    Case("CAdd([3, 1, 1])", [(2, 3, 2, 2)], lambda x, b: x + b),
    Case("CAdd([1, 3, 1, 1])", [(2, 3, 2, 2)], lambda x, b: x + b),
    Case("CAdd([2, 3])", [(2, 3)], lambda x, b: x + b, batched=False),
    Case("CMul([1, 4])", [(5, 4)], lambda x, w: x * w),
    Case("CMul([4])", [(5, 4)], lambda x, w: x * w),
    Case("CMul([3])", [(2, 3, 2, 2)], lambda x, w: x * w[:, None, None]),
    Case("CMul([3, 1, 2])", [(2, 3, 2, 2)], lambda x, w: x * w),
    Case("CMul([4])", [(4,)], lambda x, w: x * w, batched=False),
    Case("Mul()", [(4,)], lambda x, w: x * w, batched=False),
    Case("Linear(3, 2)", [(2, 3)], lambda x, w, b: x @ w.T + b),
    Case("Linear(3, 2, False)", [(3,)], lambda x, w: w @ x, batched=False),
    Case("Bilinear(3, 4, 2, False)", [(2, 3), (2, 4)], lambda a, b, w: np.einsum("bi,oij,bj->bo", a, w, b)),
    Case("Cosine(3, 2)", [(2, 3)], _cosine),
    Case("Cosine(3, 2)", [(3,)], _cosine, batched=False),
    Case("Euclidean(3, 2)", [(2, 3)], lambda x, w: np.sqrt(((x[..., None] - w) ** 2).sum(1))),
    Case("Euclidean(3, 2)", [(3,)], lambda x, w: np.sqrt(((x[:, None] - w) ** 2).sum(0)), batched=False),
    Case("Maxout(3, 2, 4)", [(2, 3)], lambda x, w, b: (x @ w.T + b).reshape(2, 4, 2).max(1)),
    Case("Maxout(3, 2, 4, False)", [(3,)], lambda x, w: (w @ x).reshape(4, 2).max(0), batched=False),
    Case("Highway(3, activation='tanh')", [(2, 3)], _highway),
    Case("Highway(3, True, Tanh())", [(2, 3)], _highway),
    Case("Bottle(Linear(3, 2))", [(2, 4, 3)], lambda x, w, b: x @ w.T + b),
    Case("Bottle(Linear(3, 2))", [(2, 3)], lambda x, w, b: x @ w.T + b),
    Case("Bottle(Linear(3, 2), 2, 2)", [(2, 4, 2, 3)], lambda x, w, b: x @ w.T + b),
    Case("ConcatTable().add(Linear(3, 2)).add(Tanh())", [(2, 3)], lambda x, w, b: [x @ w.T + b, np.tanh(x)]),
    Case("Concat(2).add(Linear(3, 2)).add(Tanh())", [(2, 3)], lambda x, w, b: np.hstack([x @ w.T + b, np.tanh(x)])),
    Case("Concat(-1).add(Linear(3, 2)).add(Tanh())", [(2, 3)], lambda x, w, b: np.hstack([x @ w.T + b, np.tanh(x)])),
    Case("Sequential().add(MapTable(Linear(3, 2)))", [(2, 3)] * 3, lambda *g: [x @ g[3].T + g[4] for x in g[:3]]),
    Case(
        "(lambda a, b: Model([a, b], [CAddTable()([a, b]), b]))(Linear(3, 2)(), Linear(3, 2)())",
        [(2, 3), (2, 3)],
        lambda x, y, w, b, v, c: [x @ w.T + b + y @ v.T + c, y @ v.T + c],
    ),
]


def _made(case: Case) -> tuple[Any, list[np.ndarray], list[np.ndarray]]:
    random = np.random.RandomState(5)
    values = [random.normal(size=shape).astype(np.float32) for shape in case.inputs]
    layer = eval(case.expression, vars(layers).copy())
    weights = [random.normal(size=weight.shape).astype(np.float32) for weight in layer.get_weights()]
    layer.set_weights(weights)
    return layer, values, weights


def _joined(value: Any) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(part, np.float64)) for part in keras.tree.flatten(value)])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.expression} {case.inputs}")
def test_weights(case: Case) -> None:
    layer, values, weights = _made(case)
    value = values if len(values) > 1 else values[0]
    output = layer.forward(value)
    np.testing.assert_allclose(_joined(output), _joined(case.expected(*values, *weights)), rtol=1e-4, atol=1e-5)
    given = keras.tree.map_structure(lambda part: np.cos(np.arange(part.size)).reshape(part.shape), output)
    everything = [*values, *weights]

    def loss(change: np.ndarray) -> float:
        moved = np.split(change, np.cumsum([part.size for part in everything])[:-1])
        shifted = [part.astype(np.float64) + step.reshape(part.shape) for part, step in zip(everything, moved)]  # noqa: B905
        return float(_joined(given) @ _joined(case.expected(*shifted)))

    found = [layer.backward(value, given), [module.gradients[name] for module, name in layer.value.weights()]]
    steps = np.eye(sum(part.size for part in everything)) * 1e-6
    differences = np.array([(loss(step) - loss(-step)) / 2e-6 for step in steps])
    np.testing.assert_allclose(_joined(found), differences, rtol=2e-3, atol=2e-3)
    if case.batched:
        rows = [part.shape[1:] for part in values]
        model = network(layer.value, rows if len(values) > 1 else rows[0]).model
        np.testing.assert_allclose(_joined(model(value)), _joined(output), rtol=1e-5, atol=1e-5)


def test_srelu() -> None:
    layer, x = layers.SReLU([3]), np.random.RandomState(0).normal(size=(5, 3)).astype(np.float32)
    weights = [np.full(3, number, np.float32) for number in (-0.2, 0.3, 0.4, 2.0)]
    layer.set_weights(weights)
    np.testing.assert_allclose(layer.forward(x), _srelu(x, *weights), rtol=1e-5)
    layer.set_init_method(aRightInit=None, tLeftInit=None, tRightInit=None, aLeftInit=_Half())
    assert layer.get_weights()[1].tolist() == [0.5, 0.5, 0.5] and layer.get_weights()[3].tolist() == [1.0, 1.0, 1.0]
    assert sorted(layer.parameters()[layer.name()]) == ["aLeft", "aRight", "tLeft", "tRight"]


class _Half:
    def initial(self, parameter: Any) -> np.ndarray:
        return np.full(parameter.shape, 0.5, np.float32)


@pytest.mark.parametrize("text", ["CAdd([1, 3, 1, 1])", "CMul([1, 1, 4, 1])", "Scale([1, 3, 1, 1])"])
def test_a_size_that_names_the_batch_fits_a_row_alone(text: str) -> None:
    layer, rows = eval(text, vars(layers)), np.random.uniform(-1, 1, (2, 3, 4, 5)).astype("float32")
    np.testing.assert_array_equal(layer.forward(rows[1]), layer.forward(rows)[1])


def test_scale_counts_the_output_in_its_gradient_on_arrays_alone() -> None:
    layer, x = layers.Scale([1, 3]), np.array([[1.0, 2.0, 3.0]], np.float32)
    layer.set_weights([np.full((1, 3), 2.0), np.ones((1, 3))])
    assert layer.forward(x).tolist() == [[3.0, 5.0, 7.0]]
    layer.backward(x, np.ones((1, 3)))
    assert layer.parameters()[layer.name()]["gradWeight"].tolist() == [[3.0, 5.0, 7.0]]
    model = network(layer.value, (3,)).model
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(model(x))
    assert np.array(tape.gradient(y, model.trainable_variables[0])).tolist() == [[1.0, 2.0, 3.0]]


def test_lookup_table() -> None:
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    layer = layers.LookupTable(4, 3, padding_value=2)
    layer.set_weights([table])
    numbers = np.array([1, 2, 2, 4])
    assert layer.forward(numbers).tolist() == table[[0, 1, 1, 3]].tolist()
    assert layer.backward(numbers, np.ones((4, 3))).tolist() == [0.0] * 4
    assert layer.value.gradients["weight"][:, 0].tolist() == [1.0, 0.0, 0.0, 1.0]
    model = network(layer.value, (2,)).model
    assert model(numbers.reshape(2, 2)).shape == (2, 2, 3)


def test_lookup_table_divides_by_frequency() -> None:
    layer = layers.LookupTable(4, 3, should_scale_grad_by_freq=True)
    layer.forward(np.array([3, 1, 3]))
    layer.backward(np.array([3, 1, 3]), np.array([[1.0] * 3, [5.0] * 3, [2.0] * 3]))
    assert layer.value.gradients["weight"][:, 0].tolist() == [5.0, 0.0, 1.5, 0.0]


@pytest.mark.parametrize("norm", [1.0, 2.0, 3.0])
def test_lookup_table_bounds_norms(norm: float) -> None:
    table = np.array([[3.0, 4.0], [0.1, 0.1], [3.0, 4.0]], np.float32)
    layer = layers.LookupTable(3, 2, max_norm=1.0, norm_type=norm)
    layer.set_weights([table])
    length = (3.0**norm + 4.0**norm) ** (1 / norm)
    np.testing.assert_allclose(layer.forward(np.array([2, 1])), [table[1], table[0] / length], rtol=1e-5)
    layer.backward(np.array([2, 1]), np.ones((2, 2)))
    assert layer.value.gradients["weight"].tolist() == [[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    # The rows that were looked up are kept at the bound.
    np.testing.assert_allclose(layer.get_weights()[0], [table[0] / length, table[1], table[2]], rtol=1e-5)


@pytest.mark.parametrize("numbers", [[0, 1], [1, 5]])
def test_lookup_table_refuses_numbers_outside(numbers: list[int]) -> None:
    with pytest.raises(DataError, match="takes numbers from 1 to 4 .*add 1 to numbers that count from 0"):
        layers.LookupTable(4, 3).forward(np.array(numbers))


SPARSE = JTensor.sparse(np.array([2.0, 4.0, 1.0]), np.array([[0, 0, 2], [0, 1, 1]]), np.array([3, 3]))
WEIGHTS = JTensor.sparse(np.array([0.5, 2.0, 3.0]), np.array([[0, 0, 2], [0, 1, 1]]), np.array([3, 3]))


@pytest.mark.parametrize("combiner", ["sum", "mean", "SQRTN"])
@pytest.mark.parametrize("weighted", [False, True])
def test_lookup_table_sparse(combiner: str, weighted: bool) -> None:
    table = np.random.RandomState(3).normal(size=(4, 2)).astype(np.float32)
    layer = layers.LookupTableSparse(4, 2, combiner)
    layer.set_weights([table])
    a, b, c = (0.5, 2.0, 3.0) if weighted else (1.0, 1.0, 1.0)
    scale = {"sum": lambda *w: 1.0, "mean": lambda *w: sum(w), "sqrtn": lambda *w: np.sqrt(sum(v * v for v in w))}
    of = scale[combiner.lower()]
    expected = [(a * table[1] + b * table[3]) / of(a, b), np.zeros(2), c * table[0] / of(c)]
    value = [SPARSE, WEIGHTS] if weighted else SPARSE
    np.testing.assert_allclose(layer.forward(value), expected, rtol=1e-5)
    layer.backward(value, np.ones((3, 2)))
    np.testing.assert_allclose(
        layer.value.gradients["weight"][:, 0], [c / of(c), a / of(a, b), 0, b / of(a, b)], rtol=1e-5
    )


def test_lookup_table_sparse_bounds_norms() -> None:
    layer = layers.LookupTableSparse(4, 2, max_norm=1.0)
    layer.set_weights([np.full((4, 2), 3.0)])
    np.testing.assert_allclose(layer.forward(SPARSE), [[2**0.5] * 2, [0, 0], [0.5**0.5] * 2], rtol=1e-5)
    with pytest.raises(ArgumentError, match="combiner 'max' must be sum, mean or sqrtn"):
        layers.LookupTableSparse(4, 2, "max")


def test_sparse_linear() -> None:
    layer = layers.SparseLinear(3, 2, backwardStart=2, backwardLength=1)
    w, b = layer.get_weights()
    dense = SPARSE.to_ndarray()
    np.testing.assert_allclose(layer.forward(SPARSE), dense @ w.T + b, rtol=1e-5)
    np.testing.assert_allclose(layer.forward(dense), dense @ w.T + b, rtol=1e-5)
    # As BigDL gave it: the gradient for the columns that were asked for, and for no others.
    for value in (dense, SPARSE):
        np.testing.assert_allclose(layer.backward(value, np.ones((3, 2))), np.tile(w.sum(0)[1:2], (3, 1)), rtol=1e-5)
    layer.zero_grad_parameters()
    layer.forward(SPARSE)
    layer.backward(SPARSE, np.ones((3, 2)))
    np.testing.assert_allclose(layer.value.gradients["weight"], np.tile(dense.sum(0), (2, 1)))


def test_sparse_values_are_joined() -> None:
    joined = layers.SparseJoinTable(2).forward([SPARSE, SPARSE])
    assert joined.tolist() == np.hstack([SPARSE.to_ndarray()] * 2).tolist()
    row = layers.Sequential().add(layers.DenseToSparse()).add(layers.SparseLinear(3, 2))
    assert row.forward(SPARSE.to_ndarray()).shape == (3, 2)
