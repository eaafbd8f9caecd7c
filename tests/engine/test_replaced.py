"""Functions of modules that are others for one thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from sparkdl.engine.constant_draws import constant_draws
from sparkdl.engine.custom_objects import captured


def test_weights_that_another_thread_draws_meanwhile_are_its_own() -> None:
    def kernel() -> np.ndarray:
        return np.asarray(keras.initializers.GlorotUniform(seed=3)((4, 5)))

    expected = kernel()
    with ThreadPoolExecutor(1) as other, constant_draws():
        assert not np.array_equal(kernel(), expected)
        np.testing.assert_array_equal(other.submit(kernel).result(), expected)


def test_what_another_thread_writes_meanwhile_is_not_captured() -> None:
    def twice(x: object) -> object:
        return keras.ops.multiply(x, 2)

    def written() -> object:
        return keras.saving.serialize_keras_object(twice)

    alone = written()
    with ThreadPoolExecutor(1) as other, captured() as objects:
        assert other.submit(written).result() == alone
        assert not objects
        written()
        assert twice in objects.values()
