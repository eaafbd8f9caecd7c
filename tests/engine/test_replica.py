from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.engine.replica import KerasReplica
from sparkdl.errors import CollectiveError, UnsupportedError
from sparkdl.types import Batch
from tests.engine.replica_cases import Workers, assert_same_objective, keras_gradient, spec_of, split

layers = keras.layers
rng = np.random.default_rng(0)
ROWS, SIZES = 23, (11, 0, 5, 7)
X = rng.normal(size=(ROWS, 6)).astype("float32")
Y = rng.normal(size=(ROWS, 4)).astype("float32")
BATCH = Batch((X,), (Y,))


def builder(*between: Any, loss: Any = "mse", **arguments: Any) -> Any:
    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        made = [layer() for layer in between]
        model = keras.Sequential([keras.Input((6,)), layers.Dense(5, "tanh"), *made, layers.Dense(4)])
        model.compile("sgd", loss, **arguments)
        return model

    return build


def replica_of(build: Any, batch: Batch = BATCH, **arguments: Any) -> KerasReplica:
    return KerasReplica(build(), spec_of(batch), **arguments)


def test_the_gradient_may_be_overwritten():
    replica = replica_of(builder())
    gradient, _ = replica.gradients(BATCH, ROWS, 1.0)
    first = gradient.copy()
    gradient[:] = -1.0
    np.testing.assert_array_equal(replica.gradients(BATCH, ROWS, 1.0)[0], first)


def test_steps_read_the_live_weights():
    replica = replica_of(builder())
    gradient, before = replica.gradients(BATCH, ROWS, 1.0)
    replica.weights -= 0.1 * gradient
    replica.weights_written()
    gradient, after = replica.gradients(BATCH, ROWS, 1.0)
    assert after[0] < before[0]
    expected, loss = keras_gradient(replica.model, BATCH, replica.layout)
    np.testing.assert_allclose(gradient, expected, atol=1e-6)
    assert not replica.refresh_weights()


def test_frozen_layers_have_no_gradient_and_no_place():
    build = builder(lambda: layers.Dense(5, trainable=False))
    workers = assert_same_objective(build, BATCH, SIZES)
    assert len(workers.replicas[0].layout.variables) == 4
    assert workers.replicas[0].statistics().size == 0


def test_embedding_gradients_are_dense():
    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.Input((3,), dtype="int32"), layers.Embedding(9, 4), layers.Flatten(), layers.Dense(2)]
        )
        model.compile("sgd", "mse")
        return model

    tokens = rng.integers(0, 9, (ROWS, 3)).astype("int32")
    assert_same_objective(build, Batch((tokens,), (Y[:, :2],)), SIZES)


def test_a_variable_without_gradient_gets_zeros(caplog):
    class Unused(layers.Layer):
        def build(self, shape: Any) -> None:
            self.idle = self.add_weight(shape=(3,), name="idle")

        def call(self, x: Any) -> Any:
            return x

    replica = replica_of(builder(Unused))
    gradient, _ = replica.gradients(BATCH, ROWS, 1.0)
    spec = next(spec for spec in replica.layout.variables if spec.name.endswith("idle"))
    assert not gradient[spec.offset : spec.offset + spec.size].any()
    assert "idle" in caplog.text


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_with_a_loss_scale(policy):
    build = builder(lambda: layers.Dense(5, dtype=policy))
    workers = Workers(build, spec_of(BATCH), 3)
    gradient, scalars = workers.gradients(split(BATCH, (11, 0, 12)), 1024.0)
    expected, loss = keras_gradient(build(), BATCH, workers.replicas[0].layout, 1024.0)
    assert gradient.dtype == np.float32
    assert scalars[0] == pytest.approx(loss, rel=1e-3)
    assert np.abs(gradient - expected).max() <= 2e-2 * np.abs(expected).max()


def test_run_eagerly_runs_python():
    calls = []

    def loss(y_true: Any, y_pred: Any) -> Any:
        if hasattr(y_pred, "numpy"):
            calls.append(float(y_pred[0, 0]))
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    replica = replica_of(builder(loss=loss, run_eagerly=True))
    calls.clear()
    gradient, scalars = replica.gradients(BATCH, ROWS, 1.0)
    expected, value = keras_gradient(builder()(), BATCH, replica.layout)
    np.testing.assert_allclose(gradient, expected, atol=1e-6)
    replica.gradients(BATCH, ROWS, 1.0)
    assert len(calls) == 2


def test_workers_draw_different_masks_and_the_same_again():
    build = builder(lambda: layers.Dropout(0.5))
    replica = replica_of(build)

    def masked(seed: int, rank: int) -> np.ndarray:
        replica.seed_generators(seed, rank)
        return replica.gradients(BATCH, ROWS, 1.0)[0].copy()

    np.testing.assert_array_equal(masked(1, 0), masked(1, 0))
    assert not np.array_equal(masked(1, 0), masked(1, 1))
    assert not np.array_equal(masked(1, 0), masked(2, 0))


