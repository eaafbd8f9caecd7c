from __future__ import annotations

import keras
import numpy as np
import pytest

from sparkdl.engine.layout import FlatWeights, layout_of, unique_names
from sparkdl.errors import UnsupportedError


def small_model() -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5), keras.layers.Dense(1)])
    return model


def test_offsets_are_aligned_and_do_not_overlap():
    layout = layout_of(small_model().trainable_variables)
    assert [spec.offset for spec in layout.variables] == [0, 16, 32, 48]
    assert layout.length == 64


def test_writing_the_vector_changes_the_model():
    model = small_model()
    flat = FlatWeights(model.trainable_variables)
    assert len(flat.shared) == 4
    flat.weights[:] = 0
    spec = flat.layout.variables[3]
    flat.weights[spec.offset] = 7
    flat.written()
    np.testing.assert_array_equal(model(np.ones((2, 3), "float32")).numpy(), 7 * np.ones((2, 1)))


def test_the_vector_starts_with_the_models_values():
    model = small_model()
    expected = [variable.numpy() for variable in model.trainable_variables]
    flat = FlatWeights(model.trainable_variables)
    for spec, value in zip(flat.layout.variables, expected, strict=True):
        np.testing.assert_array_equal(flat.weights[spec.offset : spec.offset + spec.size].reshape(spec.shape), value)


def test_a_compiled_function_reads_later_writes():
    import tensorflow as tf

    model = small_model()
    flat = FlatWeights(model.trainable_variables)
    call = tf.function(lambda x: model(x))
    x = tf.ones((1, 3))
    call(x)
    flat.weights[:] = 1.0
    assert float(call(x)[0, 0]) == 5 * 4 + 1


def test_a_variable_assigned_elsewhere_is_found_and_taken_back():
    model = small_model()
    flat = FlatWeights(model.trainable_variables)
    assert not flat.refresh()
    model.layers[1].kernel.assign(np.full((5, 1), 2.0, "float32"))
    assert len(flat.moved()) == 1
    assert flat.refresh()
    spec = flat.layout.variables[2]
    np.testing.assert_array_equal(flat.weights[spec.offset : spec.offset + 5], 2.0)
    flat.weights[spec.offset] = 9.0
    assert model.layers[1].kernel.numpy()[0, 0] == 9.0
    assert not flat.refresh()


def test_half_precision_variables_are_converted():
    variable = keras.Variable(np.ones(3), dtype="bfloat16", name="half")
    flat = FlatWeights([variable])
    assert flat.shared == ()
    flat.weights[:3] = 2.5
    flat.written()
    assert variable.numpy().astype("float32").tolist() == [2.5] * 3
    assert not flat.refresh()
    variable.assign(np.zeros(3))
    assert flat.refresh()
    assert flat.weights[:3].tolist() == [0.0] * 3


def test_float64_variables_are_refused_by_name():
    with pytest.raises(UnsupportedError, match="wide.*float64"):
        layout_of([keras.Variable(np.ones(3), dtype="float64", name="wide")])


def test_a_model_without_trainable_weights():
    flat = FlatWeights([])
    assert flat.weights.shape == (0,)
    assert not flat.refresh()


def test_equal_paths_get_different_names():
    assert unique_names([keras.Variable([0.0], name="a")] * 2) == ["a", "a#2"]
