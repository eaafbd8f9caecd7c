"""Recurrent layers, attention and trees, against numbers of BigDL 2.4 (`golden/bigdl/sequences`)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.bigdl.nn import layer as layers
from sparkdl.errors import ArgumentError, DataError, UnsupportedError
from sparkdl.nn.torch.network import network

GOLDEN = Path(__file__).parents[2] / "golden" / "bigdl"
ITEMS = json.loads((GOLDEN / "sequences.json").read_text())["items"]
VALUES = np.load(GOLDEN / "sequences.npz")["values"]


class _Regularizer:
    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = l1, l2


NAMES = {
    **vars(layers),
    "L1Regularizer": lambda l1: _Regularizer(l1=l1),
    "L2Regularizer": lambda l2: _Regularizer(l2=l2),
}


def _filled(entry: Any, values: Iterator[float]) -> Any:
    """The arrays of an entry, which stand one after the other in the file."""
    if isinstance(entry, list):
        return [_filled(part, values) for part in entry]
    size = int(np.prod(entry["shape"]))
    return np.array(list(itertools.islice(values, size)), np.float32).reshape(entry["shape"])


def _cases() -> list[dict[str, Any]]:
    values = iter(VALUES)
    return [
        {name: entry if name == "expr" else _filled(entry, values) for name, entry in item.items()} for item in ITEMS
    ]


CASES = _cases()
IDS = [f"{place}-{case['expr'][:40]}" for place, case in enumerate(CASES)]


def _made(case: dict[str, Any]) -> Any:
    layer = eval(case["expr"], dict(NAMES))
    if "w" in case:
        layer.set_weights(case["w"])
    return layer


def _agree(found: Any, expected: Any, tolerance: float) -> None:
    mine, theirs = keras.tree.flatten(found), keras.tree.flatten(expected)
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert one.shape == other.shape
        scale = max(float(np.abs(other).max(initial=0.0)), 1e-2)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_arrays(case: dict[str, Any]) -> None:
    layer = _made(case)
    assert [w.shape for w in layer.get_weights() or []] == [w.shape for w in case.get("w", [])]
    _agree(layer.forward(case["x"]), case["y"], 1e-5)
    layer.zero_grad_parameters()
    _agree(layer.backward(case["x"], case["gy"]), case["gx"], 1e-4)
    if "gw" in case:
        _agree([module.gradients[name] for module, name in layer.value.weights()], case["gw"], 1e-4)
    if "h" in case:
        states = keras.tree.map_structure(lambda state: state.to_ndarray(), layer.get_hidden_state().value)
        _agree(states, case["h"], 1e-5)


@pytest.mark.parametrize("case", CASES[::5], ids=IDS[::5])
def test_keras_model(case: dict[str, Any]) -> None:
    """Loops instead of steps one by one, with open batch."""
    x = case["x"]
    if isinstance(x, list) and x[2:] and x[2].shape[0] != x[0].shape[0]:
        pytest.skip("an input that is no batch")
    shapes = [part.shape[1:] for part in x] if isinstance(x, list) else x.shape[1:]
    layer = _made(case)
    model = network(layer.value, shapes).model
    dropped = "e-9" in case["expr"] and "Recurrent" not in case["expr"] or ",0.0)" in case["expr"]
    for training in (False, True):
        if dropped and not training:
            continue
        outputs = tf.function(lambda value, training=training: model(value, training=training))(x)
        _agree([np.asarray(part) for part in keras.tree.flatten(outputs)], [case["y"]], 1e-5)


def test_a_draw_of_the_dropout_explains_what_bigdl_recorded() -> None:
    """BigDL 2.4 drops inside cells even when it evaluates; the first output tells the draw and the weights' order."""
    recorded = np.load(GOLDEN / "layers.npz")
    weights = [recorded[f"243/w{place}"] for place in range(16)]
    x, y = recorded["243/x0"][:, 0], recorded["243/y0"][:, 0]
    masks = [np.array(mask) / 0.7 for mask in itertools.product([0, 1], repeat=3)]

    def gate(place: int, row: int, mask: np.ndarray) -> np.ndarray:
        return weights[2 * place] @ (x[row] * mask) + weights[2 * place + 1] + weights[2 * place + 9]

    def sigmoid(value: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-value))

    for row in range(2):
        distances = []
        for into, candidate, out in itertools.product(masks, repeat=3):
            memory = sigmoid(gate(3, row, into)) * np.tanh(gate(2, row, candidate))
            distances.append(np.abs(sigmoid(gate(0, row, out)) * np.tanh(memory) - y[row]).max())
        assert min(distances) < 1e-6


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "LSTMPeephole"])
def test_dropout_is_drawn_anew_in_training_only(cell: str) -> None:
    layer = layers.Recurrent().add(getattr(layers, cell)(3, 4, 0.5))
    x = np.ones((1, 6, 3))
    trained = [layer.forward(x) for _ in range(4)]
    assert any(not np.allclose(trained[0], other) for other in trained[1:])
    layer.training(False)
    assert np.array_equal(layer.forward(x), layer.forward(x))


