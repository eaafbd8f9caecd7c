from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.engine.serialization import (
    check_copy,
    check_model,
    model_arrays,
    pack_model,
    set_model_arrays,
    unpack_model,
)
from sparkdl.errors import ModelError, UnsupportedError
from sparkdl.nn.arrangement import FullReshape
from sparkdl.types import SampleSpec, TensorSpec
from tests.servers.preloaded import preloaded_python

SPEC = SampleSpec((TensorSpec("x", (3,), "float32"),), (TensorSpec("y", (2,), "float32"),))
X = np.arange(12, dtype="float32").reshape(4, 3) / 10


def round_trip(model: keras.Model, **arguments: Any) -> keras.Model:
    payload = pickle.loads(pickle.dumps(pack_model(model, **arguments)))  # noqa: S301
    copy = unpack_model(payload)
    set_model_arrays(copy, model_arrays(model))
    return copy


@keras.saving.register_keras_serializable("tests")
class Scaled(keras.layers.Layer):
    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class Unregistered(Scaled):
    pass


class Subclassed(keras.Model):
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(units)
        self.norm = keras.layers.BatchNormalization()

    def call(self, x: Any, training: bool = False) -> Any:
        return self.norm(self.dense(x), training=training)

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units}


class Plain(keras.Model):
    """As tutorials write one: no arguments, no configuration."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [keras.layers.Dense(4, "relu") for _ in range(2)]
        self.last = keras.layers.Dense(2)

    def call(self, x: Any) -> Any:
        for layer in self.hidden:
            x = layer(x)
        return self.last(x)


class Sized(keras.Model):
    """Keras takes the defaults of its arguments for the arguments."""

    def __init__(self, units: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden, self.last = keras.layers.Dense(units), keras.layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.last(self.hidden(x))


class Strict(keras.layers.Layer):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


def huberish(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


def sequential(*layers: Any, loss: Any = "mse", **arguments: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.125), loss, **arguments)
    return model


@pytest.mark.parametrize(
    "build",
    [
        lambda: sequential(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)),
        lambda: sequential(Scaled(2.0), Unregistered(3.0)),
        lambda: sequential(keras.layers.Lambda(lambda x: np.float32(2) * keras.ops.abs(x))),
        lambda: sequential(keras.layers.Dense(4, activation=lambda x: keras.ops.relu(x) + np.float32(1))),
        lambda: sequential(keras.layers.Dense(4, activation=huberish_activation)),
    ],
    ids=["plain", "custom layers", "Lambda", "lambda activation", "function activation"],
)
def test_a_copy_predicts_the_same(build):
    model = build()
    np.testing.assert_array_equal(round_trip(model)(X).numpy(), model(X).numpy())


def huberish_activation(x: Any) -> Any:
    return keras.ops.abs(x) * 0.5


def test_a_subclassed_model_is_built_in_the_copy():
    model = Subclassed(2)
    model.compile("sgd", "mse")
    check_model(model, SPEC)
    copy = round_trip(model)
    np.testing.assert_allclose(copy(X).numpy(), model(X).numpy(), rtol=1e-6)


def test_a_subclassed_model_without_arguments_needs_no_configuration():
    model = Plain()
    model.compile("sgd", "mse")
    check_model(model, SPEC)
    model.dtype_policy = "mixed_bfloat16"
    check_copy(model)
    copy = round_trip(model)
    assert copy.dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_allclose(copy(X), model(X), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Sized(6),
            r"dense.*has the shape \(3, 4\) there, expected \(3, 6\); let the __init__ of Sized take",
        ),
        (
            lambda: keras.Sequential([keras.Input((3,)), Strict(2.0), keras.layers.Dense(2)]),
            r"unexpected keyword argument .*: let the __init__ of Strict take \*\*kwargs",
        ),
    ],
)
def test_models_that_become_others_on_executors_are_refused(make, message):
    model = make()
    model.compile("sgd", "mse")
    check_model(model, SPEC)
    with pytest.raises(ModelError, match=message) as raised:
        check_copy(model)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 500


def test_models_of_known_classes_are_not_built_twice(monkeypatch):
    monkeypatch.setattr("sparkdl.engine.serialization.unpack_model", None)
    model = keras.Sequential([keras.Input((3,)), FullReshape([-1, 3]), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    check_copy(model)


def test_compile_arguments_that_matter_are_kept():
    model = sequential(
        loss=keras.losses.Huber(0.25), metrics=["mae", keras.metrics.RootMeanSquaredError()], weighted_metrics=["mse"]
    )
    copy = round_trip(model)
    y = np.ones((4, 2), "float32")
    weights = np.arange(4, dtype="float32")
    expected = model.evaluate(X, y, sample_weight=weights, verbose=0, return_dict=True)
    assert copy.evaluate(X, y, sample_weight=weights, verbose=0, return_dict=True) == expected
    assert isinstance(copy.optimizer, keras.optimizers.Adam)
    assert float(copy.optimizer.learning_rate) == 0.125
    assert not copy.optimizer.built


@pytest.mark.parametrize("loss", [huberish, lambda y, p: huberish(y, p)], ids=["function", "lambda"])
def test_custom_losses_travel(loss):
    model = sequential(loss=loss, metrics=[huberish])
    y = np.ones((4, 2), "float32")
    assert round_trip(model).evaluate(X, y, verbose=0) == model.evaluate(X, y, verbose=0)


def test_frozen_layers_stay_frozen():
    model = sequential(keras.layers.Dense(4, trainable=False, name="frozen"))
    model.layers[-1].bias.trainable = False
    assert [v.path for v in round_trip(model).trainable_variables] == [v.path for v in model.trainable_variables]


def test_the_loss_scale_of_mixed_float16_is_kept():
    layers = keras.layers
    policy = keras.DTypePolicy("mixed_float16")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, dtype=policy)])
    model.dtype_policy = policy
    model.compile("sgd", "mse")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    copy = round_trip(model)
    assert isinstance(copy.optimizer, keras.optimizers.LossScaleOptimizer)
    assert copy.layers[0].compute_dtype == "float16"
    model.compile("sgd", "mse", auto_scale_loss=False)
    assert not isinstance(round_trip(model).optimizer, keras.optimizers.LossScaleOptimizer)


def test_an_uncompiled_model_is_refused_for_training_and_taken_for_scoring():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ModelError, match="not compiled.*model.compile"):
        pack_model(model)
    np.testing.assert_array_equal(round_trip(model, compiled=False)(X).numpy(), model(X).numpy())


@pytest.mark.parametrize("method", ["train_step", "test_step", "compute_loss", "compute_metrics", "compile"])
def test_replaced_training_methods_are_refused_by_name(method):
    cls = type("Own", (keras.Sequential,), {method: lambda self, *args, **kwargs: None})
    cls.__module__ = __name__
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    getattr(cls, method).__module__ = "user"
    model.__class__ = cls
    with pytest.raises(UnsupportedError, match=method):
        pack_model(model)


def test_a_model_without_get_config_is_refused():
    class Bare(keras.Model):
        def __init__(self, function: Any) -> None:
            super().__init__()
            self.function = function

        def call(self, x: Any) -> Any:
            return self.function(x)

    model = Bare(object())
    model.compile("sgd", "mse")
    with pytest.raises(ModelError, match="get_config"):
        pack_model(model)


class Forgetful(keras.losses.Loss):
    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.alpha * huberish(y_true, y_pred)


def test_a_loss_keeps_what_its_config_forgets():
    model = sequential(loss=Forgetful(3.0), metrics=[keras.metrics.CosineSimilarity(axis=0)])
    y = np.ones((4, 2), "float32")
    assert round_trip(model).evaluate(X, y, verbose=0) == model.evaluate(X, y, verbose=0)


def test_a_metric_whose_config_forgets_its_arguments_is_refused():
    class Power(keras.metrics.Mean):
        def __init__(self, power: float = 1.0) -> None:
            super().__init__()
            self.power = power

    with pytest.raises(ModelError, match="power.*get_config"):
        pack_model(sequential(metrics=[Power(3.0)]))


def test_two_classes_of_one_name_are_refused():
    other = type("Unregistered", (Scaled,), {})
    with pytest.raises(ModelError, match="two different custom objects"):
        pack_model(sequential(Unregistered(1.0), other(2.0)))


def test_arrays_of_another_architecture_are_refused():
    model = sequential()
    with pytest.raises(ModelError, match="shape"):
        set_model_arrays(model, model_arrays(sequential(keras.layers.Dense(7))))


MAIN_PROGRAM = """
import pickle, sys
import keras
class Doubled(keras.layers.Layer):
    def call(self, x):
        return keras.ops.multiply(x, FACTOR)
