"""Names of histories and their directions, against what Keras logs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from sparkdl.engine.building import build_model
from sparkdl.engine.monitoring import modes_of
from sparkdl.types import SampleSpec, TensorSpec


def own(truth: Any, guess: Any) -> Any:
    return keras.ops.mean(guess)


def test_the_names_are_those_of_keras_and_directions_where_they_are_known() -> None:
    inputs = keras.Input((2,))
    dense = keras.layers.Dense
    model = keras.Model(inputs, [dense(3, "softmax", name="kind")(inputs), dense(1, name="size")(inputs)])
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile("sgd", losses, metrics={"kind": ["accuracy"], "size": [keras.metrics.MeanAbsoluteError(), own]})
    labels = (TensorSpec("a", (), "int64"), TensorSpec("b", (), "float32"))
    build_model(model, SampleSpec((TensorSpec("x", (2,), "float32"),), labels, label_structure="list"))
    logged = model.fit(np.ones((4, 2)), [np.zeros(4), np.ones(4)], verbose=0).history
    modes = modes_of(model)
    assert set(modes) == set(logged)
    assert modes == {
        "loss": "min",
        "kind_loss": "min",
        "size_loss": "min",
        "kind_accuracy": "max",
        "size_mean_absolute_error": "min",
        "size_own": None,
    }
