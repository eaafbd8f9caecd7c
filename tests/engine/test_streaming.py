"""Gradients bucket by bucket against the gradient in one piece, and when they are handed over."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.collective.runs import Runs, joined
from sparkdl.engine.replica import KerasReplica
from sparkdl.engine.shards import shard_buckets
from sparkdl.types import Batch, SampleSpec, TensorSpec

SPEC = SampleSpec((TensorSpec("x", (6,), "float32"),), (TensorSpec("y", (1,), "float32"),))
RANDOM = np.random.default_rng(5)
BATCH = Batch((RANDOM.normal(size=(8, 6)).astype("float32"),), (RANDOM.normal(size=(8, 1)).astype("float32"),))


def chain():
    layers = [keras.layers.Dense(12, "silu", name=f"d{index}") for index in range(4)]
    return keras.Sequential([keras.Input((6,)), *layers, keras.layers.BatchNormalization(), keras.layers.Dense(1)])


def shared():
    """A layer that is used twice, a branch, and a layer that nothing reaches."""
    x = keras.Input((6,))
    twice = keras.layers.Dense(6, "tanh")
    left = keras.layers.Dense(5)(twice(twice(x)))
    right = keras.layers.Dense(5, trainable=True)(x)
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.Add()([left, right])))
    model.unused = keras.layers.Dense(3)
    model.unused.build((None, 4))
    return model


def recurrent():
    cells = [keras.layers.LSTM(4, return_sequences=True), keras.layers.LSTM(3)]
    return keras.Sequential([keras.Input((6,)), keras.layers.Reshape((3, 2)), *cells, keras.layers.Dense(1)])


class Told:
    """Remembers the buckets that it is told of."""

    def __init__(self):
        self.numbers, self.vectors = [], []

    def __call__(self, vector, number):
        self.numbers.append(number)
        self.vectors.append(vector.copy())


def replica_of(build, bucket_size=None, eager=False):
    keras.utils.set_random_seed(3)
    model = build()
    model.compile("adam", "mse", run_eagerly=eager)
    replica = KerasReplica(model, SPEC)
    buckets = shard_buckets(replica.layout, 2, model.optimizer, model.trainable_variables, bucket_size=bucket_size)
    replica.stream_gradients(buckets)
    return replica, buckets


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("size", [1, 70, 150])
@pytest.mark.parametrize("build", [chain, shared, recurrent])
def test_buckets_hold_the_gradient_and_come_from_the_end_to_the_beginning(build, size, eager):
    whole, one = replica_of(build, eager=eager)
    parts, buckets = replica_of(build, size, eager)
    assert len(one) == 1 < len(buckets)
    for _ in range(2):
        told = Told()
        expected = whole.gradients(BATCH, 8, 1.0)
        received = parts.gradients(BATCH, 8, 1.0, told)
        np.testing.assert_allclose(received[0], expected[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(received[1], expected[1], rtol=1e-6)
        assert told.numbers == list(reversed(range(len(buckets))))
        for number, vector in zip(told.numbers, told.vectors, strict=True):
            low, high = buckets[number][0], buckets[number][-1]
            assert vector[low:high].tobytes() == received[0][low:high].tobytes()
    assert whole.unreached == parts.unreached


class Twice(keras.layers.Layer):
    """Two weights of the same gradient, with a gap behind each."""

    def build(self, shape):
        self.one = self.add_weight(shape=(3,), initializer="zeros")
        self.other = self.add_weight(shape=(3,), initializer="zeros")

    def call(self, x):
        return x + self.one + self.other


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
def test_a_single_bucket_comes_in_runs(eager, jit_compile):
    def build():
        layers = [keras.layers.Embedding(5, 3), keras.layers.GlobalAveragePooling1D(), Twice(), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((6,)), *layers])
        model.unused = keras.layers.Dense(3)
        model.unused.build((None, 4))
        return model

    def replica_of_twins():
        keras.utils.set_random_seed(3)
        model = build()
        model.compile("adam", "mse", run_eagerly=eager)
        return KerasReplica(model, SPEC, jit_compile=jit_compile)

    batch = Batch((np.arange(48, dtype="float32").reshape(8, 6) % 5,), BATCH.labels)
    expected, scalars = replica_of_twins().gradients(batch, 8, 1.0)
    replica = replica_of_twins()
    replica.stream_gradients([(0, 16, replica.layout.length)], in_runs=True)
    for _ in range(2):
        found, others = replica.gradients(batch, 8, 1.0)
        assert isinstance(found, Runs) and len(found.views) > len(replica.layout.variables) - 2
        np.testing.assert_allclose(joined(found), expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(others, scalars, rtol=1e-6)
        assert found.sum() == pytest.approx(float(expected.sum()), rel=1e-5)


def test_the_last_layers_are_handed_over_before_the_first_are_computed():
    told = Told()

    def note(upstream):
        told.numbers.append("first layer")
        return upstream

    @tf.custom_gradient
    def noted(x):
        def gradient(upstream):
            return tf.numpy_function(note, [upstream], tf.float32)

        return tf.identity(x), gradient

    def build():
        layers = [keras.layers.Dense(12, "silu") for _ in range(4)]
        first = [keras.layers.Dense(12), keras.layers.Lambda(noted, output_shape=(12,))]
        return keras.Sequential([keras.Input((6,)), *first, *layers, keras.layers.Dense(1)])

    replica, buckets = replica_of(build, 150)
    replica.gradients(BATCH, 8, 1.0, told)
    last = len(buckets) - 1
    assert last >= 3 and told.numbers == [*range(last, 0, -1), "first layer", 0]
