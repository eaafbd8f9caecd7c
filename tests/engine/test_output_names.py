"""Names of outputs, against what Keras calls them in its losses."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from sparkdl.engine.checks import check_model
from sparkdl.engine.output_names import gives_dict, gives_nested, output_names, without_loss
from sparkdl.engine.step_speed import made_up_spec
from sparkdl.errors import UnsupportedError
from sparkdl.types import SampleSpec, TensorSpec


def heads() -> tuple[Any, Any, Any]:
    inputs = keras.Input((3,))
    return inputs, keras.layers.Dense(2, name="z")(inputs), keras.layers.Dense(1, name="y")(inputs)


def model_giving(kind: str) -> keras.Model:
    inputs, first, second = heads()
    structures = {
        "one": first,
        "list": [first, second],
        "dict": {"wide": first, "narrow": second},
        "dict of its layers' names": {"z": first, "y": second},
        "the same twice": {"wide": first, "again": first},
        "dict in a list": [first, {"narrow": second}],
        "list in a dict": {"wide": [first, second]},
    }
    return keras.Model(inputs, structures[kind])


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("one", ("z",)),
        ("list", ("z", "y")),
        ("dict", ("narrow", "wide")),
        ("dict of its layers' names", ("y", "z")),
    ],
)
def test_names_are_in_the_order_of_the_outputs(kind: str, names: tuple[str, ...]) -> None:
    model = model_giving(kind)
    assert output_names(model) == names
    assert gives_dict(model) is kind.startswith("dict")
    by_name = dict(zip(names, model.outputs, strict=True))
    if gives_dict(model):
        assert all(by_name[name] is tensor for name, tensor in model._outputs_struct.items())


def test_a_sequential_model_says_what_its_last_layer_is_called() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="last")])
    assert output_names(model) == ("last",) and not gives_dict(model)


@pytest.mark.parametrize("kind", ["dict in a list", "list in a dict"])
def test_nested_outputs_are_refused_where_labels_belong_to_them(kind: str) -> None:
    model = model_giving(kind)
    assert gives_nested(model) and not gives_dict(model)
    model.compile("sgd", "mse")
    columns = tuple(TensorSpec(name, (size,), "float32") for name, size in (("a", 2), ("b", 1)))
    spec = SampleSpec((TensorSpec("x", (3,), "float32"),), columns, label_structure="list")
    with pytest.raises(UnsupportedError, match="lists or dicts within its outputs.*one dict"):
        check_model(model, spec)


def test_outputs_without_a_loss() -> None:
    model = model_giving("dict")
    assert without_loss(model) == frozenset()
    model.compile("sgd", "mse")
    assert without_loss(model) == frozenset()
    model.compile("sgd", {"wide": "mse", "narrow": None})
    assert without_loss(model) == {"narrow"}
    model.compile("sgd", {"wide": "mse"}, metrics={"wide": ["mae"]})
    assert without_loss(model) == frozenset()  # Keras wants all labels then


def test_rows_are_made_up_for_dicts() -> None:
    model = model_giving("dict")
    model.compile("sgd", {"wide": "mse", "narrow": "mse"})
    spec = made_up_spec(model)
    assert {label.name: label.shape for label in spec.labels} == {"narrow": (1,), "wide": (2,)}
    check_model(model, spec)
