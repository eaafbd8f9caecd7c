"""Keras-style models: their shapes, layers, weights and forms, and expressions of variables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.bigdl.keras import autograd as A
from sparkdl.bigdl.keras.layers import (
    Activation,
    BatchNormalization,
    Convolution2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    InputLayer,
    Merge,
    Permute,
    Reshape,
    TimeDistributed,
    merge,
)
from sparkdl.bigdl.keras.models import Model, Sequential
from sparkdl.bigdl.nn.layer import Linear, ReLU
from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.network import network

RANDOM = np.random.RandomState(0)
X = RANDOM.rand(3, 4).astype(np.float32)


def test_rows_of_layers() -> None:
    model = Sequential(name="row").add(InputLayer((8,))).add(Dense(10, name="first")).add(Dense(12))
    assert (model.get_input_shape(), model.get_output_shape()) == ((None, 8), (None, 12))
    assert model.name() == "row" and model.is_built() and len(model.layers) == 3
    assert [weight.shape for weight in model.get_weights()] == [(10, 8), (10,), (12, 10), (12,)]
    assert model.get_layer("first").name() == "first"
    with pytest.raises(ArgumentError, match="0 layers of row are named 'second'"):
        model.get_layer("second")


def test_rows_learn_their_shape_later() -> None:
    model = Sequential().add(Dense(3)).add(ReLU()).add(Linear(3, 2))
    assert not model.is_built()
    assert model.forward(X).shape == (3, 2) and model.get_output_shape() == (None, 2)
    steps = TimeDistributed(Sequential().add(Dense(3)).add(Dense(2)), (5, 4))
    assert steps.get_output_shape() == (None, 5, 2) and len(steps.get_weights()) == 4


def test_graphs() -> None:
    x, y = Input(shape=(8,), name="x"), Input(shape=(6,))
    shared = Dense(10, name="shared")
    first, second = shared(x), Dense(8)(y)
    model = Model([x, y], [first, shared(second)])
    assert model.get_input_shape() == [(None, 8), (None, 6)]
    assert model.get_output_shape() == [(None, 10), (None, 10)]
    assert len(model.layers) == len(model.flattened_layers()) == 4
    assert model.get_layer("x").get_output_shape() == (None, 8)
    outputs = model.forward([np.ones((2, 8)), np.ones((2, 6))])
    assert [output.shape for output in outputs] == [(2, 10), (2, 10)]
    assert len(model.get_weights()) == 4


def test_models_in_models() -> None:
    inner = Sequential(name="inner").add(Dense(3, input_shape=(4,))).add(Dense(4))
    x = Input(shape=(4,))
    model = Model(x, merge([inner(x), x], "sum"))
    assert model.get_output_shape() == (None, 4)
    names = [type(layer).__name__ for layer in model.flattened_layers()]
    assert names == ["InputLayer", "Dense", "Dense", "Merge"]
    outer = Sequential().add(inner).add(Dense(2))
    np.testing.assert_allclose(outer.forward(X)[:, :1].shape, (3, 1))


def test_merged_entries() -> None:
    left, right = Sequential().add(Dense(3, input_shape=(4,))), InputLayer((2,))
    model = Sequential().add(Merge([left, right], "concat")).add(Dense(1))
    assert model.get_input_shape() == [(None, 4), (None, 2)]
    assert model.forward([X, np.ones((3, 2))]).shape == (3, 1)


def test_files_are_written_and_nothing_is_returned(tmp_path: Path) -> None:
    node = Input(shape=(4,))
    graph = Model(node, Dense(2)(node))
    assert graph.save_graph_topology(str(tmp_path / "logs")) is None and list((tmp_path / "logs").iterdir())
    assert graph.saveModel(str(tmp_path / "m.bigdl")) is None and (tmp_path / "m.bigdl").exists()


def test_sequential_as_graph_and_parts_of_graphs() -> None:
    row = Sequential().add(Dense(8, input_shape=(5, 4), name="a")).add(Flatten(name="b")).add(Dense(2, name="c"))
    model = row.to_model()
    x = RANDOM.rand(2, 5, 4)
    np.testing.assert_allclose(model.forward(x), row.forward(x))
    part = model.new_graph(["b"])
    assert part.forward(x).shape == (2, 40)
    model.freeze_up_to(["b"])
    assert [module.frozen for module, _ in model.value.weights()] == [True, True, False, False]
    model.unfreeze(["a"])
    assert not any(module.frozen for module, _ in model.value.weights())
    row.freeze("c")
    assert [module.frozen for module, _ in row.value.weights()] == [False, False, True, True]


def test_the_keras_model_of_a_model() -> None:
    model = Sequential().add(Convolution2D(4, 3, 3, activation="relu", input_shape=(1, 8, 8)))
    model.add(BatchNormalization()).add(Flatten()).add(Dropout(0.5)).add(Dense(2, activation="softmax"))
    made = network(model.value, (1, 8, 8)).model
    images = RANDOM.rand(3, 1, 8, 8).astype(np.float32)
    model.set_evaluate_status()
    np.testing.assert_allclose(made.predict(images, verbose=0), model.forward(images), rtol=1e-4, atol=1e-6)


def test_summary_of_a_row(capsys: Any) -> None:
    long = "a_name_that_is_longer_than_the_column_of_names"
    model = Sequential(name="m").add(Dense(3, input_shape=(4,), name=long)).add(Dense(2, name="two"))
    model.freeze(long)
    text = model.summary(80)
    assert text in capsys.readouterr().out
    lines = [re.sub("Input[0-9a-f]{8}", "Input-made-up", line) for line in text.splitlines()]
    assert lines == [
        "Model Summary:",
        "-" * 80,
        "Layer (type)               Output Shape     Param #  Connected to             ",
        "=" * 80,
        "Input-made-up (Input)      (None, 4)        0                                 ",
        "_" * 80,
        "a_name_that_is_longer_than (None, 3)        15       Input-made-up            ",
        "_" * 80,
        "two (Dense)                (None, 2)        8        a_name_that_is_longer_tha",
        "_" * 80,
        "Total params: 23",
        "Trainable params: 8",
        "Non-trainable params: 15",
        "-" * 80,
    ]


def test_summary_of_a_graph() -> None:
    one, other = Input(shape=(3,), name="i1"), Input(shape=(3,), name="i2")
    merged = merge([Dense(4, name="a")(one), Dense(4, name="b")(other)], mode="concat", name="mm")
    lines = Model([one, other], Dense(1, name="o")(merged)).summary().splitlines()
    assert [line.rstrip() for line in lines if "(None" in line or line.startswith(" ")] == [
        "i1 (Input)                              (None, 3)                 0",
        "i2 (Input)                              (None, 3)                 0",
        "b (Dense)                               (None, 4)                 16            i2",
        "a (Dense)                               (None, 4)                 16            i1",
        "mm (Merge)                              (None, 8)                 0             a",
        "                                                                                b",
        "o (Dense)                               (None, 1)                 9             mm",
    ]
    assert all(line == line.rstrip().ljust(118) for line in lines if "(None" in line)
    lines = Model(one, Dense(5)(one) * 2.0 + 1.0).summary().splitlines()
    assert [line.split()[1:4] for line in lines if "Constant" in line.split(")")[0]] == [
        [f"({kind})", "(None,", "5)"] for kind in ("MulConstant", "AddConstant")
    ]


EXPRESSIONS = {
    "arithmetic": (lambda x, y: (2 * x + y - 1) / (y + 3) - (1 - x), lambda x, y: (2 * x + y - 1) / (y + 3) - (1 - x)),
    "inverse": (lambda x, y: 1 / (x + 1) * -y, lambda x, y: -y / (x + 1)),
    "mean": (lambda x, y: A.mean(x, 1), lambda x, y: x.mean(1)),
    "sum_kept": (lambda x, y: A.sum(x, 1, True) * y, lambda x, y: x.sum(1, keepdims=True) * y),
    "abs": (lambda x, y: A.abs(x - y), lambda x, y: np.abs(x - y)),
    "maximum": (lambda x, y: A.maximum(x, y), np.maximum),
    "maximum_number": (lambda x, y: A.maximum(x, 0.5), lambda x, y: np.maximum(x, 0.5)),
    "clip": (lambda x, y: A.clip(x, 0.2, 0.6), lambda x, y: np.clip(x, 0.2, 0.6)),
    "functions": (
        lambda x, y: A.log(A.exp(x) + A.sqrt(A.square(y) + A.epsilon())),
        lambda x, y: np.log(np.exp(x) + np.abs(y)),
    ),
    "soft": (lambda x, y: A.softplus(x) + A.softsign(y), lambda x, y: np.log1p(np.exp(x)) + y / (1 + np.abs(y))),
    "pow": (lambda x, y: A.pow(x, 3) + A.neg(y), lambda x, y: x**3 - y),
    "stack": (lambda x, y: A.stack([x, y]), lambda x, y: np.stack([x, y], 1)),
    "expand": (lambda x, y: A.expand_dims(x, 1), lambda x, y: x[:, None]),
    "slice": (lambda x, y: x.slice(1, 1, 2), lambda x, y: x[:, 1:3]),
    "slice_to_end": (lambda x, y: x.slice(1, 2, -1), lambda x, y: x[:, 2:]),
    "select": (lambda x, y: x.index_select(1, -1), lambda x, y: x[:, -1]),
    "squeeze": (lambda x, y: A.expand_dims(x, 1).squeeze(1), lambda x, y: x),
    "dot": (lambda x, y: A.batch_dot(x, y), lambda x, y: (x * y).sum(1, keepdims=True)),
    "cosine": (
        lambda x, y: A.batch_dot(x, y, normalize=True),
        lambda x, y: ((x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1))[:, None],
    ),
    "contiguous": (lambda x, y: A.contiguous(x), lambda x, y: x),
    "rows": (
        lambda x, y: A.mm(A.expand_dims(x, 1), A.expand_dims(y, 1), [2, 2]),
        lambda x, y: (x * y).sum(1)[:, None, None],
    ),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions(name: str) -> None:
    mine, theirs = EXPRESSIONS[name]
    x, y = Input(shape=(4,)), Input(shape=(4,))
    variable = mine(x, y)
    unused = y * 0  # every input of a graph has to lead somewhere
    model = Model([x, y], [variable, x * 0, unused])
    a, b = X, RANDOM.rand(3, 4).astype(np.float32)
    output = model.forward([a, b])[0]
    np.testing.assert_allclose(output, theirs(a, b), rtol=1e-4, atol=1e-6)
    assert variable.get_output_shape()[1:] == output.shape[1:]


def test_erf_of_matrices_of_heads() -> None:
    x = Input(shape=(2, 5, 3))
    product = A.mm(x, A.erf(x), [3, 3])
    assert product.get_output_shape() == (None, 2, 5, 5)


def test_lambda_layers() -> None:
    model = Sequential().add(A.Lambda(lambda x: x * 2 + 1, input_shape=(4,))).add(A.Lambda(lambda x: A.sum(x, 1)))
    np.testing.assert_allclose(model.forward(X), (2 * X + 1).sum(1), rtol=1e-6)
    x, y = Input(shape=(4,)), Input(shape=(4,))
    both = Model([x, y], A.Lambda(lambda a, b: a - b)([x, y]))
    assert (both.forward([X, X]) == 0).all()


def test_parameters_in_graphs_are_trained() -> None:
    x = Input(shape=(4,))
    weight = A.Parameter((1, 4), init_weight=np.full((1, 4), 2.0))
    model = Model(x, x * weight + A.Constant(np.ones((1, 4))))
    np.testing.assert_allclose(model.forward(X), 2 * X + 1, rtol=1e-6)
    model.backward(X, np.ones((3, 4)))
    np.testing.assert_allclose(weight.value.gradients["weight"][0], X.sum(0), rtol=1e-5)
    made = network(model.value, (4,)).model
    assert [tuple(variable.shape) for variable in made.trainable_variables] == [(1, 4)]
    np.testing.assert_allclose(made(X).numpy(), 2 * X + 1, rtol=1e-6)


def test_custom_losses() -> None:
    loss = A.CustomLoss(lambda y_true, y_pred: A.mean(A.square(y_true - y_pred), axis=1), [4])
    target = np.zeros((3, 4))
    assert loss.forward(target, X) == pytest.approx(float(np.mean(X**2)), rel=1e-5)
    np.testing.assert_allclose(loss.backward(target, X), X / 6, rtol=1e-4)
    matrix = A.CustomLoss(lambda y_true, y_pred: y_true - y_pred, [4])
    with pytest.raises(DataError, match="expected one number per row"):
        matrix.forward(target, X)


def test_a_text_classifier_as_keras_has_it() -> None:
    model = Sequential().add(Embedding(20, 8, input_length=6)).add(Reshape((6, 8))).add(Permute((2, 1)))
    model.add(Flatten()).add(Dense(2)).add(Activation("softmax"))
    table, kernel, bias = model.get_weights()
    numbers = RANDOM.randint(0, 20, (3, 6))
    flat = np.transpose(table[numbers], (0, 2, 1)).reshape(3, -1)
    expected = keras.ops.softmax(flat @ kernel.T + bias)
    np.testing.assert_allclose(model.forward(numbers), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sequential().add("dense"), "was given a str, expected a layer"),
        (lambda: Sequential().add(A.Lambda(lambda x: x)), "Lambda without input_shape"),
        (lambda: Model(Dense(3), Input(shape=(3,))), "a graph is made of variables, received a Dense"),
        (lambda: Input(), "an input has no shape"),
        (lambda: A.mean(Input(shape=(3,)), -1), "axes count from 0"),
        (lambda: A.mm(Input(shape=(3,)), Input(shape=(3,)), [0, 2]), "mm has axes"),
        (lambda: Sequential().save("x"), "saveModel"),
        (lambda: Sequential().fit(X, X), "needs a compiled model"),
        (lambda: Sequential().compile("sgdd", "mse"), "no optimizer 'sgdd'"),
        (lambda: Sequential().compile("sgd", "mse", ["accuracy"]), "has no meaning for the loss"),
        (lambda: Sequential().compile("sgd", "meanest"), "no loss 'meanest'"),
    ],
)
def test_mistakes_are_told(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
