"""The whole way: where a model begins and ends, which weights it has, what is refused, training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import function_pb2, graph_pb2
from tensorflow.python.framework import op_def_registry
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.training import moving_averages

import sparkdl as sdl
from sparkdl.errors import ArgumentError, ImporterError, UnsupportedError
from sparkdl.importers.tensorflow import weights
from sparkdl.nn.graph import program, refused
from tests.importers.tensorflow import test_control_flow as flow
from tests.importers.tensorflow.oracle import compare, old_control_flow, record, v1, weight
from tests.importers.tensorflow.places import ROOT

X = np.random.default_rng(5).standard_normal((6, 4)).astype("float32")


def saved(build: Callable[[], Any], folder: Path) -> Path:
    """A file with the graph that a function builds."""
    with tf.Graph().as_default() as graph:
        build()
    return written(graph.as_graph_def(), folder)


def written(graph: graph_pb2.GraphDef, folder: Path) -> Path:
    path = folder / "graph.pb"
    path.write_bytes(graph.SerializeToString())
    return path


def names(variables: Sequence[Any]) -> list[str]:
    return [variable.path.partition("/")[2] for variable in variables]


def two_layers() -> None:
    x = flow.placeholder("input/x")
    hidden = tf.nn.relu(x @ weight("first/w", 4, 3), name="first/Relu")
    one, other = tf.split(hidden @ weight("second/w", 3, 4), 2, 1, name="parts")
    tf.nn.softmax(one + other, name="scores")
    with tf.name_scope("save"):
        tf.identity(x, name="copy")
    weight("Adam/slot", 3)
    v1.summary.scalar("sum", tf.reduce_sum(hidden))


def test_names_have_a_number_or_not(tmp_path: Path) -> None:
    path = saved(two_layers, tmp_path)
    model = sdl.load_tensorflow(path, ["input/x:0"], ["parts:1", "scores:0", "parts"])
    assert [tensor.name for tensor in model.inputs] == ["input_x"]
    assert model.output_names == ["parts_1", "scores", "parts"]
    assert (model.input_shape, model.output_shape) == ((None, 4), [(None, 2)] * 3)
    assert names(model.trainable_weights) == ["first/w", "second/w"]
    loaded = keras.Model.from_config(model.get_config())
    assert loaded.output_names == model.output_names
    for name in ("second/v", "Relu", "parts:7"):
        with pytest.raises(ArgumentError, match="second/w|first/Relu|has 2 outputs"):
            sdl.load_tensorflow(path, ["input/x"], [name])


def test_ends_are_guessed_and_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"outputs=\['scores'\] and inputs=\['input/x'\]") as found:
        model = sdl.load_tensorflow(saved(two_layers, tmp_path))
    assert len(found) == 1 and found[0].filename == __file__
    assert model.output_names == ["scores"]


def test_any_tensor_can_be_an_input(tmp_path: Path) -> None:
    path = saved(two_layers, tmp_path)
    whole = sdl.load_tensorflow(path, ["input/x"], ["first/Relu", "scores"])
    rest = sdl.load_tensorflow(path, ["first/Relu:0"], ["scores"])
    assert names(rest.weights) == ["second/w"]
    assert rest.input_shape == (None, 3)
    hidden, scores = whole(X)
    np.testing.assert_array_equal(rest(hidden), scores)
    assert sdl.load_tensorflow(path, ["parts:1", "parts:0"], ["scores"]).input_shape == [(None, 2), (None, 2)]
    one = sdl.load_tensorflow(path, ["input/x", "parts:1"], ["scores"])
    np.testing.assert_allclose(one([X, np.zeros((6, 2), "float32")]).numpy().sum(1), np.ones(6), rtol=1e-5)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    def build() -> None:
        tf.multiply(flow.placeholder("x"), flow.placeholder("keep", ()), name="y")

    path = saved(build, tmp_path)
    with pytest.raises(ImporterError, match="graph.pb: the outputs y need the placeholders 'keep'.*inputs x"):
        sdl.load_tensorflow(path, ["x"], ["y"])
    with pytest.raises(ArgumentError, match="input_shapes names 'z'; the inputs are x, keep"):
        sdl.load_tensorflow(path, ["x", "keep"], ["y"], input_shapes={"z": (1,)})


def test_what_reaches_outside_is_refused_unless_it_is_cut_off(tmp_path: Path) -> None:
    def build() -> None:
        image = tf.io.decode_raw(tf.io.read_file(flow.placeholder("path", (), tf.string)), tf.float32, name="raw")
        made = tf.numpy_function(np.sin, [tf.identity(image, name="numbers")], tf.float32)
        tf.multiply(tf.ensure_shape(made, [None], name="made"), 2.0, name="y")

    path = saved(build, tmp_path)
    with pytest.raises(UnsupportedError, match="ReadFile .*reads or writes files; .*PyFunc .*runs code"):
        sdl.load_tensorflow(path, ["path"], ["y"])
    assert sdl.load_tensorflow(path, ["made"], ["y"])(np.ones(3, "float32")).numpy().tolist() == [2.0, 2.0, 2.0]


def test_unknown_ops_and_attributes_are_named_with_a_guess(tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        tf.tanh(tf.nn.relu(flow.placeholder("x"), name="r"), name="y")
    definition = graph.as_graph_def()
    definition.node[1].op, definition.node[2].op = "Relu66", "Tanhh"
    with pytest.raises(UnsupportedError, match=r"Relu66 \(node 'r'\).*did you mean Relu6\?.*Tanhh .*did you mean Tanh"):
        sdl.load_tensorflow(written(definition, tmp_path), ["x"], ["y"])
    definition = graph.as_graph_def()
    definition.node[1].attr["slope"].f = 3.0
    with pytest.raises(UnsupportedError, match="attribute 'slope', which TensorFlow"):
        sdl.load_tensorflow(written(definition, tmp_path), ["x"], ["y"])


@pytest.mark.parametrize("decomposed", [False, True])
def test_moving_averages_are_not_trained(decomposed: bool, tmp_path: Path) -> None:
    def build() -> Sequence[tf.Tensor]:
        x = flow.placeholder("x", (None, 3, 3, 2))
        gamma, beta, mean = (weight(f"n/{name}", 2) for name in ("a", "b", "c"))
        variance = tf.identity(tf.constant([0.5, 1.5], name="n/d"), name="n/d/read")
        if decomposed:
            return [tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)]
        made = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=mean, variance=variance, is_training=False
        )
        return [made.y]

    images = np.random.default_rng(0).standard_normal((2, 3, 3, 2)).astype("float32")
    recorded = record(build, {"x": images}, tmp_path)
    model = recorded.model()
    assert set(names(model.trainable_weights)) == {"n/a", "n/b"}
    compare(recorded, model)


def test_weights_are_found_in_graphs_that_were_optimized(tmp_path: Path) -> None:
    def build() -> None:
        x = flow.placeholder("x", (None, 6, 6, 3))
        values = np.random.default_rng(1)
        kernel = tf.constant(values.standard_normal((3, 3, 3, 4)), tf.float32, name="kernel")
        made = tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), tf.constant([1.0, 2, 3, 4], name="bias"))
        made = tf.reshape(made * tf.constant([[[[2.0]]]], name="factor"), [-1, 144])
        table = tf.constant(values.standard_normal((9, 2)), tf.float32, name="table")
        dense = made @ tf.constant(values.standard_normal((144, 2)), tf.float32, name="dense")
        tf.add(dense, tf.gather(table, tf.argmax(made[:, :9], 1)), name="y")

    model = sdl.load_tensorflow(saved(build, tmp_path), ["x"], ["y"])
    assert names(model.trainable_weights) == ["kernel", "bias", "table", "dense"]


def test_large_constants_lie_with_the_weights(tmp_path: Path) -> None:
    def build() -> None:
        table = tf.constant(np.arange(40_000, dtype="int64").reshape(10_000, 4), name="big")
        tf.gather(table, flow.placeholder("x", (None,), tf.int32), name="y")

    model = sdl.load_tensorflow(saved(build, tmp_path), ["x"], ["y"])
    assert names(model.non_trainable_weights) == ["big"] and not model.trainable_weights
    assert len(model.get_layer("graph").get_config()["graph"]) < 2000
    assert model(np.array([3])).numpy().tolist() == [[12, 13, 14, 15]]


def test_the_batch_is_open_where_the_graph_allows_it(tmp_path: Path) -> None:
    def build(rows: int) -> None:
        x = flow.placeholder("x", (5, 4))
        tf.reshape(x @ weight("w", 4, 3), [rows, 3], name="y")

    assert sdl.load_tensorflow(saved(lambda: build(-1), tmp_path), ["x"], ["y"]).input_shape == (None, 4)
    assert sdl.load_tensorflow(saved(lambda: build(5), tmp_path), ["x"], ["y"]).input_shape == (5, 4)


def test_shapes_can_be_given(tmp_path: Path) -> None:
    def build() -> None:
        tf.matmul(v1.placeholder(tf.float32, None, name="x"), weight("w", 4, 3), name="y")

    path = saved(build, tmp_path)
    with pytest.raises(ArgumentError, match="does not tell the shape of the input 'x'"):
        sdl.load_tensorflow(path, ["x"], ["y"])
    assert sdl.load_tensorflow(path, ["x"], ["y"], input_shapes={"x:0": (None, 4)}).output_shape == (None, 3)
    with pytest.raises(
        ImporterError, match="graph.pb: node 'y' .BatchMatMulV2., which reads x, w/read, cannot be built"
    ):
        sdl.load_tensorflow(path, ["x"], ["y"], input_shapes={"x": (None, 5)})


def test_a_flag_is_whether_this_is_training(tmp_path: Path) -> None:
    def build() -> None:
        x = flow.placeholder("x")
        training = v1.placeholder_with_default(False, [], name="keras_learning_phase")
        dropped = v1.cond(training, lambda: tf.nn.dropout(x, 0.5, seed=1), lambda: x)
        v1.cond(tf.logical_not(training), lambda: dropped, lambda: dropped + 100.0, name="z")
        tf.identity(dropped, name="y")

    for old in (True, False):
        if old:
            with old_control_flow():
                path = saved(build, tmp_path)
        else:
            path = saved(build, tmp_path)
        model = sdl.load_tensorflow(path, ["x"], ["y"])
        np.testing.assert_array_equal(model(X), X)
        zeros = np.mean(np.asarray(model(np.ones((50, 4), "float32"), training=True)) == 0)
        assert 0.3 < zeros < 0.7
        free = sdl.load_tensorflow(path, ["x", "keras_learning_phase"], ["y"])
        np.testing.assert_array_equal(free([X, np.array(False)]), X)


def test_an_exported_keras_model_comes_back(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    layers = keras.layers
    x = keras.Input((5, 4), name="steps")
    made = layers.BatchNormalization(name="norm")(layers.LSTM(6, return_sequences=True, name="lstm")(x))
    made = layers.Dense(3, "softmax", name="head")(layers.GlobalAveragePooling1D()(layers.Dropout(0.5)(made)))
    model = keras.Model(x, made)
    model.get_layer("norm").set_weights([np.array(value) + 0.1 for value in model.get_layer("norm").get_weights()])
    model.export(tmp_path / "exported", verbose=False)
    loaded = sdl.load_tensorflow(tmp_path / "exported")
    steps = np.random.default_rng(2).standard_normal((3, 5, 4)).astype("float32")
    np.testing.assert_allclose(loaded(steps), model(steps), rtol=1e-5, atol=1e-6)
    assert loaded.count_params() == model.count_params()
    shapes = sorted(tuple(weight.shape) for weight in model.trainable_weights)
    assert sorted(tuple(weight.shape) for weight in loaded.trainable_weights) == shapes
    loaded.save(tmp_path / "again.keras")
    again = keras.saving.load_model(tmp_path / "again.keras")
    np.testing.assert_array_equal(again.predict(steps, verbose=0), loaded.predict(steps, verbose=0))


@pytest.mark.parametrize("lowered", [True, False])
def test_weights_that_are_read_in_loops_are_found(lowered: bool, tmp_path: Path) -> None:
    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.b = tf.Variable(tf.eye(4) * 0.5, name="w"), tf.Variable(tf.ones([4]), name="b")
            self.head = tf.Variable(tf.ones([4, 2]), name="head")

        @tf.function(input_signature=[tf.TensorSpec([None, 5, 4], tf.float32)])
        def __call__(self, x: tf.Tensor) -> Any:
            state = tf.zeros_like(x[:, 0])
            for step in tf.range(5):
                state = tf.tanh(x[:, step] + tf.nn.bias_add(state @ self.w, self.b))
                if tf.reduce_sum(state) > 4.0:
                    state = state @ self.w
            return state @ self.head

    net = Net()
    concrete = net.__call__.get_concrete_function()
    frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=lowered).graph.as_graph_def()
    with pytest.warns(UserWarning, match=r"outputs=\['Identity'\] and inputs=\['x'\]"):
        model = sdl.load_tensorflow(written(frozen, tmp_path))
    np.testing.assert_allclose(model(flow.STEPS), net(flow.STEPS), rtol=1e-5)
    assert sorted(tuple(weight.shape) for weight in model.trainable_weights) == [(4,), (4, 2), (4, 4)]


def test_a_module_with_functions_trains_and_updates(tmp_path: Path) -> None:
    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(tf.ones([4, 2]), name="w")
            self.mean = tf.Variable(tf.zeros([2]), trainable=False, name="moving_mean")
            self.count = tf.Variable(0, trainable=False, name="count")

        @tf.function
        def inner(self, x: tf.Tensor) -> tf.Tensor:
            made = x @ self.w
            self.mean.assign_sub(0.1 * (self.mean - tf.reduce_mean(made, 0)))
            self.count.assign_add(1)
            return tf.nn.relu(made)

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
        def __call__(self, x: tf.Tensor) -> Any:
            total = tf.zeros([2])
            for step in tf.range(3):
                total += tf.cast(step, tf.float32) * tf.reduce_sum(self.w, 0)
            return {"made": self.inner(x), "total": total}

    net = Net()
    tf.saved_model.save(net, tmp_path / "net", signatures=net.__call__)
    model = sdl.load_tensorflow(tmp_path / "net", outputs=["made"], inputs=["x"])
    np.testing.assert_allclose(model(X), np.maximum(X.sum(1, keepdims=True), 0) * np.ones((1, 2)), rtol=1e-5)
    values = {name: weight for name, weight in zip(names(model.weights), model.weights, strict=True)}
    mean, count = (next(values[name] for name in values if part in name) for part in ("mean", "count"))
    assert (count.numpy(), count.trainable, mean.trainable) == (0, False, False)
    model(X, training=True)
    np.testing.assert_allclose(mean, 0.1 * X.sum(1).mean() * np.ones(2), rtol=1e-4)
    assert count.numpy() == 1
    both = sdl.load_tensorflow(tmp_path / "net")
    assert sorted(both.output_names) == ["made", "total"] and both.input_shape == (None, 4)
    with tf.GradientTape() as tape:
        total = both(X)[both.output_names.index("total")]
    assert np.asarray(tape.gradient(total, both.trainable_weights[0].value)).tolist() == [[3.0, 3.0]] * 4


def test_a_frozen_recurrent_net_is_trained_in_part(tmp_path: Path) -> None:
    def build() -> Sequence[tf.Tensor]:
        return [tf.nn.softmax(flow.both_ways()[1] @ weight("head/w", 3, 2))]

    with old_control_flow():
        recorded = record(build, {"x": flow.STEPS, "length": flow.LENGTHS}, tmp_path)
    model = recorded.model()
    layer = model.get_layer("graph")
    before = {name: np.asarray(value) for name, value in layer.variables_by_name.items()}
    layer.set_trainable([layer.variables_by_name[name] for name in before if name != "head/w"], False)
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    steps = np.random.default_rng(0).standard_normal((32, 5, 4)).astype("float32")
    lengths, labels = np.full(32, 5, "int32"), (steps.sum((1, 2)) > 0).astype("int32")
    losses = model.fit([steps, lengths], labels, epochs=4, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    after = {name: np.asarray(value) for name, value in layer.variables_by_name.items()}
    assert [name for name in before if not np.array_equal(before[name], after[name])] == ["head/w"]
    layer.set_trainable(layer.variables_by_name.values(), True)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit([steps, lengths], labels, verbose=0)
    after = {name: np.asarray(value) for name, value in layer.variables_by_name.items()}
    assert all(not np.array_equal(before[name], after[name]) for name in before)


def test_bytes_can_be_fed(tmp_path: Path) -> None:
    def build() -> None:
        texts = flow.placeholder("texts", (None,), tf.string)
        tf.matmul(tf.ensure_shape(tf.io.decode_raw(texts, tf.float32), [None, 4]), weight("w", 4, 2), name="y")

    model = sdl.load_tensorflow(saved(build, tmp_path), ["texts"], ["y"])
    made = model(tf.constant([row.tobytes() for row in X]))
    np.testing.assert_allclose(made, X @ np.asarray(model.weights[0]), rtol=1e-5)
    assert model.inputs[0].dtype == "string"


def test_tables_that_the_graph_fills_are_looked_up(tmp_path: Path) -> None:
    def table() -> tf.lookup.StaticHashTable:
        keys = tf.constant(["dog", "cat", "bird"])
        return tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(keys, tf.constant([3, 5, 7], tf.int64)), -1
        )

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.w = table(), tf.Variable(tf.eye(9), name="w")

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
        def __call__(self, words: tf.Tensor) -> Any:
            return {"made": tf.gather(self.w, self.table.lookup(words) + 1)}

    def build() -> None:
        tf.identity(table().lookup(flow.placeholder("words", (None,), tf.string)), name="found")

    words = tf.constant(["cat", "horse", "bird"])
    assert sdl.inspect(saved(build, tmp_path), inputs=["words"], outputs=["found"]).supported
    old = sdl.load_tensorflow(saved(build, tmp_path), ["words"], ["found"])
    assert old(words).numpy().tolist() == [5, -1, 7]
    net = Net()
    tf.saved_model.save(net, tmp_path / "net", signatures=net.__call__)
    model = sdl.load_tensorflow(tmp_path / "net")
    assert np.argmax(model(words), 1).tolist() == [6, 0, 8]
    model.save(tmp_path / "net.keras")
    assert np.argmax(keras.saving.load_model(tmp_path / "net.keras")(words), 1).tolist() == [6, 0, 8]


def test_tables_that_are_filled_from_files_are_refused(tmp_path: Path) -> None:
    def build() -> None:
        (tmp_path / "words.txt").write_text("dog\ncat\n")
        filler = tf.lookup.TextFileInitializer(
            str(tmp_path / "words.txt"), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )  # fmt: skip
        words = flow.placeholder("words", (None,), tf.string)
        tf.identity(tf.lookup.StaticHashTable(filler, -1).lookup(words), name="found")

    file, words = saved(build, tmp_path), "is a table that is filled from a file or by another program"
    with pytest.raises(UnsupportedError, match=words):
        sdl.load_tensorflow(file, ["words"], ["found"])
    told = sdl.inspect(file, inputs=["words"], outputs=["found"])
    assert not told.supported and words in str(told)


@pytest.mark.parametrize("frozen", [False, True])
def test_moving_averages_that_outputs_wait_for_are_updated(frozen: bool, tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        x = flow.placeholder("x", (None, 3))
        moving = v1.get_variable("norm/moving_mean", [3], initializer=tf.ones_initializer(), use_resource=False)
        mean = tf.reduce_mean(x, 0)
        update = tf.raw_ops.AssignSub(ref=moving._variable, value=(moving - mean) * 0.1, name="AssignMovingAvg")
        with tf.control_dependencies([update]):
            tf.subtract(x, mean, name="y")
        tf.subtract(x, moving, name="z")
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            v1.train.Saver().save(session, str(tmp_path / "ckpt"))
    definition = v1.graph_util.extract_sub_graph(graph.as_graph_def(), ["y", "z"])
    if frozen:
        variable = node(definition, "norm/moving_mean")
        variable.op = "Const"
        variable.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.ones(3, "float32")))
        for key in set(variable.attr) - {"dtype", "value"}:
            del variable.attr[key]
    arguments = {} if frozen else {"checkpoint": tmp_path / "ckpt"}
    model = sdl.load_tensorflow(written(definition, tmp_path), ["x"], ["y", "z"], **arguments)
    rows = np.arange(6, dtype="float32").reshape(2, 3)
    np.testing.assert_allclose(model(rows, training=True)[1], rows - 1)
    (moved,) = model.non_trainable_weights
    np.testing.assert_allclose(moved, 1 - 0.1 * (1 - rows.mean(0)), rtol=1e-6)
    np.testing.assert_allclose(model(rows)[1], rows - np.asarray(moved), rtol=1e-6)
    np.testing.assert_allclose(moved, 1 - 0.1 * (1 - rows.mean(0)), rtol=1e-6)


def test_depth_costs_no_stack(tmp_path: Path) -> None:
    def build() -> None:
        made = flow.placeholder("x")
        for _ in range(1500):
            made = made + 1.0
        tf.identity(made, name="y")

    model = sdl.load_tensorflow(saved(build, tmp_path), ["x"], ["y"])
    np.testing.assert_allclose(model(X), X + 1500, rtol=1e-5)


def chain(functions: int, *, closed: bool) -> graph_pb2.GraphDef:
    """A graph of functions that each call the next one twice; the last calls itself or the first."""
    with tf.Graph().as_default() as made:
        flow.placeholder("x")
    graph = made.as_graph_def()
    graph.node.add(name="y", op="f0", input=["x"])
    for number in range(functions):
        function = graph.library.function.add(ret={"out": "b:out:0"})
        function.signature.name = f"f{number}"
        function.signature.input_arg.add(name="a", type=1)
        function.signature.output_arg.add(name="out", type=1)
        last = number == functions - 1
        op = "f0" if closed else "Relu"
        _call(function, "b1", op if last else f"f{number + 1}", "a", "" if closed or not last else "activations")
        _call(function, "b", op if last else f"f{number + 1}", function.node_def[0].name + ":out:0", "")
        if last and not closed:
            function.node_def[1].input[0] = "b1:activations:0"
            function.ret["out"] = "b:activations:0"
    return graph


def _call(function: function_pb2.FunctionDef, name: str, op: str, given: str, output: str) -> None:
    node = function.node_def.add(name=name, op=op, input=[given])
    if output or op == "Relu":
        node.attr["T"].type = 1


@pytest.mark.parametrize(
    ("functions", "closed", "message"),
    [(3, True, "call themselves in a round"), (40, False, "more than 500000 nodes")],
)
def test_functions_that_grow_without_end_are_refused(
    functions: int, closed: bool, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ImporterError, match=message):
        sdl.load_tensorflow(written(chain(functions, closed=closed), tmp_path), ["x"], ["y"])
    model = sdl.load_tensorflow(written(chain(3, closed=False), tmp_path), ["x"], ["y"])
    np.testing.assert_array_equal(model(X), np.maximum(X, 0))


def hostile(change: Callable[[graph_pb2.GraphDef], None], folder: Path) -> Path:
    with tf.Graph().as_default() as graph:
        x = flow.placeholder("x")
        tf.reshape(tf.add(x, weight("w", 4), name="sum"), tf.constant([-1, 2], name="shape"), name="y")
    definition = graph.as_graph_def()
    change(definition)
    return written(definition, folder)


def node(graph: graph_pb2.GraphDef, name: str) -> Any:
    return next(found for found in graph.node if found.name == name)


def _cycle(graph: graph_pb2.GraphDef) -> None:
    node(graph, "sum").input[0] = "y"


def _bomb(graph: graph_pb2.GraphDef) -> None:
    tensor = node(graph, "shape").attr["value"].tensor
    tensor.tensor_content = b""
    del tensor.tensor_shape.dim[:]
    tensor.tensor_shape.dim.add(size=2**34)
    tensor.int_val.append(1)


def _short(graph: graph_pb2.GraphDef) -> None:
    node(graph, "w").attr["value"].tensor.tensor_content = b"1234"


def _kind(graph: graph_pb2.GraphDef) -> None:
    node(graph, "sum").attr["T"].s = b"float"


def _output(graph: graph_pb2.GraphDef) -> None:
    node(graph, "y").input[0] = "sum:3"


HOSTILE = {
    "needs itself in a round": _cycle,
    "elements are asked for": _bomb,
    "4 bytes are given for the shape": _short,
    "of another kind than type": _kind,
    "has 1 outputs": _output,
}


@pytest.mark.parametrize("message", HOSTILE)
def test_damaged_graphs_are_refused_by_node(message: str, tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match=message) as found:
        sdl.load_tensorflow(hostile(HOSTILE[message], tmp_path), ["x"], ["y"])
    assert "graph.pb" in str(found.value)


def test_the_page_holds_the_tables_of_the_code() -> None:
    page = (ROOT / "docs" / "tensorflow.md").read_text()
    assert refused.markdown() in page and weights.markdown() in page, "run `make docs`"


def test_names_that_are_refused_are_ops_or_patterns_of_some() -> None:
    ops = [name for name in dir(tf.raw_ops) if not name.startswith("_")]
    computing = {"Conv2D", "MatMul", "While", "TensorArrayV3", "VarHandleOp", "DecodeJpeg", "ParseExampleV2", "Print"}
    assert [op for op in computing if refused.why_refused(op)] == []
    files = {"ReadFile", "WriteFile", "SaveV2", "RestoreV2", "MergeV2Checkpoints", "DebugIdentityV3", "ImmutableConst"}
    others = {"PyFunc", "EagerPyFunc", "TextLineDataset", "IteratorGetNext", "QueueDequeueV2"}
    outside = files | others | {"FixedUnigramCandidateSampler"}  # it reads a vocabulary
    assert [op for op in outside if refused.why_refused(op) is None] == []
    functional = {"While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase"} | program.CALLS
    for op in ops:
        definition = op_def_registry.get(op)
        runs = definition is not None and any("func" in item.type for item in definition.attr)
        assert not runs or op in functional | {"For"} or refused.why_refused(op), op


def test_moving_averages_that_a_training_op_would_update_are_updated(tmp_path: Path) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 3], "x")
        training = v1.placeholder_with_default(False, [], "is_training")
        moving = v1.get_variable("norm/moving_mean", [3], initializer=tf.zeros_initializer(), trainable=False)
        mean = tf.cond(training, lambda: tf.reduce_mean(x, 0), lambda: tf.identity(moving))
        update = moving_averages.assign_moving_average(moving, mean, 0.9, zero_debias=False)
        tf.identity(x - mean, "z")
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(tmp_path / "model.ckpt"))
        rows = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
        session.run(update, {x: rows, training: True})
        expected = session.run(moving)
    model = sdl.load_tensorflow(tmp_path / "model.ckpt.meta", inputs=["x"], outputs=["z"])
    average = model.get_layer("graph").variables_by_name["norm/moving_mean"]
    model(rows, training=False)
    assert not average.numpy().any()
    np.testing.assert_allclose(model(rows, training=True), rows - rows.mean(0), atol=1e-6)
    np.testing.assert_allclose(average.numpy(), expected, atol=1e-6)
