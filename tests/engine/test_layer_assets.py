"""Layers that know more than their weights, in copies of a model, against the model itself."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.engine.replica import KerasReplica
from sparkdl.engine.serialization import model_arrays, pack_model, set_model_arrays, unpack_model
from sparkdl.types import Batch, SampleSpec, TensorSpec

layers = keras.layers
NUMBERS = np.array([[3, 10, 7], [9, -2, 8], [3, 3, 10]])


class Vocabulary(layers.Layer):
    """A layer of the user's that keeps a file."""

    words = ""

    def save_assets(self, folder: str) -> None:
        Path(folder, "words").write_text(self.words)

    def load_assets(self, folder: str) -> None:
        self.words = Path(folder, "words").read_text()

    def call(self, x: Any) -> Any:
        return x + float(len(self.words))


def adapted(layer: Any) -> Any:
    layer.adapt(NUMBERS)
    return layer


def knowing() -> Vocabulary:
    layer = Vocabulary()
    layer.words = "three words here"
    return layer


CASES: dict[str, Callable[[], Any]] = {
    "normalization": lambda: adapted(layers.Normalization()),
    "normalization back": lambda: adapted(layers.Normalization(invert=True)),
    "normalization of all": lambda: adapted(layers.Normalization(axis=None)),
    "normalization given": lambda: layers.Normalization(mean=3.0, variance=2.0),
    "discretization": lambda: adapted(layers.Discretization(num_bins=3)),
    "lookup": lambda: adapted(layers.IntegerLookup()),
    "lookup given": lambda: layers.IntegerLookup(vocabulary=[3, 9]),
    "lookup, several hot": lambda: adapted(layers.IntegerLookup(output_mode="multi_hot", num_oov_indices=2)),
    "lookup, TF-IDF": lambda: adapted(layers.IntegerLookup(output_mode="tf_idf")),
    "own": knowing,
}


def model_of(layer: Any) -> keras.Model:
    dtype = "float32" if isinstance(layer, (layers.Normalization, Vocabulary)) else "int64"
    inner = keras.Sequential([keras.Input((3,), dtype=dtype), layer])
    inputs = keras.Input((3,), dtype=dtype)
    model = keras.Model(inputs, layers.Dense(1)(keras.ops.cast(inner(inputs), "float32")))
    model.compile("sgd", "mse")
    return model


def copied(model: keras.Model) -> keras.Model:
    copy = unpack_model(pickle.loads(pickle.dumps(pack_model(model))))
    set_model_arrays(copy, model_arrays(model))
    return copy


@pytest.mark.parametrize("case", CASES)
def test_a_copy_computes_the_same(case: str) -> None:
    model = model_of(CASES[case]())
    x = NUMBERS.astype(model.inputs[0].dtype)
    np.testing.assert_array_equal(copied(model)(x), model(x))


@pytest.mark.parametrize("case", CASES)
def test_the_training_step_of_a_copy_is_the_model_s(case: str) -> None:
    model = model_of(CASES[case]())
    dtype = model.inputs[0].dtype
    spec = SampleSpec((TensorSpec("x", (3,), dtype),), (TensorSpec("y", (1,), "float32"),))
    batch = Batch((NUMBERS.astype(dtype),), (np.ones((3, 1), "float32"),))
    _, loss = KerasReplica(copied(model), spec).gradients(batch, 3, 1.0)
    np.testing.assert_allclose(loss, [model.evaluate(batch.features[0], batch.labels[0], verbose=0)], rtol=1e-6)


def test_models_with_other_vocabularies_are_told_apart() -> None:
    first, second = (layers.IntegerLookup(name="lookup") for _ in range(2))
    first.adapt([1, 2, 3])
    second.adapt([1, 2, 4])
    models = [keras.Sequential([keras.Input((1,), dtype="int64"), one], name="model") for one in (first, second)]
    prints = {pack_model(model, compiled=False).fingerprint for model in (*models, models[0])}
    assert len(prints) == 2
