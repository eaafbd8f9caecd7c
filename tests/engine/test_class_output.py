"""What the output of a classifier means, by its loss and its last layer."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from sparkdl.engine.class_output import ClassOutput, class_output, default_loss
from sparkdl.errors import ModelError
from tests.ml.networks import two_outputs

LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def model(units: int, activation: Any, loss: Any) -> Any:
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, activation)])
    made.compile("sgd", loss)
    return made


@pytest.mark.parametrize(
    ("units", "activation", "loss", "expected"),
    [
        (1, "sigmoid", "binary_crossentropy", ClassOutput(2, 1, "probability")),
        (1, None, keras.losses.BinaryCrossentropy(from_logits=True), ClassOutput(2, 1, "logit")),
        (1, None, "hinge", ClassOutput(2, 1, "logit")),
        (1, "sigmoid", "mse", ClassOutput(2, 1, "probability")),
        (4, "softmax", ["sparse_categorical_crossentropy"], ClassOutput(4, 4, "probability")),
        (4, None, LOGITS, ClassOutput(4, 4, "logit")),
        (4, "relu", keras.losses.sparse_categorical_crossentropy, ClassOutput(4, 4, "probability")),
    ],
)
def test_kinds(units: int, activation: Any, loss: Any, expected: ClassOutput) -> None:
    assert class_output(model(units, activation, loss)) == expected


def test_the_last_layer_may_be_a_model_or_an_activation() -> None:
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Softmax()])
    outer = keras.Sequential([keras.Input((3,)), inner])
    outer.compile("sgd", LOGITS)
    with pytest.raises(ModelError, match="from_logits=True, but its last layer gives probabilities"):
        class_output(outer)
    assert default_loss(outer).get_config()["from_logits"] is False
    assert default_loss(model(1, None, "mse")).get_config()["from_logits"] is True


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        {"out": "categorical_crossentropy"},
        keras.losses.categorical_focal_crossentropy,
        keras.losses.CategoricalCrossentropy(from_logits=True),
    ],
)
@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_classes_that_one_unit_cannot_tell_apart(loss: Any, activation: Any) -> None:
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation, name="out")])
    made.compile("sgd", loss)
    with pytest.raises(ModelError, match="ends in one unit, .* nothing is learnt: use 'binary_crossentropy', or give"):
        class_output(made)


def test_what_is_no_classifier() -> None:
    with pytest.raises(ModelError, match=r"takes probabilities, but .*: give that layer the activation 'softmax'"):
        class_output(model(4, None, "sparse_categorical_crossentropy"))
    with pytest.raises(ModelError, match="needs a model with one output of a number per class"):
        class_output(two_outputs())
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    assert class_output(unbuilt) is None
    with pytest.raises(ModelError, match="does not know its output yet: set loss="):
        default_loss(unbuilt)
