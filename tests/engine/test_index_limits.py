"""Limits of what is looked up in embeddings, followed through graphs as far as numbers stay what they are."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from sparkdl.engine.index_limits import index_limits
from sparkdl.nn.embedding import BiasedEmbedding
from sparkdl.types import SampleSpec, TensorSpec

pytestmark = pytest.mark.tf
ANY = np.iinfo(np.int64).max


def spec_of(*shapes: tuple[int, ...], dtype: str = "int32") -> SampleSpec:
    return SampleSpec(tuple(TensorSpec(f"x{index}", shape, dtype) for index, shape in enumerate(shapes)))


def lists(found: tuple[np.ndarray | None, ...]) -> list[object]:
    return [None if item is None else item.tolist() for item in found]


def test_inputs_are_followed_to_the_embeddings_that_they_come_to() -> None:
    table = keras.layers.Embedding(5, 2)
    ids, values, more = keras.Input((3,), dtype="int32"), keras.Input((2,)), keras.Input((2, 2), dtype="int64")
    parts = [table(ids), BiasedEmbedding(4, 2)(keras.layers.Reshape((4,))(more)), keras.layers.Embedding(9, 1)(more)]
    model = keras.Model([ids, values, more], [*parts, keras.layers.Dense(2)(values)])
    spec = SampleSpec((*spec_of((3,)).features, TensorSpec("v", (2,), "float32"), TensorSpec("m", (2, 2), "int64")))
    assert lists(index_limits(model, spec)) == [5, None, 4]


def test_parts_of_an_input_have_limits_of_their_own() -> None:
    inputs = keras.Input((4,))
    first = keras.layers.Embedding(3, 2)(inputs[:, 0])
    rest = keras.layers.Embedding(7, 2)(keras.ops.cast(inputs[:, 2:], "int32"))
    model = keras.Model(inputs, [first, rest, keras.layers.Dense(1)(inputs)])
    assert lists(index_limits(model, spec_of((4,), dtype="float32"))) == [[3, ANY, 7, 7]]


def test_models_inside_of_models_and_lengths_that_the_model_leaves_open() -> None:
    inner = keras.Sequential([keras.Input((None,)), keras.layers.Embedding(6, 2), keras.layers.LSTM(2)])
    inputs = keras.Input((None,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inner(inputs)))
    assert lists(index_limits(model, spec_of((5,)))) == [6]
    assert lists(index_limits(inner, spec_of((5,)))) == [6]


def test_nothing_is_guessed_where_numbers_change_or_layers_are_not_shown() -> None:
    inputs = keras.Input((2,))
    shifted = keras.Model(inputs, keras.layers.Embedding(6, 2)(inputs - 1))

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.table = keras.layers.Embedding(3, 1)

        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            return self.table(x % 3)

    class Shifted(keras.layers.Embedding):
        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            return super().call(x - 1)

    assert lists(index_limits(shifted, spec_of((2,)))) == [None]
    assert index_limits(Own(), spec_of((2,))) == ()
    assert lists(index_limits(keras.Sequential([keras.Input((2,)), Shifted(3, 1)]), spec_of((2,)))) == [None]
