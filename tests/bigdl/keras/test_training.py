"""Keras-style models trained, measured and applied on Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sparkdl.bigdl.feature.image import ImageResize
from sparkdl.bigdl.keras.autograd import abs, mean
from sparkdl.bigdl.keras.engine.data import image_rows
from sparkdl.bigdl.keras.layers import Dense, Dropout, Flatten, Input, merge
from sparkdl.bigdl.keras.models import Model, Sequential, load_model
from sparkdl.bigdl.nn.keras import layer as early_layers
from sparkdl.bigdl.nn.keras import topology as early
from sparkdl.bigdl.nnframes import NNImageReader
from sparkdl.bigdl.util.common import Sample
from sparkdl.errors import ArgumentError, DataError

RANDOM = np.random.RandomState(2)
X = RANDOM.normal(size=(96, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)


def classifier() -> Sequential:
    model = Sequential().add(Dense(8, activation="tanh", input_shape=(4,), name="hidden"))
    return model.add(Dense(2, activation="softmax"))


def test_arrays(spark_local: Any, tmp_path: Path) -> None:
    model = classifier()
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy", "loss"])
    model.settings.method.learningrate = 0.05
    model.set_tensorboard(str(tmp_path / "logs"), "app")
    (tmp_path / "snapshots").mkdir()
    model.set_checkpoint(str(tmp_path / "snapshots"))
    model.set_gradient_clipping_by_l2_norm(5.0)
    model.fit(X, Y, batch_size=30, nb_epoch=2, validation_data=(X, Y))
    model.fit(X, Y, batch_size=30, nb_epoch=6)
    curve = model.get_train_summary("Loss")
    assert len(curve) == 8 * 4 and curve[-1][1] < 0.5 * curve[0][1]
    assert len(model.get_train_summary("LearningRate")) == 8 * 4
    assert len(model.get_validation_summary("Top1Accuracy")) == 2
    assert list((tmp_path / "snapshots").rglob("model.*"))
    loss, accuracy, nll = model.evaluate(X, Y, batch_size=32)
    assert accuracy > 0.9 and loss < 0.5 and isinstance(nll, float)
    model.compile("adam", "sparse_categorical_crossentropy")
    assert model.evaluate(X, Y, batch_size=32) == [pytest.approx(loss)]


def test_applied_and_in_files(spark_local: Any, tmp_path: Path) -> None:
    model = classifier().set_evaluate_status()
    expected = model.forward(X)
    np.testing.assert_allclose(np.stack(model.predict(X).collect()), expected, rtol=1e-4, atol=1e-6)
    classes = model.predict_classes(X, zero_based_label=False).collect()
    assert classes == (expected.argmax(1) + 1).tolist()
    model.saveModel(str(tmp_path / "model.bigdl"), over_write=True)
    loaded = load_model(str(tmp_path / "model.bigdl")).set_evaluate_status()
    np.testing.assert_allclose(loaded.forward(X), expected, rtol=1e-5)


def test_samples_frames_and_several_inputs(spark_local: Any) -> None:
    given = [Sample.from_ndarray(x, np.array([y])) for x, y in zip(X, Y, strict=True)]
    samples = spark_local.sparkContext.parallelize(given, 2)
    model = classifier()
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    frozen = [weight.copy() for weight in model.get_layer("hidden").get_weights()]
    model.freeze("hidden")
    model.fit(samples, batch_size=32, nb_epoch=2, validation_data=samples)
    model.unfreeze()
    assert all((one == other).all() for one, other in zip(frozen, model.get_layer("hidden").get_weights(), strict=True))
    loss, accuracy = model.evaluate(samples, batch_size=32)
    expected = model.set_evaluate_status().forward(X)
    assert accuracy == pytest.approx(np.mean(expected.argmax(1) == Y))
    assert loss == pytest.approx(-np.mean(np.log(expected[np.arange(96), Y])), rel=1e-5)

    frame = spark_local.createDataFrame(
        [(x.tolist(), float(y)) for x, y in zip(X, Y, strict=True)], "features array<double>, label double"
    )
    columns: dict[str, Any] = {"feature_cols": ["features"], "label_cols": ["label"]}
    model.fit(frame, batch_size=32, nb_epoch=1, **columns)
    assert model.evaluate(frame, batch_size=32, **columns) == pytest.approx(model.evaluate(X, Y, batch_size=32))
    predicted = model.predict(frame, feature_cols=["features"], prediction_col="scores")
    assert predicted.columns == ["features", "label", "scores"]
    row = predicted.first()
    model.set_evaluate_status()
    np.testing.assert_allclose(row["scores"], model.forward(np.array([row["features"]]))[0], rtol=1e-5)

    one, other = Input(shape=(4,)), Input(shape=(4,))
    two = Model([one, other], Dense(1, name="out")(merge([one, Dense(4)(other)], "concat")))
    two.compile("adam", lambda y_true, y_pred: mean(abs(y_true - y_pred), axis=1), ["mae"])
    two.fit([X, X], Y.reshape(-1, 1), batch_size=48, nb_epoch=2, validation_split=0.25)
    assert [np.shape(output) for output in two.predict([X[:3], X[:3]]).collect()] == [(1,)] * 3


def test_gray_images_of_a_frame_have_the_axes_that_the_model_takes(spark_local: Any, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "gray.bmp"), np.full((8, 6), 30, np.uint8))
    frame = NNImageReader.readImages(str(tmp_path), spark_local.sparkContext)
    shapes = [image_rows(frame, None, ImageResize(4, 5), rank).first().feature.shape for rank in (3, 2)]
    assert shapes == [(1, 4, 5), (4, 5)]


def test_models_of_bigdl_0(spark_local: Any) -> None:
    model = (
        early.Sequential().add(early_layers.Dense(8, activation="relu", input_shape=(4,))).add(early_layers.Dense(2))
    )
    model.add(early_layers.Activation("softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(X, Y + 1, batch_size=32, nb_epoch=2, validation_data=(X, Y + 1))
    (found,) = model.evaluate(X, Y + 1)
    assert found.method == "Top1Accuracy" and found.total_num == 96 and 0 <= found.result <= 1
    assert len(model.predict(X).collect()) == 96
    assert np.shape(model.predict(X, distributed=False)) == (96, 2)
    node = early_layers.Input(shape=(2, 2))
    graph = early.Model(node, early_layers.Dense(3)(early_layers.Flatten()(node)))
    assert graph.get_output_shape() == (None, 3)


def test_mistakes_are_told(spark_local: Any) -> None:
    model = Sequential().add(Flatten(input_shape=(4,))).add(Dropout(0.1)).add(Dense(1))
    with pytest.raises(ArgumentError, match="fit needs a compiled model"):
        model.fit(X, Y)
    model.compile("sgd", "mse")
    with pytest.raises(DataError, match="give one label per row"):
        model.fit(X, Y[:-1])
    with pytest.raises(ArgumentError, match="expected arrays"):
        model.fit("data")
    frame = spark_local.createDataFrame([(1.0,)], "x double")
    with pytest.raises(ArgumentError, match="feature_cols= is missing"):
        model.fit(frame, label_cols=["x"])
    with pytest.raises(ArgumentError, match=r"names \['y'\]"):
        model.fit(frame, feature_cols=["y"], label_cols=["x"])
    with pytest.raises(ArgumentError, match="set_tensorboard"):
        model.get_train_summary("Loss")
