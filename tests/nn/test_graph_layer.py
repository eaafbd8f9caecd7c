"""A graph as a layer: weights by name, saving, sharing, freezing, export, training, what is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import graph_pb2

from sparkdl.errors import ArgumentError, ImporterError, UnsupportedError
from sparkdl.nn.graph_layer import GraphLayer, WeightSpec
from tests.servers.preloaded import preloaded_python

v1 = tf.compat.v1
ROOT = Path(__file__).parents[2]
X = np.random.default_rng(0).standard_normal((6, 4)).astype("float32")
SPECS = [
    WeightSpec("first/w", (4, 3), "float32"),
    WeightSpec("moving", (3,), "float32", trainable=False),
    WeightSpec("second/w", (3, 2), "float32"),
]


def variable(name: str, *shape: int) -> tf.Tensor:
    return tf.raw_ops.VariableV2(shape=shape, dtype=tf.float32, name=name)


def graph() -> graph_pb2.GraphDef:
    """Two dense layers with a normalisation between them that keeps a moving mean."""
    with tf.Graph().as_default() as made:
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        training = v1.placeholder(tf.bool, [], name="training")
        hidden = tf.matmul(x, variable("first/w", 4, 3), name="hidden")
        moving = variable("moving", 3)
        mean = tf.reduce_mean(hidden, 0)
        update = tf.raw_ops.AssignSub(ref=moving, value=(moving - mean) * 0.5, name="update")
        used = tf.raw_ops.Select(condition=tf.fill([3], training), x=mean, y=tf.identity(moving))
        with tf.control_dependencies([update]):
            normal = tf.subtract(hidden, used, name="normal")
        tf.nn.softmax(normal @ variable("second/w", 3, 2), name="y")
    return made.as_graph_def()


def layer(**arguments: Any) -> GraphLayer:
    random = np.random.default_rng(1)
    values = {spec.name: random.standard_normal(spec.shape).astype("float32") for spec in SPECS}
    arguments = {"training": ["training"], "effects": ["update"], "name": "net", **arguments}
    return GraphLayer(graph(), ["x"], ["y"], SPECS, values=values, **arguments)


@pytest.fixture
def model() -> keras.Model:
    x = keras.Input((4,), name="x")
    made = keras.Model(x, layer()(x))
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


def expected(net: GraphLayer, training: bool = False) -> np.ndarray:
    weights = {name: np.asarray(value) for name, value in net.variables_by_name.items()}
    hidden = X @ weights["first/w"]
    scores = (hidden - (hidden.mean(0) if training else weights["moving"])) @ weights["second/w"]
    powers = np.exp(scores)
    return powers / powers.sum(1, keepdims=True)


def test_weights_have_the_names_of_their_nodes() -> None:
    net = layer()
    assert [weight.path for weight in net.weights] == ["net/first/w", "net/second/w", "net/moving"]
    assert [weight.path for weight in net.trainable_weights] == ["net/first/w", "net/second/w"]
    assert net.variables_by_name.keys() == {"first/w", "moving", "second/w"}


def test_training_is_an_argument_and_updates_moving_averages() -> None:
    net = layer()
    before = np.asarray(net.variables_by_name["moving"])
    np.testing.assert_allclose(net(X), expected(net), rtol=1e-5)
    np.testing.assert_array_equal(net.variables_by_name["moving"], before)
    np.testing.assert_allclose(net(X, training=True), expected(net, training=True), rtol=1e-5)
    mean = (X @ np.asarray(net.variables_by_name["first/w"])).mean(0)
    np.testing.assert_allclose(net.variables_by_name["moving"], before - 0.5 * (before - mean), rtol=1e-5)


def test_what_is_frozen_does_not_move(model: keras.Model) -> None:
    net = model.layers[1]
    net.trainable = False
    before = [np.asarray(weight) for weight in net.weights]
    np.testing.assert_allclose(net(X, training=True), expected(net), rtol=1e-5)
    for weight, value in zip(net.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    net.trainable = True
    net.set_trainable(net.ancestors("normal"), False)
    assert [weight.path for weight in net.trainable_weights] == ["net/second/w"]
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, np.zeros(6), verbose=0)
    changed = [not np.array_equal(value, weight) for weight, value in zip(net.weights, before, strict=True)]
    assert dict(zip([weight.path for weight in net.weights], changed, strict=True)) == {
        "net/first/w": False,
        "net/second/w": True,
        "net/moving": False,
    }


def test_a_saved_model_answers_alike_and_remembers_what_is_frozen(model: keras.Model, tmp_path: Path) -> None:
    net = model.layers[1]
    net.set_trainable([net.variables_by_name["first/w"], net.variables_by_name["moving"]], False)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.predict(X, verbose=0), loaded.predict(X, verbose=0))
    assert [weight.path for weight in loaded.trainable_weights] == ["net/second/w"]
    loaded.fit(X, np.zeros(6), verbose=0)
    np.testing.assert_array_equal(loaded.layers[1].variables_by_name["moving"], net.variables_by_name["moving"])
    np.testing.assert_array_equal(loaded.layers[1].variables_by_name["first/w"], net.variables_by_name["first/w"])


def test_what_keras_lets_be_trained_again_stays_so(model: keras.Model) -> None:
    net = model.layers[1]
    net.set_trainable(net.variables_by_name.values(), False)
    net.trainable = False  # setting what it is does nothing
    net.trainable = True
    copy = GraphLayer.from_config(net.get_config())
    assert [weight.path for weight in copy.trainable_weights] == ["net/first/w", "net/second/w"]
    part = net.with_outputs(["y"])
    assert [weight.path for weight in part.trainable_weights] == ["net/first/w", "net/second/w"]


def test_a_new_process_needs_the_package_only(model: keras.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", X)
    code = (
        "import sys, sparkdl, numpy as np, keras; folder = sys.argv[1]\n"
        "model = keras.saving.load_model(f'{folder}/model.keras')\n"
        "np.save(f'{folder}/y.npy', model.predict(np.load(f'{folder}/x.npy'), verbose=0))"
    )
    run = subprocess.run([preloaded_python(), "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(X, verbose=0), rtol=1e-6)


def test_it_exports_to_a_saved_model(model: keras.Model, tmp_path: Path) -> None:
    model(X)
    model.export(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(served.serve(X), model(X), rtol=1e-5)


def test_a_part_shares_its_weights() -> None:
    net = layer()
    part = net.with_outputs(["normal", "hidden:0"], name="part")
    assert (part.input_tensors, part.output_tensors) == (["x"], ["normal", "hidden"])
    assert part.variables_by_name["first/w"] is net.variables_by_name["first/w"]
    assert set(part.variables_by_name) == {"first/w", "moving"}
    _, hidden = part(X)
    np.testing.assert_allclose(hidden, X @ np.asarray(net.variables_by_name["first/w"]), rtol=1e-5)
    part(X, training=True)
    rest = net.with_outputs(["y"], inputs=["normal"])
    np.testing.assert_allclose(rest(part(X)[0]), net(X), rtol=1e-5)
    assert set(rest.variables_by_name) == {"second/w"}
    assert "second/w" in rest.tensor_names and "x" not in rest.tensor_names
    with pytest.raises(ArgumentError, match="no tensor 'nothing'"):
        net.with_outputs(["nothing"])


def test_a_part_can_be_saved(tmp_path: Path) -> None:
    net = layer()
    part = net.with_outputs(["normal"])
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(2)(part(x)))
    net.set_trainable(net.ancestors("hidden"), False)
    assert len(model.trainable_weights) == 2
    model.save(tmp_path / "part.keras")
    loaded = keras.saving.load_model(tmp_path / "part.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)


def test_gradients_are_seen_in_and_outside_of_functions() -> None:
    net = layer()

    def slope(x: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(net(x, training=True)[:, 0])
        return tape.gradient(loss, [weight.value for weight in net.trainable_weights])

    for one, other in zip(slope(tf.constant(X)), tf.function(slope)(tf.constant(X)), strict=True):
        assert np.abs(one).max() > 0
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_call_without_state_takes_the_weights_that_it_is_given() -> None:
    net = layer()
    values = [tf.zeros_like(weight.value) for weight in net.trainable_variables]
    others = [weight.value for weight in net.non_trainable_variables]
    made, state = net.stateless_call(values, others, X, training=True)
    np.testing.assert_allclose(made, np.full((6, 2), 0.5))
    np.testing.assert_allclose(state[0], 0.5 * np.asarray(others[0]), rtol=1e-6)
    np.testing.assert_allclose(net(X), expected(net), rtol=1e-5)


def test_a_config_with_forbidden_ops_is_refused() -> None:
    with tf.Graph().as_default() as made:
        x = v1.placeholder(tf.string, [], name="x")
        tf.identity(tf.io.read_file(x), name="y")
    config = {"name": "bad", "graph": made.as_graph_def().SerializeToString(), "inputs": ["x"], "outputs": ["y"]}
    with pytest.raises(UnsupportedError, match="ReadFile.*files"):
        GraphLayer.from_config(config)
    with pytest.raises(ImporterError, match="no graph can be read"):
        GraphLayer.from_config({**config, "graph": "bm90IGEgZ3JhcGg="})
