"""Many trainings in one process: nothing is kept of those before."""

from __future__ import annotations

import gc

import keras
import numpy as np
import pytest
from tensorflow.python.framework import ops
from tensorflow.python.framework.func_graph import FuncGraph

from sparkdl.engine.cache import CACHED, _cache, cached
from sparkdl.engine.release import release_models
from sparkdl.engine.replica import KerasReplica
from sparkdl.engine.runtimes.tensorflow import TensorFlowPredictor
from sparkdl.engine.updater import KerasUpdater
from sparkdl.types import Batch, SampleSpec, TensorSpec

SPEC = SampleSpec((TensorSpec("x", (3,), "float32"),), (TensorSpec("y", (1,), "float32"),))
BATCH = Batch((np.ones((4, 3), "float32"),), (np.zeros((4, 1), "float32"),))


def make_model():
    # This activation has a custom gradient.
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "silu"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def train():
    replica = KerasReplica(make_model(), SPEC)
    model, layout = replica.model, replica.layout
    variables = model.trainable_variables
    updater = KerasUpdater(model.optimizer, variables, layout, ((0, layout.length),), 0, replica.weights)
    before = replica.weights.copy()
    gradient, _ = replica.gradients(BATCH, 4, 1.0)
    updater.apply(gradient, replica.weights)
    replica.evaluate(BATCH)
    assert not np.array_equal(before, replica.weights)


def kept():
    """Compiled functions and Keras's variables that are alive, and gradients that TensorFlow has registered."""
    objects = [type(item) for item in gc.get_objects()]
    graphs = sum(issubclass(kind, FuncGraph) for kind in objects)
    variables = sum(issubclass(kind, keras.Variable) for kind in objects)
    return graphs, variables, len(ops.gradient_registry.list())


def test_nothing_is_kept_of_a_training():
    train()
    release_models()
    before = kept()
    for _ in range(3):
        train()
    assert kept()[2] > before[2], "TensorFlow has stopped to remember gradients: forget them here too"
    release_models()
    assert kept() == before


@pytest.fixture
def empty_cache():
    _cache.clear()
    yield
    _cache.clear()


def test_predictors_that_leave_the_cache_are_gone(empty_cache):
    def score(key):
        return cached(key, lambda: TensorFlowPredictor(make_model(), SPEC)).predict(BATCH.features)

    for number in range(CACHED + 1):
        score(f"first {number}")
    before = kept()
    for number in range(CACHED):
        score(f"second {number}")
        score(f"second {number}")
    score("second last")
    assert kept()[:2] == before[:2]
