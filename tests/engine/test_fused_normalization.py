"""BatchNormalization by the fused kernel, against Keras's own code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.engine.fused_normalization import FEWEST_CHANNELS, fused_batch_normalization
from sparkdl.engine.replica import KerasReplica
from sparkdl.types import Batch, SampleSpec, TensorSpec

BN = keras.layers.BatchNormalization
CASES: dict[str, tuple[tuple[int, ...], Callable[[], Any]]] = {
    "images": ((6, 5, 24), lambda: BN()),
    "rows": ((40,), lambda: BN(momentum=0.7, epsilon=1e-5)),
    "sequences": ((7, 17), lambda: BN(axis=2)),
    "volumes": ((3, 4, 2, 16), lambda: BN(scale=False)),
    "no summand": ((6, 5, 16), lambda: BN(center=False)),
    "neither": ((16,), lambda: BN(center=False, scale=False)),
}


def model_of(shape: tuple[int, ...], layer: Any) -> keras.Model:
    inputs = keras.Input(shape)
    inner = keras.Sequential([keras.Input(shape), layer])  # layers of models in models too
    model = keras.Model(inputs, inner(inputs))
    random = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(random.uniform(0.5, 2.0, weight.shape))
    return model


def step(model: keras.Model, x: np.ndarray, dy: np.ndarray) -> tuple[list[np.ndarray], set[str]]:
    """Outputs, gradients and moving statistics of a training step, and the kinds of operations in it."""

    def trained(x: tf.Tensor) -> list[Any]:
        variables = [variable.value for variable in model.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.cast(model(x, training=True), tf.float32)
            objective = tf.reduce_sum(y * dy)
        return [y, *tape.gradient(objective, [x, *variables])]

    compiled = tf.function(trained).get_concrete_function(tf.TensorSpec((None, *x.shape[1:])))
    values = [np.asarray(value) for value in compiled(tf.constant(x))]
    moving = [np.asarray(variable) for variable in model.non_trainable_variables]
    return [*values, *moving], {operation.type for operation in compiled.graph.get_operations()}


def both(shape: tuple[int, ...], make: Callable[[], Any], rows: int = 9) -> tuple[Any, Any, set[str]]:
    random = np.random.default_rng(0)
    x, dy = (random.normal(3.0, 2.0, (rows, *shape)).astype("float32") for _ in range(2))
    own, _ = step(model_of(shape, make()), x, dy)
    model = model_of(shape, make())
    with fused_batch_normalization(model):
        fused, kinds = step(model, x, dy)
    return own, fused, kinds


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rows", [9, 1])
def test_outputs_gradients_and_statistics_are_those_of_keras(case: str, rows: int) -> None:
    own, fused, kinds = both(*CASES[case], rows=rows)
    assert "FusedBatchNormV3" in kinds and "FusedBatchNormGradV3" in kinds
    for expected, found in zip(own, fused, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * max(np.abs(expected).max(), 0.1))


def test_bfloat16_is_as_near_to_the_truth_as_keras_is() -> None:
    shape, make = (8, 8, 32), lambda: BN(dtype="mixed_bfloat16")
    exact, _, _ = both(shape, BN)
    own, fused, kinds = both(shape, make)
    assert "FusedBatchNormV3" in kinds
    for truth, theirs, ours in zip(exact, own, fused, strict=True):
        bound = np.abs(theirs - truth).max() + 1e-2 * np.abs(truth).max()
        assert np.abs(ours - truth).max() <= bound


class Own(BN):
    pass


def masked() -> keras.Model:
    inputs = keras.Input((5, 16))
    return keras.Model(inputs, BN()(keras.layers.Masking()(inputs)))


LEFT: dict[str, Callable[[], keras.Model]] = {
    "another axis": lambda: model_of((16, 4, 16), BN(axis=1)),
    "a subclass": lambda: model_of((16,), Own()),
    "few channels": lambda: model_of((FEWEST_CHANNELS - 1,), BN()),
    "frozen": lambda: model_of((16,), BN(trainable=False)),
    "float64": lambda: model_of((16,), BN(dtype="float64")),
    "float16": lambda: model_of((16,), BN(dtype="mixed_float16")),
    "masked": masked,
}


@pytest.mark.parametrize("case", LEFT)
def test_what_the_kernel_does_not_do_is_left_to_keras(case: str) -> None:
    model = LEFT[case]()
    x = np.random.default_rng(0).normal(size=(4, *model.input_shape[1:])).astype("float32")
    with fused_batch_normalization(model):
        _, kinds = step(model, x, x)
    assert "FusedBatchNormV3" not in kinds


def test_only_training_steps_use_it_and_the_layer_keeps_its_own_code() -> None:
    layer = BN()
    model = model_of((16,), layer)
    with pytest.raises(ZeroDivisionError), fused_batch_normalization(model):
        assert "call" in vars(layer)
        raise ZeroDivisionError
    assert "call" not in vars(layer)
    model.compile("sgd", "mse")
    spec = SampleSpec((TensorSpec("x", (16,), "float32"),), (TensorSpec("y", (16,), "float32"),))
    replica = KerasReplica(model, spec)
    x = np.random.default_rng(0).normal(size=(4, 16)).astype("float32")
    replica.gradients(Batch((x,), (x,)), 4, 1.0)
    replica.evaluate(Batch((x,), (x,)))
    kinds = [kinds_of(step) for step in (replica._train, replica._test)]
    assert ["FusedBatchNormV3" in found for found in kinds] == [True, False]
    assert "call" not in vars(layer)


def kinds_of(step: Any) -> set[str]:
    return {operation.type for operation in step.trace().call.__self__.graph.get_operations()}