def test_dropout_is_drawn_once_for_all_steps() -> None:
    layer = layers.Recurrent().add(layers.GRU(3, 4, 0.5))
    layer.set_weights([0 * w if w.shape == (4, 4) else w for w in layer.get_weights()])
    steps = np.diff(layer.forward(np.ones((1, 6, 3)))[0], axis=0)
    # The state matters to no gate, so that with equal inputs it goes one way.
    assert np.all(np.sign(steps) == np.sign(steps[:1]))


def test_states_go_on_where_a_sequence_was_cut() -> None:
    layer = layers.Recurrent().add(layers.LSTM(3, 4))
    x = np.random.RandomState(0).rand(2, 6, 3)
    whole = layer.forward(x)
    layer.forward(x[:, :4])
    states = [state.to_ndarray() for state in layer.get_hidden_state().value]
    rest = layer.set_hidden_state(states).forward(x[:, 4:])
    np.testing.assert_allclose(rest, whole[:, 4:], atol=1e-6)


def test_long_sequences_train_as_a_keras_layer() -> None:
    tree = layers.Sequential().add(layers.Recurrent().add(layers.GRU(2, 3))).add(layers.Select(2, -1))
    model = network(tree.value, (30, 2)).model
    model.compile("sgd", "mse")
    x = np.random.RandomState(1).rand(8, 30, 2)
    history = model.fit(x, np.zeros((8, 3)), epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_padding_of_words_is_zeros() -> None:
    layer = layers.Transformer(9, 4, 2, 6, 1, 1.0, 1.0, 1.0)
    layer.training(False)
    words = np.array([[3, 4, 5, 0, 0]])
    changed = layer.get_weights()
    changed[0] = changed[0] * (np.arange(9) != 0)[:, None]  # the row that 0 must not read
    before = layer.forward(words)
    layer.set_weights(changed)
    np.testing.assert_allclose(layer.forward(words), before)


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (lambda: layers.Recurrent().add(layers.Linear(3, 4)), ArgumentError, "given a Linear, expected a cell"),
        (
            lambda: layers.Recurrent().add(layers.MultiRNNCell([layers.LSTM(3, 4)])),
            ArgumentError,
            "which only a RecurrentDecoder runs",
        ),
        (lambda: layers.Recurrent().add(layers.GRU(3, 4)).add(layers.GRU(4, 4)), ArgumentError, "has its cell already"),
        (
            lambda: layers.Recurrent().add(layers.GRU(3, 4)).forward(np.zeros((5, 3))),
            DataError,
            r"expected \[batch, steps, features\]",
        ),
        (lambda: layers.Recurrent().forward(np.zeros((2, 5, 3))), DataError, "has no cell: add one"),
        (
            lambda: layers.Recurrent().add(layers.LSTM(3, 4)).forward(np.zeros((2, 5, 7))),
            DataError,
            r"runs LSTM\(3, ...\), but its input has 7 features",
        ),
        (
            lambda: layers.RecurrentDecoder(2).add(layers.LSTM(3, 4)).forward(np.zeros((2, 3))),
            DataError,
            "gives 4 features to the next step, and got 3",
        ),
        (lambda: layers.Recurrent().get_hidden_state(), DataError, "before the first forward"),
        (lambda: layers.ConvLSTMPeephole(2, 3, 3, 3, 2), ArgumentError, "use stride=1"),
        (lambda: layers.Attention(5, 2, 0.1), ArgumentError, "expected a multiple of num_heads"),
        (
            lambda: layers.SequenceBeamSearch(9, 2, 0.5, 4, 1.0, 0.0, 2, 4).forward(np.zeros((1, 4))),
            UnsupportedError,
            "asks a Transformer for translations",
        ),
        (lambda: layers.TimeDistributed(layers.Linear(3, 4)).forward(np.zeros((5, 3))), DataError, "steps, ..."),
    ],
)
def test_mistakes_are_named(action: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        action()
