"""Models that are made anew for each set of hyper-parameters, and what they are compiled with."""

from __future__ import annotations

import json
import threading
from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.engine.definition import compile_model, described, find_function, function_name, make_model
from sparkdl.errors import ArgumentError, ModelError
from tests.ml.networks import classify, regress


def weights(model: Any) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.weights]


def test_threads_make_the_same_models_of_the_same_seed() -> None:
    given, made = classify(6), {}

    def work(number: int) -> None:
        one, other = (given, {}), (classify, {"units": 6})
        made[number] = weights(make_model(*(one if number % 2 else other), seed=3))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        for mine, first in zip(made[number], made[number % 2], strict=True):
            np.testing.assert_array_equal(mine, first)
    np.testing.assert_array_equal(made[1][0], given.weights[0].numpy())
    assert any(
        (mine != other).any()
        for mine, other in zip(made[0], weights(make_model(classify, {"units": 6}, 4)), strict=True)
    )


def test_a_function_that_raises_is_named_with_its_arguments() -> None:
    def build(units: int, path: str = "") -> Any:
        return open(path) if path else keras.layers.Dense(units)

    for arguments, cause in (({"units": 0}, ValueError), ({"units": 1, "path": "/nowhere"}, FileNotFoundError)):
        with pytest.raises(
            ModelError, match=r"build\(\*\*\{'units': .*\}\) failed: .*; correct modelParams\.$"
        ) as raised:
            make_model(build, arguments, seed=1)
        assert isinstance(raised.value.__cause__, cause)


def test_a_model_is_compiled_anew_with_what_is_given() -> None:
    model = regress()
    compile_model(model, learning_rate=0.5)
    assert type(model.optimizer) is keras.optimizers.Adam and float(model.optimizer.learning_rate) == 0.5
    assert model.loss == "mse"
    compile_model(model, optimizer="sgd", loss=described(keras.losses.Huber(delta=2.0)), metrics=["mae"])
    assert type(model.optimizer) is keras.optimizers.SGD and model.loss._fn_kwargs["delta"] == 2.0
    compile_model(model, loss="tests.ml.networks:classify")
    assert model.loss is classify


def test_a_rate_takes_the_place_of_a_schedule() -> None:
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 100)
    model = regress()
    compile_model(model, optimizer=described(keras.optimizers.SGD(schedule, momentum=0.9)), learning_rate=0.2)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.2) and model.optimizer.momentum == 0.9
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=8.0)
    compile_model(model, optimizer=described(scaled), learning_rate=0.3)
    assert float(model.optimizer.inner_optimizer.learning_rate) == pytest.approx(0.3)
    assert model.optimizer.initial_scale == 8.0


def test_what_a_metric_forgets_is_kept() -> None:
    found = described([keras.metrics.BinaryAccuracy(threshold=0.3), "mae", json.dumps])
    assert found[0]["config"]["threshold"] == 0.3 and found[1:] == ["mae", json.dumps]
    again = keras.saving.deserialize_keras_object(found[0])
    again.update_state([1.0, 0.0], [0.4, 0.2])
    assert float(again.result()) == 1.0


def test_functions_are_found_by_their_names() -> None:
    assert find_function(function_name(classify, "model")) is classify
    with pytest.raises(ModelError, match="loss='.*<lambda>' .* cannot be saved, as another process"):
        function_name(lambda: None, "loss")
    for name in ("tests.ml.networks:nothing", "nowhere:build"):
        with pytest.raises(ArgumentError, match="cannot be imported"):
            find_function(name)
    with pytest.raises(ArgumentError, match="'classify' names no function"):
        find_function("classify")
