"""Models as JSON: built again without anything of a stranger's being run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.engine.description import describe_model, rebuild_model, variables_of
from sparkdl.errors import ModelError


class Doubled(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return 2 * inputs


def compiled(*layers: keras.layers.Layer) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.5), "mse", metrics=["mae"])
    return model


def test_a_model_comes_back_compiled() -> None:
    model = compiled(keras.layers.BatchNormalization())
    again = rebuild_model(describe_model(model))
    again.set_weights(model.get_weights())
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(again(x), model(x))
    assert float(again.optimizer.learning_rate) == 0.5
    assert [shape for _, shape in variables_of(again)] == [shape for _, shape in variables_of(model)]


def test_own_classes_are_needed_and_told() -> None:
    description = describe_model(compiled(Doubled()))
    with pytest.raises(ModelError, match="custom_objects"):
        rebuild_model(description)
    assert rebuild_model(description, {"Doubled": Doubled}).output_shape == (None, 2)


def test_a_lambda_is_not_run() -> None:
    description = describe_model(compiled(keras.layers.Lambda(lambda x: 3 * x)))
    with pytest.raises(ModelError, match="safe_mode=False"):
        rebuild_model(description)
    assert rebuild_model(description, safe_mode=False).output_shape == (None, 2)


@pytest.mark.parametrize("module, name", [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen")])
def test_no_module_is_imported_for_a_description(tmp_path: Path, module: str, name: str) -> None:
    layer = {
        "module": module,
        "class_name": name,
        "config": {"command": f"touch {tmp_path}/ran"},
        "registered_name": None,
    }
    description = json.loads(describe_model(compiled()))
    description["config"]["layers"].insert(1, layer)
    with pytest.raises(ModelError):
        rebuild_model(json.dumps(description))
    assert not list(tmp_path.iterdir())
