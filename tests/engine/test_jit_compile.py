from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.engine.jit_compile import FEWEST_STEPS, MOST_UNITS, choose_jit_compile
from sparkdl.engine.replica import KerasReplica
from sparkdl.types import Batch
from tests.engine.replica_cases import keras_gradient, spec_of

layers = keras.layers
rng = np.random.default_rng(0)
X = rng.normal(size=(9, 7, 3)).astype("float32")
Y = rng.normal(size=(9, 2)).astype("float32")
BATCH = Batch((X,), (Y,))


def model_of(*inner: Any, loss: Any = "mse", **arguments: Any) -> keras.Model:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((7, 3)), *inner, layers.Dense(2)])
    model.compile("sgd", loss, **arguments)
    return model


def conv() -> list[keras.layers.Layer]:
    return [layers.Conv1D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten()]


SMALL = {
    "lstm": lambda: [layers.LSTM(8)],
    "gru": lambda: [layers.GRU(MOST_UNITS)],
    "simple": lambda: [layers.SimpleRNN(8, return_sequences=True), layers.LSTM(5), layers.Dense(6, "relu")],
    "bidirectional": lambda: [layers.Bidirectional(layers.GRU(4, return_sequences=True)), layers.Flatten()],
}
OTHERS = {
    "wide": lambda: [layers.LSTM(MOST_UNITS + 1)],
    "dropped": lambda: [layers.LSTM(8, dropout=0.1)],
    "state dropped": lambda: [layers.GRU(8, recurrent_dropout=0.1)],
    "dropout beside": lambda: [layers.LSTM(8), layers.Dropout(0.5)],
    "masked": lambda: [layers.Masking(), layers.LSTM(8)],
    "bfloat16": lambda: [layers.LSTM(8, dtype="mixed_bfloat16")],
    "unrolled": lambda: [layers.LSTM(8, unroll=True)],
    "own": lambda: [layers.RNN(layers.LSTMCell(8))],
    "no recurrent": lambda: [layers.Flatten(), layers.Dense(8)],
    "convolution": lambda: [layers.Conv1D(4, 3), layers.LSTM(8)],
}


@pytest.mark.parametrize("name", SMALL)
def test_small_recurrent_networks_are_compiled_in_long_runs(name: str) -> None:
    model = model_of(*SMALL[name]())
    choice = choose_jit_compile(model, FEWEST_STEPS)
    assert choice.chosen and f"{FEWEST_STEPS} steps of a small recurrent network" in choice.reason
    assert not choose_jit_compile(model, FEWEST_STEPS - 1).chosen


@pytest.mark.parametrize("name", OTHERS)
def test_no_others_are(name: str) -> None:
    assert not choose_jit_compile(model_of(*OTHERS[name]()), 10**9).chosen


def test_any_model_is_that_asks() -> None:
    choice = choose_jit_compile(model_of(*conv(), jit_compile=True), 1)
    assert choice.chosen and "jit_compile=True" in choice.reason


@pytest.mark.parametrize("inner", [*SMALL.values(), conv], ids=[*SMALL, "convolution"])
def test_gradients_are_those_of_keras_for_any_number_of_rows(inner: Any) -> None:
    model = model_of(*inner(), metrics=["mae"])
    replica = KerasReplica(model, spec_of(BATCH), jit_compile=True)
    told: list[Any] = []
    replica.stream_gradients([(0, replica.layout.length)] * 2)  # more than one: they would be told of on their way
    sizes = (9, 4) if inner is conv else (9,)  # a recurrent one takes seconds to compile, for each
    for rows in sizes:
        part = Batch((X[:rows],), (Y[:rows],))
        gradient, scalars = replica.gradients(part, rows, 1.0, lambda *bucket: told.append(bucket))
        expected, loss = keras_gradient(model, part, replica.layout)
        np.testing.assert_allclose(gradient, expected, atol=2e-6 * np.abs(expected).max())
        np.testing.assert_allclose(scalars[0], loss, rtol=1e-6)
    assert not told
    assert [compiled.by_xla for compiled in replica._train._by_rows.values()] == [True] * len(sizes)
    assert 0 < replica.results(replica.sums())["mae"] < 10


def test_what_xla_cannot_compile_runs_without_it(caplog: pytest.LogCaptureFixture) -> None:
    def strings(y_true: Any, y_pred: Any) -> Any:
        known = tf.strings.to_number(tf.strings.as_string(tf.reduce_mean(y_true, -1)))
        return tf.reduce_mean((y_pred - y_true) ** 2, -1) + 0.0 * known

    model = model_of(layers.Flatten(), loss=strings)
    replica = KerasReplica(model, spec_of(BATCH), jit_compile=True)
    for _ in range(2):
        gradient, _ = replica.gradients(BATCH, 9, 1.0)
    np.testing.assert_allclose(gradient, keras_gradient(model, BATCH, replica.layout)[0], atol=1e-6)
    assert caplog.text.count("XLA cannot compile a step") == 1


def test_sums_over_workers_in_the_middle_of_a_step_run_without_it(caplog: pytest.LogCaptureFixture) -> None:
    weights = rng.random(9).astype("float32")
    batch = Batch((X,), (Y,), weights)
    loss = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    model = model_of(layers.Flatten(), loss=loss)
    replica = KerasReplica(model, spec_of(batch), jit_compile=True)
    gradient, _ = replica.gradients(batch, 9, 1.0)
    np.testing.assert_allclose(gradient, keras_gradient(model, batch, replica.layout)[0], atol=1e-6)
    assert "sums over all workers" in caplog.text
