"""Layers go into files and come out of them: BigDL's, TensorFlow's, Caffe's, Keras's and TensorBoard's."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from sparkdl.bigdl.nn.layer import (
    CAddTable,
    Concat,
    Input,
    Layer,
    Linear,
    LogSoftMax,
    Model,
    ReLU,
    Reshape,
    Sequential,
    SoftMax,
    SpatialBatchNormalization,
    SpatialConvolution,
    SpatialMaxPooling,
    Tanh,
)
from sparkdl.bigdl.nn.layers.loading import imported
from sparkdl.errors import ArgumentError, StorageError
from sparkdl.nn.torch.network import network

pytestmark = pytest.mark.tf
GOLDEN = Path(__file__).parents[2] / "golden"
X = np.random.default_rng(0).normal(size=(2, 3, 6, 6)).astype(np.float32)


def net() -> Sequential:
    branches = Concat(2).add(SpatialConvolution(3, 4, 3, 3, 1, 1, 1, 1)).add(SpatialConvolution(3, 2, 1, 1))
    model = Sequential().add(branches).add(SpatialBatchNormalization(6)).add(ReLU())
    model.add(SpatialMaxPooling(2, 2, 2, 2)).add(Reshape([54])).add(Linear(54, 5)).add(LogSoftMax().set_name("probs"))
    model.forward(X)  # so that the moving averages are not those of a new one
    model.training(False)
    return model


def graph() -> Model:
    node = Input()
    left, right = Linear(4, 3).set_name("left")(node), Linear(4, 3).set_name("right")(node)
    return Model([node], [Tanh()(CAddTable()([left, right]))])


@pytest.mark.parametrize("apart", [False, True])
def test_a_model_is_what_it_was(apart: bool, tmp_path: Path) -> None:
    model, weights = net(), str(tmp_path / "m.bin") if apart else None
    assert model.saveModel(str(tmp_path / "m.bigdl"), weights) is None
    again = Model.loadModel(str(tmp_path / "m.bigdl"), weights)
    assert isinstance(again, Sequential)
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]
    np.testing.assert_array_equal(again.forward(X), model.forward(X))
    again.add(Linear(5, 2))
    assert again.forward(X).shape == (2, 2)
    with pytest.raises(StorageError, match="over_write=True"):
        model.saveModel(str(tmp_path / "m.bigdl"), weights)
    model.saveModel(str(tmp_path / "m.bigdl"), weights, over_write=True)


def test_a_graph_is_what_it_was(tmp_path: Path) -> None:
    model, x = graph(), np.ones((2, 4), np.float32)
    model.saveModel(str(tmp_path / "m.bigdl"))
    again = Model.loadModel(str(tmp_path / "m.bigdl"))
    assert isinstance(again, Model)
    np.testing.assert_array_equal(again.forward(x), model.forward(x))


def test_tensorflow_computes_what_was_saved(tmp_path: Path) -> None:
    model = net()
    model.save_tensorflow([("images", [-1, 3, 6, 6])], str(tmp_path / "m.pb"))
    definition = tf.compat.v1.GraphDef.FromString((tmp_path / "m.pb").read_bytes())
    with tf.Graph().as_default() as imported, tf.compat.v1.Session(graph=imported) as session:
        tf.import_graph_def(definition, name="")
        found = session.run("probs:0", {"images:0": X})
    np.testing.assert_allclose(found, model.forward(X), atol=1e-5)
    again = Model.load_tensorflow(str(tmp_path / "m.pb"), ["images"], ["probs"])
    np.testing.assert_allclose(again.forward(X), model.forward(X), atol=1e-5)


def test_outputs_of_a_graph_keep_their_names(tmp_path: Path) -> None:
    start = Linear(4, 3).set_name("fc")()
    left, right = SoftMax().set_name("left")(start), ReLU().set_name("right")(start)
    model = Model([start], [left, right])
    model.save_tensorflow([("input", [2, 4])], str(tmp_path / "m.pb"))
    again = Model.load_tensorflow(str(tmp_path / "m.pb"), ["input"], ["left", "right"])
    x = np.ones((2, 4), np.float32)
    for found, expected in zip(again.forward(x), model.forward(x), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_bigdls_pair_of_files_of_tensorflow() -> None:
    folder = GOLDEN / "tensorflow" / "blog_lstm_static"
    golden = np.load(folder / "golden.npz")
    paths = str(folder / "graph_unfrozen.pbtxt.gz"), str(folder / "bigdl_pair.bin")
    model = Model.load_tensorflow(paths[0], ["Placeholder"], ["prediction/Softmax"], bin_file=paths[1])
    name = next(key for key in golden.files if key.startswith("out/"))
    x = golden[next(key for key in golden.files if key.startswith("in/"))]
    np.testing.assert_allclose(model.forward(x), golden[name], atol=1e-5)
    assert model.backward(x, np.ones_like(golden[name])).shape == x.shape
    with pytest.raises(ArgumentError, match="little_endian, big_endian"):
        Model.load_tensorflow(paths[0], ["Placeholder"], ["prediction/Softmax"], byte_order="middle", bin_file=paths[1])


def test_tensorboard_shows_the_layers(tmp_path: Path) -> None:
    graph().save_graph_topology(str(tmp_path))
    events = list(EventFileLoader(str(next(tmp_path.iterdir()))).Load())
    found = tf.compat.v1.GraphDef.FromString(next(e.graph_def for e in events if e.graph_def))
    added = next(node for node in found.node if node.op == "CAddTable")
    assert list(added.input) == ["left", "right"]


def test_a_model_of_keras(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(2)])
    model.save(tmp_path / "m.h5")
    (tmp_path / "m.json").write_text(model.to_json())
    model.save_weights(tmp_path / "m.weights.h5")
    x = np.ones((2, 4), np.float32)
    for layer in (
        Model.load_keras(hdf5_path=str(tmp_path / "m.h5")),
        Model.load_keras(str(tmp_path / "m.json"), str(tmp_path / "m.weights.h5")),
    ):
        np.testing.assert_allclose(layer.forward(x), model(x), atol=1e-6)
        assert isinstance(layer, Sequential)
        assert [weight.shape for weight in layer.get_weights()] == [(4, 3), (3,), (3, 2), (2,)]
    with pytest.raises(ArgumentError, match="json_path"):
        Model.load_keras()


def test_a_graph_of_keras_with_two_inputs_is_a_model(tmp_path: Path) -> None:
    ends = keras.Input((4,)), keras.Input((4,))
    model = keras.Model(ends, keras.layers.Dense(2)(keras.layers.Add()(list(ends))))
    model.save(tmp_path / "m.h5")
    layer = Model.load_keras(hdf5_path=str(tmp_path / "m.h5"))
    x = [np.ones((2, 4), np.float32), np.full((2, 4), 2, np.float32)]
    assert isinstance(layer, Model)
    np.testing.assert_allclose(layer.forward(x), model(x), atol=1e-6)
    assert [gradient.shape for gradient in layer.backward(x, np.ones((2, 2)))] == [(2, 4), (2, 4)]


def test_layers_of_an_imported_model_are_frozen_by_name() -> None:
    dense = [keras.layers.Dense(3, name="conv1_first"), keras.layers.Dense(2, name="last")]
    layer = imported(keras.Sequential([keras.Input((4,)), *dense]))
    before = [weight.copy() for weight in layer.freeze(["conv1/first"]).get_weights()]
    made = network(layer.value, (4,))
    made.model.compile("sgd", "mse")
    made.model.fit(np.ones((8, 4)), np.zeros((8, 2)), verbose=0)
    made.read_back()
    after = layer.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[2] != after[2]).any()
    assert len(network(layer.unfreeze(["conv1/first"]).value, (4,)).model.trainable_variables) == 4
    with pytest.raises(ArgumentError, match="its layers are .*conv1_first, last"):
        layer.freeze("elsewhere")


def test_weights_of_caffe_go_to_the_layers_of_their_names(tmp_path: Path) -> None:
    model = net()
    model.layers[0].layers[0].set_name("conv")
    model.layers[5].set_name("fc")
    model.save_caffe(str(tmp_path / "m.prototxt"), str(tmp_path / "m.caffemodel"))
    paths = str(tmp_path / "m.prototxt"), str(tmp_path / "m.caffemodel")
    whole = Model.load_caffe_model(*paths)
    np.testing.assert_allclose(whole.forward(X), model.forward(X), atol=1e-5)
    held, own = whole.parameters(), model.parameters()
    for name in ("conv", "fc"):
        for part in ("weight", "bias", "gradWeight", "gradBias"):
            assert held[name][part].shape == own[name][part].shape
        np.testing.assert_array_equal(held[name]["weight"], own[name]["weight"])
    other: Layer = Sequential().add(SpatialConvolution(3, 4, 3, 3, 1, 1, 1, 1).set_name("conv"))
    assert Model.load_caffe(other, *paths) is other
    np.testing.assert_array_equal(other.get_weights()[0], model.layers[0].layers[0].get_weights()[0])
    other.add(Linear(3, 3).set_name("elsewhere"))
    with pytest.raises(ArgumentError, match="no weights for the layer 'elsewhere'"):
        Model.load_caffe(other, *paths)
    Model.load_caffe(other, *paths, match_all=False)
