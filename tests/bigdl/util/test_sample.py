"""Samples and tensors: what scripts read of them, how small they travel, and that `sparkdl.fit` takes them."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import sparkdl as sdl
from sparkdl.bigdl.util.sample import JTensor, Sample
from sparkdl.errors import DataError


def test_features_and_labels_of_every_form() -> None:
    two = Sample.from_ndarray([np.ones((2, 3)), np.zeros(4, "uint8")], [np.array([1, 2]), 3])
    assert [item.shape for item in two.features] == [(2, 3), (4,)]
    assert [item.to_ndarray().tolist() for item in two.labels] == [[1, 2], [3]]
    assert two.feature is two.features[0] and two.label is two.labels[0]
    assert Sample.from_ndarray(np.ones(3), 7).label.shape == (1,)
    assert Sample.from_ndarray([1, 2, 3], np.float64(7)).feature.storage.dtype == np.float32
    assert Sample.from_jtensor(JTensor.from_ndarray(np.ones(2)), 1).label.to_ndarray().tolist() == [1]


@pytest.mark.parametrize("value", [None, "text", object(), [np.ones(2), None]])
def test_what_is_no_array_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="a Sample's features must be"):
        Sample.from_ndarray(value, 1)


def test_sparse_tensors_become_dense() -> None:
    tensor = JTensor.sparse(np.array([1, 3, 2, 4]), np.array([[0, 0, 1, 2], [0, 3, 2, 1]]), np.array([3, 4]))
    dense = [[1, 0, 0, 3], [0, 0, 2, 0], [0, 4, 0, 0]]
    assert tensor.to_ndarray().tolist() == np.asarray(pickle.loads(pickle.dumps(tensor))).tolist() == dense
    with pytest.raises(DataError, match="needs 2 indices, received 3"):
        JTensor.sparse(np.array([1]), np.array([0, 1, 2]), np.array([3, 4]))
    with pytest.raises(DataError, match=r"shape \(2, 2\) was given 3 values"):
        JTensor([1, 2, 3], [2, 2])


def test_pickles_are_equal_and_small_and_can_be_written_to() -> None:
    sample = Sample.from_ndarray(np.random.rand(28, 28), 3)
    back = pickle.loads(pickle.dumps(sample))
    assert back == sample and type(back) is Sample and back != Sample.from_ndarray(np.zeros((28, 28)), 3)
    assert len(pickle.dumps(sample, 5)) < 4 * 784 + 250
    back.features[0].storage += 1
    assert back != sample


def test_printed_as_bigdl_does() -> None:
    tensor = JTensor.from_ndarray(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert str(tensor) == repr(tensor) == "JTensor: storage: [[1. 2.]\n [3. 4.]], shape: [2 2], float"
    assert str(Sample.from_ndarray(np.array([1.0]), np.array([2.0]))) == (
        "Sample: features: [JTensor: storage: [1.], shape: [1], float], labels: [JTensor: storage: [2.], shape: [1], "
        "float],"
    )
    sparse = JTensor.sparse(np.array([1.0, 2.0]), np.array([[0, 1], [1, 2]]), np.array([3, 3]))
    assert str(sparse) == "JTensor: storage: [1. 2.], shape: [3 3] ,indices [[0 1]\n [1 2]], float"


def test_fit_and_predict_take_them(spark_local: Any) -> None:
    import keras

    rows = spark_local.sparkContext.parallelize(range(64), 2)
    samples = rows.map(lambda i: Sample.from_ndarray(np.array([i % 2, 1 - i % 2]), i % 2))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(1.0), "binary_crossentropy", metrics=["accuracy"])
    history = sdl.fit(model, samples, batch_size=16, epochs=3, verbose=0, workers=1)
    assert history.history["accuracy"][-1] == 1.0
    assert len(sdl.predict(model, samples).collect()) == 64
