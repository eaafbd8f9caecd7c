"""What layers print, against the lines of BigDL 2.4 (`golden/bigdl/prints`, with `[.]` for made-up names)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from sparkdl.bigdl.keras import layers as keras_layers
from sparkdl.bigdl.keras.models import Sequential as KerasSequential
from sparkdl.bigdl.nn import layer
from sparkdl.bigdl.nn.layers.printing import real

GOLDEN = json.loads((Path(__file__).parents[3] / "golden" / "bigdl" / "prints.json").read_text())
MADE_UP = re.compile(r"\[[0-9a-f]{8}\]")


@pytest.mark.parametrize("source", GOLDEN)
def test_as_bigdl_prints_it(source: str) -> None:
    made = eval(source, {**vars(layer), "np": np})  # noqa: S307  (constructors of this repository's golden file)
    assert MADE_UP.sub("[.]", str(made)) == GOLDEN[source]


def test_names_that_were_set() -> None:
    row = (
        layer.Sequential().add(layer.Linear(3, 2).set_name("fc")).add(layer.Identity().set_name("end")).set_name("net")
    )
    assert str(row).splitlines() == [
        "Sequential[net]{",
        "  [input -> (1) -> (2) -> output]",
        "  (1): Linear[fc](3 -> 2)",
        "  (2): Identity[end]",
        "}",
    ]
    node = layer.Input()
    assert str(layer.Model([node], [layer.Tanh()(node)]).set_name("net")) == "StaticGraph[net]"
    assert str(layer.BiRecurrent().add(layer.RnnCell(3, 4, layer.Tanh())).set_name("both")).startswith(
        "BiRecurrent[both]("
    )


def test_keras_style_layers_print_class_and_name() -> None:
    assert str(keras_layers.Dense(3, name="x")) == "Dense[x]"
    assert MADE_UP.fullmatch(str(keras_layers.Dropout(0.2)).removeprefix("Dropout"))
    assert str(KerasSequential(name="net").add(keras_layers.Dense(3, input_shape=(2,)))) == "Sequential[net]"


def test_numbers_as_java_writes_them() -> None:
    numbers = (0.0, 0.001, 1e-5, 1.5e-10, -2.0, 12345678.0)
    assert [real(number) for number in numbers] == ["0.0", "0.001", "1.0E-5", "1.5E-10", "-2.0", "1.2345678E7"]
