"""What a file says is not trained is not trained, wherever the model goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import sparkdl as sdl
from sparkdl.engine.serialization import model_arrays, pack_model, set_model_arrays, unpack_model
from tests.importers.tensorflow.saved import partitioned_graph, save_graph

v1 = tf.compat.v1


class Embedded(tf.Module):
    """A table that is not trained and a matrix that is, of one name."""

    def __init__(self) -> None:
        super().__init__()
        self.table = tf.Variable(np.ones((9, 4), "float32"), trainable=False, name="same")
        self.dense = tf.Variable(np.ones((4, 1), "float32"), name="same")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="ids")])
    def score(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"score": tf.gather(self.table, ids) @ self.dense}


def trained(model: keras.Model) -> list[tuple[int, ...]]:
    return sorted(tuple(weight.shape) for weight in model.trainable_weights)


def reloaded(model: keras.Model, folder: Path) -> keras.Model:
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def shipped(model: keras.Model, folder: Path) -> keras.Model:
    made = unpack_model(pack_model(model, compiled=False))
    set_model_arrays(made, model_arrays(model))
    return made


def exported(folder: Path, freeze: Callable[[keras.Model], None]) -> keras.Model:
    layers = [keras.layers.Dense(4, name="base"), keras.layers.BatchNormalization(), keras.layers.Dense(2, name="head")]
    model = keras.Sequential([keras.Input((3,)), *layers])
    freeze(model)
    model.export(folder / "exported", verbose=False)
    return sdl.load_tensorflow(folder / "exported")


@pytest.mark.parametrize("sent", [lambda model, folder: model, reloaded, shipped])
def test_a_variable_that_is_not_trainable_stays_so(tmp_path: Path, sent: Callable[..., keras.Model]) -> None:
    module = Embedded()
    tf.saved_model.save(module, tmp_path / "net", module.score)
    model = sent(sdl.load_tensorflow(tmp_path / "net"), tmp_path)
    assert trained(model) == [(4, 1)] and len(model.weights) == 2
    model.compile("sgd", "mse")
    model.fit(np.arange(4), np.zeros((4, 1)), verbose=0)
    (table,) = model.non_trainable_weights
    np.testing.assert_array_equal(table, np.ones((9, 4)))
    assert not np.allclose(model.trainable_weights[0], 1)
    sdl.unfreeze(model)
    assert trained(model) == [(4, 1)]


@pytest.mark.parametrize("sent", [lambda model, folder: model, reloaded, shipped])
def test_layers_that_keras_froze_are_frozen(tmp_path: Path, sent: Callable[..., keras.Model]) -> None:
    def freeze(model: keras.Model) -> None:
        model.get_layer("base").trainable = False

    model = sent(exported(tmp_path, freeze), tmp_path)
    assert trained(model) == [(2,), (4,), (4,), (4, 2)]
    before = {weight.path: np.asarray(weight) for weight in model.weights}
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert {w.path for w in model.weights if not np.array_equal(w, before[w.path])} <= {
        weight.path for weight in model.trainable_weights
    }
    assert len(sdl.unfreeze(model, "*base/*")) == 2
    assert trained(model) == [(2,), (3, 4), (4,), (4,), (4,), (4, 2)]


def test_a_whole_model_that_keras_froze_is_frozen(tmp_path: Path) -> None:
    def freeze(model: keras.Model) -> None:
        model.trainable = False

    model = exported(tmp_path, freeze)
    assert not model.trainable_weights and len(model.weights) == 8
    sdl.unfreeze(model)
    assert len(model.trainable_weights) == 6  # all but the moving averages


def test_lists_of_variables_tell_what_is_trained(tmp_path: Path) -> None:
    module = Embedded()
    module.bias = tf.Variable(np.ones(1, "float32"), name="bias")
    holder = tf.train.Checkpoint(module=module, variables=[module.dense, module.bias, module.table])
    holder.trainable_variables = [module.bias]
    signature = tf.function(
        lambda ids: {"y": module.score(ids)["score"] + module.bias}, [tf.TensorSpec([None], tf.int32, name="ids")]
    )
    tf.saved_model.save(holder, tmp_path / "net", signature)
    assert trained(sdl.load_tensorflow(tmp_path / "net")) == [(1,)]


@pytest.mark.parametrize(("kept", "expected"), [(["u"], ["u"]), (["u", "w"], ["u", "w"]), ([], ["u", "w"])])
def test_a_collection_tells_what_is_trained(tmp_path: Path, kept: list[str], expected: list[str]) -> None:
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, 4], "x")
        hidden = x @ v1.get_variable("w", [4, 4], trainable="w" in kept)
        tf.matmul(hidden, v1.get_variable("u", [4, 1], trainable="u" in kept), name="y")
    save_graph(graph, tmp_path / "net", "V2")
    model = sdl.load_tensorflow(tmp_path / "net.meta", ["x"], ["y"])
    assert sorted(weight.path.partition("/")[2] for weight in model.trainable_weights) == expected


def test_parts_of_a_variable_are_in_a_collection_each(tmp_path: Path) -> None:
    graph, _ = partitioned_graph()
    listed = graph.get_collection_ref(v1.GraphKeys.TRAINABLE_VARIABLES)
    listed[:] = [variable for variable in listed if variable.op.name != "net/weights"]
    save_graph(graph, tmp_path / "net", "V2")
    model = sdl.load_tensorflow(tmp_path / "net.meta", ["ids"], ["scores"])
    assert trained(model) == [(3, 4), (3, 4), (4, 4)]
    assert [tuple(weight.shape) for weight in model.non_trainable_weights] == [(4, 2)]


def test_a_damaged_list_of_objects_says_nothing(tmp_path: Path) -> None:
    module = Embedded()
    tf.saved_model.save(module, tmp_path / "net", module.score)
    path = tmp_path / "net" / "saved_model.pb"
    message = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for node in message.meta_graphs[0].object_graph_def.nodes:
        for child in node.children:
            child.node_id = 10**6
    path.write_bytes(message.SerializeToString())
    assert trained(sdl.load_tensorflow(tmp_path / "net")) == [(4, 1), (9, 4)]