def test_local_state_goes_on_where_it_was():
    build = builder(lambda: layers.Dropout(0.5))
    replica = replica_of(build)
    replica.seed_generators(0, 0)
    replica.gradients(BATCH, ROWS, 1.0)
    state = replica.local_state()
    expected = replica.gradients(BATCH, ROWS, 1.0)[0].copy()
    other = replica_of(build)
    other.weights[:] = replica.weights
    other.set_local_state(state)
    np.testing.assert_array_equal(other.gradients(BATCH, ROWS, 1.0)[0], expected)


def test_statistics_are_those_of_batch_normalisation():
    replica = replica_of(builder(layers.BatchNormalization))
    before = replica.statistics()
    assert before.tolist() == [0.0] * 5 + [1.0] * 5
    replica.gradients(BATCH, ROWS, 1.0)
    after = replica.statistics()
    assert not np.array_equal(before, after)
    replica.evaluate(BATCH)
    np.testing.assert_array_equal(replica.statistics(), after)
    replica.set_statistics(before)
    np.testing.assert_array_equal(replica.statistics(), before)


def test_an_integer_that_changes_is_refused_by_name():
    class Counter(layers.Layer):
        def build(self, shape: Any) -> None:
            self.count = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="count")

        def call(self, x: Any, training: bool = False) -> Any:
            if training:
                self.count.assign_add(1)
            return x

    replica = replica_of(builder(Counter))
    replica.statistics()
    replica.gradients(BATCH, ROWS, 1.0)
    with pytest.raises(UnsupportedError, match="count.*int32"):
        replica.statistics()


def test_weights_assigned_while_the_model_is_called_are_refused_by_name():
    replica = replica_of(builder(lambda: layers.SpectralNormalization(layers.Dense(5))))
    with pytest.raises(UnsupportedError, match="kernel.*SpectralNormalization"):
        replica.gradients(BATCH, ROWS, 1.0)


WEIGHTED = Batch((X,), (Y,), rng.uniform(0, 2, ROWS).astype("float32"))
WEIGHTED_LOSS = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")


def test_denominators_are_exchanged_once_by_every_worker_in_every_step():
    received = []

    def sum_over_workers(values: np.ndarray) -> np.ndarray:
        received.append(np.array(values))
        return values

    replica = replica_of(builder(loss=WEIGHTED_LOSS), WEIGHTED, sum_over_workers=sum_over_workers)
    replica.gradients(None, ROWS, 1.0)
    replica.gradients(WEIGHTED, ROWS, 1.0)
    assert [values.shape for values in received] == [(1,), (1,)]
    assert received[0][0] == 0.0
    assert received[1][0] == pytest.approx(WEIGHTED.weights.sum(), rel=1e-6)


def test_nothing_is_exchanged_where_rows_tell_the_denominators():
    def fail(values: np.ndarray) -> np.ndarray:
        raise CollectiveError("nobody should call")

    replica = replica_of(builder(), WEIGHTED, sum_over_workers=fail)
    replica.gradients(None, ROWS, 1.0)
    replica.gradients(WEIGHTED, ROWS, 1.0)


@pytest.mark.parametrize("batch", [None, WEIGHTED])
def test_an_error_of_the_exchange_comes_out_as_itself(batch):
    error = CollectiveError("worker 1 left")

    def fail(values: np.ndarray) -> np.ndarray:
        raise error

    replica = replica_of(builder(loss=WEIGHTED_LOSS), WEIGHTED, sum_over_workers=fail)
    with pytest.raises(CollectiveError) as caught:
        replica.gradients(batch, ROWS, 1.0)
    assert caught.value is error


def test_a_zero_row_step_gives_zeros():
    gradient, scalars = replica_of(builder()).gradients(None, 5, 1.0)
    assert not gradient.any()
    assert scalars.tolist() == [0.0]


def test_several_inputs_by_name_and_in_a_list():
    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        inputs = {"left": keras.Input((6,), name="left"), "right": keras.Input((4,), name="right")}
        joined = layers.Concatenate()([layers.Dense(3)(inputs["left"]), inputs["right"]])
        model = keras.Model(inputs, layers.Dense(2)(joined))
        model.compile("sgd", "mse")
        return model

    batch = Batch((X, Y), (Y[:, :2],))
    spec = spec_of(batch, feature_structure="dict")
    names = [replace(column, name=name) for column, name in zip(spec.features, ("left", "right"), strict=True)]
    by_name = KerasReplica(build(), replace(spec, features=tuple(names)))
    _, scalars = by_name.gradients(batch, ROWS, 1.0)
    expected = build().evaluate({"left": X, "right": Y}, Y[:, :2], batch_size=ROWS, verbose=0)
    assert scalars[0] == pytest.approx(expected, rel=1e-5)
