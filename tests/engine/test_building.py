"""Graphs around models that do not say what they take and give."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.engine.building import as_graph, build_model
from sparkdl.types import SampleSpec, Structure, TensorSpec


class Sums(keras.Model):
    """Takes one tensor, a list or a dict of them."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, inputs: Any) -> Any:
        return self.dense(sum(keras.tree.flatten(inputs)))


A, B = np.ones((3, 4), "float32"), np.full((3, 4), 2.0, "float32")
FORMS: dict[Structure, Any] = {"single": A, "list": [A, B], "dict": {"a": A, "b": B}}


@pytest.mark.parametrize("known", ["columns", "a call"])
@pytest.mark.parametrize("form", FORMS)
def test_a_graph_gives_what_the_model_gives(form: Structure, known: str) -> None:
    model, given = Sums(), FORMS[form]
    assert as_graph(model) is None
    if known == "columns":
        names = ("a",) if form == "single" else ("a", "b")
        columns = tuple(TensorSpec(name, (4,), "float32") for name in names)
        build_model(model, SampleSpec(columns, (), feature_structure=form))
    else:
        model(given)
    graph = as_graph(model)
    assert graph is not None and graph.name == model.name
    np.testing.assert_allclose(graph.predict(given, verbose=0), model.predict(given, verbose=0))
    assert graph.weights[0] is model.weights[0]


def test_integers_stay_integers() -> None:
    class Codes(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.table = keras.layers.Embedding(5, 2)

        def call(self, inputs: Any) -> Any:
            return self.table(inputs)

    model = Codes()
    build_model(model, SampleSpec((TensorSpec("codes", (3,), "int64"),), ()))
    graph = as_graph(model)
    assert graph is not None and graph.inputs[0].dtype == "int64" and graph.output_shape == (None, 3, 2)


def test_a_functional_model_is_its_own_graph() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert as_graph(model) is model