FACTOR = 2.0
def own_loss(y, p):
    return keras.ops.mean((y - p) ** 2, axis=-1) * FACTOR
from sparkdl.engine.serialization import pack_model
model = keras.Sequential([keras.Input((3,)), Doubled()])
model.compile("sgd", own_loss)
pickle.dump(pack_model(model), open(sys.argv[1], "wb"))
"""


def test_classes_and_functions_of_main_travel_by_value(tmp_path):
    path = tmp_path / "payload"
    subprocess.run([preloaded_python(), "-c", MAIN_PROGRAM, str(path)], check=True)  # noqa: S603
    model = unpack_model(pickle.loads(path.read_bytes()))  # noqa: S301
    assert model(X).numpy()[1, 0] == pytest.approx(0.6)
    assert model.evaluate(X, 2 * X + 1, verbose=0) == pytest.approx(2.0)


def test_a_module_that_the_executor_lacks_is_named(tmp_path, monkeypatch):
    (tmp_path / "own_layers.py").write_text(
        "import keras\nclass Own(keras.layers.Layer):\n    def call(self, x): return x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_layers

    payload = pack_model(sequential(own_layers.Own()))
    monkeypatch.delitem(sys.modules, "own_layers")
    monkeypatch.undo()
    sys.modules.pop("own_layers", None)
    with pytest.raises(ModelError, match="own_layers.*--py-files.*addPyFile"):
        unpack_model(payload)
