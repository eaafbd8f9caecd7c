from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.engine.precision import bfloat16_layers, settle_precision
from sparkdl.engine.replica import KerasReplica
from sparkdl.errors import UnsupportedError
from sparkdl.types import Batch, Precision
from tests.engine.replica_cases import keras_gradient, spec_of

layers = keras.layers
rng = np.random.default_rng(0)
ROWS = 32
IMAGES = Batch((rng.random((ROWS, 8, 8, 1), np.float32),), (rng.integers(0, 3, ROWS),))
SEQUENCES = Batch((rng.random((ROWS, 5, 4), np.float32),), (rng.integers(0, 3, ROWS),))


@keras.saving.register_keras_serializable("tests")
class Fixed(layers.Layer):
    """A layer of a user's that knows one dtype."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")

    def call(self, inputs: Any) -> Any:
        return (inputs + tf.ones(4, tf.float32)) @ self.kernel


class Sums(keras.Model):
    """A subclassed model, whose output layers cannot be told."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = layers.Dense(6, "relu"), layers.Dense(3)

    def call(self, inputs: Any) -> Any:
        return self.second(self.first(inputs))


def compiled(model: keras.Model) -> keras.Model:
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def convolutions(policy: str = "float32") -> keras.Model:
    keras.utils.set_random_seed(1)
    made = [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten(), layers.Dense(8)]
    for layer in made:
        layer.dtype_policy = policy
    return compiled(keras.Sequential([keras.Input((8, 8, 1)), *made, layers.Dense(3)]))


def recurrent(policy: str = "float32") -> keras.Model:
    keras.utils.set_random_seed(1)
    made = [layers.LSTM(6, dtype=policy), layers.Dense(5, "tanh", dtype=policy)]
    return compiled(keras.Sequential([keras.Input((5, 4)), *made, layers.Dense(3)]))


@pytest.mark.parametrize(("build", "batch"), [(convolutions, IMAGES), (recurrent, SEQUENCES)])
def test_the_gradient_is_that_of_the_model_under_the_policy_of_keras(
    build: Callable[..., keras.Model], batch: Batch
) -> None:
    model = build()
    model.run_eagerly = True  # compiled, TensorFlow fuses operations, which then round once
    replica = KerasReplica(model, spec_of(batch), precision="bf16")
    gradient, scalars = replica.gradients(batch, ROWS, 1.0)
    expected, loss = keras_gradient(build("mixed_bfloat16"), batch, replica.layout)
    exact, _ = keras_gradient(build(), batch, replica.layout)
    assert gradient.dtype == np.float32
    assert scalars[0] == pytest.approx(loss, rel=1e-5)
    assert np.abs(gradient - expected).max() <= 1e-5 * np.abs(expected).max()
    compiled_gradient, _ = KerasReplica(build(), spec_of(batch), precision="bf16").gradients(batch, ROWS, 1.0)
    for found in (gradient, compiled_gradient):
        assert np.abs(found - exact).max() <= 4e-2 * np.abs(exact).max()
        assert np.abs(found - exact).max() >= 1e-4 * np.abs(exact).max(), "it is bfloat16 that computes"


def test_the_model_keeps_its_policies_and_is_validated_in_float32() -> None:
    model = convolutions()
    config = model.get_config()
    half, full = (KerasReplica(made, spec_of(IMAGES), precision=precision) for made, precision in cases(model))
    half.gradients(IMAGES, ROWS, 1.0)
    full.gradients(IMAGES, ROWS, 1.0)
    assert model.get_config() == config
    assert {str(weight.dtype) for weight in model.weights if "seed" not in weight.path} == {"float32"}
    half.set_statistics(full.statistics())
    np.testing.assert_array_equal(half.evaluate(IMAGES)[0], full.evaluate(IMAGES)[0])


def cases(model: keras.Model) -> list[tuple[keras.Model, Precision]]:
    return [(model, "bf16"), (convolutions(), "float32")]


def test_a_replica_changes_its_precision_and_back() -> None:
    replica = KerasReplica(convolutions(), spec_of(IMAGES))
    before = replica.gradients(IMAGES, ROWS, 1.0)[0].copy()
    replica.compute_in("bf16")
    between = replica.gradients(IMAGES, ROWS, 1.0)[0].copy()
    replica.compute_in("float32")
    replica.forget_other_precisions()
    np.testing.assert_array_equal(replica.gradients(IMAGES, ROWS, 1.0)[0], before)
    assert not np.array_equal(between, before)


def test_layers_that_stay_float32() -> None:
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(5, name="body"), layers.Dense(3, name="last")])
    x = keras.Input((4,))
    scaled = layers.Rescaling(1 / 255, name="scale")(x)
    own = layers.Dense(4, dtype="float64", name="own")(scaled)
    uncast = layers.Dense(4, autocast=False, name="uncast")(own)
    model = keras.Model(x, keras.ops.softmax(inner(layers.Dense(4, name="first")(uncast)) + 1.0))
    assert [layer.name for layer in bfloat16_layers(model)] == ["first", "body"]


def test_the_outputs_of_a_subclassed_model_become_float32() -> None:
    batch = Batch((rng.random((ROWS, 4), np.float32),), (rng.integers(0, 3, ROWS),))
    replica = KerasReplica(compiled(Sums()), spec_of(batch), precision="bf16")
    assert np.isfinite(replica.gradients(batch, ROWS, 1.0)[1][0])


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ([Fixed(), layers.Dense(3)], "bfloat16"),
        ([layers.Dense(4, autocast=False), layers.Dense(3)], "none of its layers with weights does"),
    ],
)
def test_a_model_that_cannot_compute_in_bfloat16_is_refused_or_left_as_it_is(made: list[Any], says: str) -> None:
    model = compiled(keras.Sequential([keras.Input((4,)), *made]))
    spec = spec_of(Batch((np.zeros((2, 4), np.float32),), (np.zeros(2, np.int64),)))
    with pytest.raises(UnsupportedError, match=says):
        settle_precision(model, spec, "bf16")
    precision, reason = settle_precision(model, spec, "auto")
    assert precision == "float32" and reason
    assert settle_precision(model, spec, "float32") == ("float32", "")
