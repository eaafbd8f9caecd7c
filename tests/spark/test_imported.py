"""Imported models are trained and applied on Spark; what is frozen in them stays as it is, bit for bit."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "importers"))
from models import frame
from training_graph import training_graph

import sparkdl as sdl
from sparkdl.nn.graph_layer import GraphLayer

pytestmark = [pytest.mark.spark, pytest.mark.tf]
CAFFE = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 6 dim: 4 dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
        convolution_param { num_output: 5 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "norm" type: "BatchNorm" bottom: "conv" top: "norm" }
layer { name: "scale" type: "Scale" bottom: "norm" top: "scale" scale_param { bias_term: true } }
layer { name: "pool" type: "Pooling" bottom: "scale" top: "pool" pooling_param { global_pooling: true pool: AVE } }
layer { name: "classes" type: "InnerProduct" bottom: "pool" top: "classes"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "probabilities" type: "Softmax" bottom: "classes" top: "probabilities" }
"""


def rows(number: int, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(size=(number, *shape)).astype("float32"), random.integers(0, 3, number)


def values(model: keras.Model) -> dict[str, np.ndarray]:
    return {variable.path: variable.numpy() for variable in model.variables}


def changed(model: keras.Model, before: dict[str, np.ndarray]) -> set[str]:
    return {name for name, value in values(model).items() if name in before and not np.array_equal(before[name], value)}


def with_head(body: keras.Model) -> keras.Model:
    tensor = body.output if len(body.output.shape) == 2 else keras.layers.GlobalAveragePooling2D()(body.output)
    model = keras.Model(body.inputs, keras.layers.Dense(3, "softmax", name="head")(tensor))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_a_graph_with_a_new_head(spark_local: SparkSession, tmp_path: Path) -> None:
    x, y = rows(40, 6)
    body = sdl.cut(training_graph(tmp_path), "norm/out")
    sdl.freeze(body, up_to="stem/Relu")
    tuned = with_head(body)
    before = values(tuned)
    sdl.fit(tuned, frame(spark_local, x, y), batch_size=8, epochs=2, verbose=0)
    layer = next(layer for layer in tuned.layers if isinstance(layer, GraphLayer)).name
    moved = {f"{layer}/norm/gamma", f"{layer}/norm/moving_mean", "head/kernel", "head/bias"}
    assert changed(tuned, before) == moved

    tuned.save(tmp_path / "tuned.keras")
    again = keras.saving.load_model(tmp_path / "tuned.keras")
    scored = sdl.predict(again, frame(spark_local, x, y), batch_size=64).orderBy("id").toPandas()
    assert np.stack(scored["prediction"]).shape == (40, 3)
    sdl.freeze(tuned)
    tuned.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert 0 <= sdl.evaluate(tuned, frame(spark_local, x, y))["accuracy"] <= 1


def test_a_caffe_net_with_a_new_head(spark_local: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(CAFFE)
    net = sdl.load_caffe(tmp_path / "net.prototxt", data_format="channels_last")
    body = sdl.cut(net, "pool")
    frozen = sdl.freeze(body)
    assert len(frozen) == 4, frozen
    tuned = with_head(body)
    before = values(tuned)
    x, y = rows(40, 4, 4, 6)
    data = frame(spark_local, x.reshape(40, -1), y)
    sdl.fit(tuned, data, batch_size=8, epochs=2, verbose=0)
    assert changed(tuned, before) == {"head/kernel", "head/bias"}, "nor the statistics of BatchNorm"

    sdl.unfreeze(tuned)
    tuned.compile("adam", "sparse_categorical_crossentropy")
    before = values(tuned)
    sdl.fit(tuned, data, batch_size=8, epochs=1, verbose=0)
    assert len(changed(tuned, before)) >= 6
