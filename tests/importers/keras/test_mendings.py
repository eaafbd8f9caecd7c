"""Every row of the table of mendings: the old form is read, and means what it meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format

import sparkdl as sdl
from sparkdl.errors import UnsupportedError
from sparkdl.importers.keras.by_layer import rearrange_cudnn
from sparkdl.importers.keras.mendings import MENDINGS, markdown, mend
from sparkdl.importers.keras.nodes import Origin
from tests.importers.keras.files import functional, layer, sequential, write_hdf5, write_json
from tests.importers.keras.places import ROOT

OLD = Origin("model.json", "2.3.1", old=True)
RNN = {"units": 2, "batch_input_shape": [None, 3, 4]}

# For each row of the table: an object of old Keras, and what becomes of its class and config.
CASES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "_strip_class": (layer("BatchNormalizationV1", "b"), "BatchNormalization", {}),
    "_synchronized": (layer("Experimental>SyncBatchNormalization", "b"), "BatchNormalization", {}),
    "_functional": (layer("Model", "m"), "Functional", {}),
    "_cudnn_lstm": (layer("CuDNNLSTM", "l"), "LSTM", {"activation": "tanh", "recurrent_activation": "sigmoid"}),
    "_cudnn_gru": (layer("CuDNNGRU", "g"), "GRU", {"reset_after": True}),
    "_reset_after": (layer("GRU", "g"), "GRU", {"reset_after": False}),
    "_recurrent": (
        layer("LSTM", "l", implementation=1, time_major=False),
        "LSTM",
        {"time_major": ..., "implementation": ...},
    ),
    "_hard_sigmoid": (
        layer("LSTM", "l", recurrent_activation="hard_sigmoid"),
        "LSTM",
        {
            "recurrent_activation": {
                "module": "builtins",
                "class_name": "function",
                "config": "sparkdl>hard_sigmoid_of_keras2",
                "registered_name": "sparkdl>hard_sigmoid_of_keras2",
            }
        },
    ),
    "_softmax": (layer("Activation", "a", activation="softmax_v2"), "Activation", {"activation": "softmax"}),
    "_batch_input_shape": (
        layer("InputLayer", "i", batch_input_shape=[None, 3]),
        "InputLayer",
        {"batch_shape": [None, 3], "batch_input_shape": ...},
    ),
    "_alpha": (layer("LeakyReLU", "r", alpha=0.1), "LeakyReLU", {"negative_slope": 0.1, "alpha": ...}),
    "_thresholded": (layer("ThresholdedReLU", "r", theta=2.0), "ReLU", {"threshold": 2.0, "theta": ...}),
    "_batch_norm": (
        layer("BatchNormalization", "b", axis=[3], fused=True),
        "BatchNormalization",
        {"axis": 3, "fused": ...},
    ),
    "_groups": (layer("Conv2DTranspose", "c", groups=1), "Conv2DTranspose", {"groups": ...}),
    "_depthwise": (
        layer("DepthwiseConv2D", "d", filters=None, kernel_initializer={}),
        "DepthwiseConv2D",
        {"filters": ..., "kernel_initializer": ...},
    ),
    "_embedding": (layer("Embedding", "e", input_length=3), "Embedding", {"input_length": ...}),
    "_attention": (
        layer("MultiHeadAttention", "m", query_shape=[None, 3, 2]),
        "MultiHeadAttention",
        {"query_shape": ...},
    ),
    "_causal": (layer("Attention", "a", causal=False), "Attention", {"causal": ...}),
    "_policy": (
        layer("Dense", "d", dtype={"class_name": "Policy", "config": {"name": "mixed_float16"}}),
        "Dense",
        {"dtype": "mixed_float16"},
    ),
    "_distribution": (
        {"class_name": "VarianceScaling", "config": {"distribution": "normal"}},
        "VarianceScaling",
        {"distribution": "truncated_normal"},
    ),
    "_initializer": ({"class_name": "Zeros", "config": {"dtype": "float32"}}, "Zeros", {"dtype": ...}),
    "_locally_connected": (
        layer("LocallyConnected1D", "l", padding="valid", data_format="channels_last", implementation=1),
        "LocallyConnected1D",
        {"padding": ..., "data_format": ..., "implementation": ...},
    ),
    "_lr": ({"class_name": "SGD", "config": {"lr": 0.1}}, "SGD", {"learning_rate": 0.1, "lr": ...}),
    "_decay": (
        {"class_name": "SGD", "config": {"learning_rate": 0.1, "decay": 0.5}},
        "SGD",
        {
            "learning_rate": {
                "class_name": "InverseTimeDecay",
                "config": {"initial_learning_rate": 0.1, "decay_steps": 1, "decay_rate": 0.5},
            },
            "decay": ...,
        },
    ),
    "_switches": ({"class_name": "Adam", "config": {"jit_compile": True}}, "Adam", {"jit_compile": ...}),
    "_reduction": (
        {"class_name": "MeanSquaredError", "config": {"reduction": "auto"}},
        "MeanSquaredError",
        {"reduction": "sum_over_batch_size"},
    ),
    "_function": (layer("TFOpLambda", "f", function="math.add"), "TensorFlowFunction", {"function": "math.add"}),
    "_node": (
        layer("TensorFlowOpLayer", "r", node_def={"name": "r", "op": "Relu", "input": ["x"]}, constants={}),
        "TensorFlowNode",
        {"node": {"name": "r", "op": "Relu", "input": ["x"]}, "constants": {}, "node_def": ...},
    ),
    "_lambda": (
        layer("Lambda", "l", function=["code", None, None], function_type="lambda", module="__main__"),
        "Lambda",
        {
            "function": {"class_name": "__lambda__", "config": {"code": "code", "defaults": None, "closure": None}},
            "module": ...,
        },
    ),
}


@pytest.mark.parametrize("row", MENDINGS, ids=lambda row: row.change.__name__)
def test_every_mending_has_a_case(row: Any) -> None:
    if row.change.__name__ == "_upsampling":
        with pytest.raises(UnsupportedError, match="'u'.*bilinear"):
            mend(layer("UpSampling2D", "u", interpolation="bilinear"), OLD)
        return
    node, kind, expected = CASES[row.change.__name__]
    mend(node, OLD)
    assert node["class_name"] == kind
    for name, value in expected.items():
        assert node["config"].get(name, ...) == value
    assert row.reason and row.since


def test_the_page_holds_the_table() -> None:
    assert markdown() in (ROOT / "docs" / "keras.md").read_text(), "run `make docs`"


def test_an_old_gru_resets_first_and_hard_sigmoid_has_its_old_slope(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    kernel, inner, bias = (random.normal(size=shape).astype("float32") for shape in ((4, 6), (2, 6), (6,)))
    model = sequential(layer("GRU", "g", recurrent_activation="hard_sigmoid", **RNN), version="2.1.2")
    arrays = {"g": [("g/kernel:0", kernel), ("g/recurrent_kernel:0", inner), ("g/bias:0", bias)]}
    x, h = random.normal(size=(1, 3, 4)).astype("float32"), np.zeros((1, 2), "float32")
    found = sdl.load_keras(write_hdf5(tmp_path / "m.h5", model, arrays))(x)
    for step in range(3):
        z, r, n = np.split(x[:, step] @ kernel + bias, 3, axis=1)
        z, r = (
            np.clip(0.2 * (a + h @ w) + 0.5, 0, 1) for a, w in zip((z, r), np.split(inner, 3, axis=1)[:2], strict=True)
        )
        h = z * h + (1 - z) * np.tanh(n + (r * h) @ inner[:, 4:])
    assert np.abs(found - h).max() < 1e-6


@pytest.mark.parametrize(("kind", "gates"), [("CuDNNLSTM", 4), ("CuDNNGRU", 3)])
def test_weights_of_cudnn_are_rearranged(kind: str, gates: int, tmp_path: Path) -> None:
    """cuDNN multiplies W x with a matrix per gate that lies in memory row by row; Keras multiplies x K."""
    random = np.random.default_rng(1)
    new = keras.layers.LSTM(2) if kind == "CuDNNLSTM" else keras.layers.GRU(2, reset_after=True)
    x = random.normal(size=(1, 3, 4)).astype("float32")
    new(x)
    matrices = [[random.normal(size=(2, size)).astype("float32") for _ in range(gates)] for size in (4, 2)]
    biases = random.normal(size=(2, gates * 2)).astype("float32")
    new.set_weights(
        [*(np.concatenate([w.T for w in part], axis=1) for part in matrices), biases if gates == 3 else biases.sum(0)]
    )
    flat = [np.concatenate([w.reshape(w.shape[::-1]) for w in part], axis=1) for part in matrices]
    arrays = {"r": [("r/kernel:0", flat[0]), ("r/recurrent_kernel:0", flat[1]), ("r/bias:0", biases.reshape(-1))]}
    model = sequential(layer(kind, "r", **RNN), version="2.2.4")
    found = sdl.load_keras(write_hdf5(tmp_path / "m.h5", model, arrays))(x)
    assert np.abs(found - new(x)).max() < 1e-6
    assert rearrange_cudnn(flat[0], "kernel", gates, (4, 2 * gates)).shape == (4, 2 * gates)


def test_kernels_of_theano_are_turned(tmp_path: Path) -> None:
    kernel = np.arange(9, dtype="float32").reshape(3, 3, 1, 1)
    conv = layer("Conv2D", "c", filters=1, kernel_size=[3, 3], use_bias=False, batch_input_shape=[None, 3, 3, 1])
    x = np.zeros((1, 3, 3, 1), "float32")
    x[0, 0, 1, 0] = 1
    for backend, expected in (("tensorflow", 1.0), ("theano", 7.0)):
        model = sequential(conv, backend=backend)
        path = write_hdf5(tmp_path / f"{backend}.h5", model, {"c": [("c/kernel:0", kernel)]})
        assert float(np.asarray(sdl.load_keras(path)(x)).item()) == expected


def test_a_list_as_config_and_a_shape_at_the_first_layer(tmp_path: Path) -> None:
    dense = layer("Dense", "d/1", units=2, batch_input_shape=[None, 3], activation="relu")
    model = {"class_name": "Sequential", "config": [dense], "keras_version": "2.0.6", "backend": "tensorflow"}
    loaded = sdl.load_keras(write_json(tmp_path / "m.json", model))
    assert (loaded.input_shape, [item.name for item in loaded.layers]) == ((None, 3), ["d_1"])


def test_functions_of_tensorflow_are_called_as_they_were(tmp_path: Path) -> None:
    layers = [
        layer("InputLayer", "x", batch_input_shape=[None, 4], dtype="float32", sparse=False, ragged=False),
        {**layer("TFOpLambda", "tf.math.add", function="math.add"), "inbound_nodes": [["x", 0, 0, {"y": 1.0}]]},
        {
            **layer("TFOpLambda", "tf.math.subtract", function="math.subtract"),
            "inbound_nodes": [["_CONSTANT_VALUE", -1, 10.0, {"y": ["tf.math.add", 0, 0], "name": None}]],
        },
        {
            **layer("SlicingOpLambda", "tf.__operators__.getitem", function="__operators__.getitem"),
            "inbound_nodes": [
                [
                    "tf.math.subtract",
                    *(0, 0),
                    {
                        "slice_spec": [
                            {"start": None, "stop": None, "step": None},
                            {"class_name": "__ellipsis__"},
                            {"start": 1, "stop": None, "step": 2},
                        ]
                    },
                ]
            ],
        },
        {
            **layer("TFOpLambda", "tf.concat", function="concat"),
            "inbound_nodes": [
                [["tf.__operators__.getitem", 0, 0, {"axis": 1}], ["tf.math.subtract", 0, 0, {"axis": 1}]]
            ],
        },
    ]
    model = sdl.load_keras(write_json(tmp_path / "m.json", functional(layers, ["tf.concat"])))
    assert model(np.arange(4.0, dtype="float32")[None]).numpy().tolist() == [[8.0, 6.0, 9.0, 8.0, 7.0, 6.0]]
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again(np.arange(4.0, dtype="float32")[None]).numpy().tolist() == [[8.0, 6.0, 9.0, 8.0, 7.0, 6.0]]


@pytest.mark.parametrize("path_text", [False, True], ids=["dict", "text"])
def test_single_ops_of_tensorflow_are_applied_as_they_were(path_text: bool, tmp_path: Path) -> None:
    """As tf.keras 2.0 to 2.3 wrote `tf.concat([2 * x, tf.nn.relu(x)], 1)[:, 1:3]`, summed up by rows."""
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, 3], name="x")
        both = tf.concat([tf.multiply(2.0, x, name="mul"), tf.nn.relu(x, name="relu")], 1, name="concat")
        tf.reduce_sum(tf.identity(both[:, 1:3], name="part"), axis=1, name="sum")
    nodes = {node.name: node for node in graph.as_graph_def().node}
    stack = [nodes[f"strided_slice/stack{end}"] for end in ("", "_1", "_2")]
    constants = {
        "mul": {"0": 2.0},
        "relu": {},
        "concat": {"2": 1},
        "strided_slice": {
            str(i + 1): tf.make_ndarray(node.attr["value"].tensor).tolist() for i, node in enumerate(stack)
        },
        "sum": {"1": 1},
    }
    reads = {"mul": "x", "relu": "x", "concat": ["mul", "relu"], "strided_slice": "concat", "sum": "strided_slice"}
    layers = [layer("InputLayer", "x", batch_input_shape=[None, 3])]
    for name, given in constants.items():
        node = nodes[name].SerializeToString().decode() if path_text else json_format.MessageToDict(nodes[name])
        sources = reads[name] if isinstance(reads[name], list) else [reads[name]]
        item = layer("TensorFlowOpLayer", name, node_def=node, constants=given)
        layers.append({**item, "inbound_nodes": [[[source, 0, 0, {}] for source in sources]]})
    model = sdl.load_keras(write_json(tmp_path / "m.json", functional(layers, ["sum"])))
    values = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], "float32")
    assert model(values).numpy().tolist() == [2.0, -2.0]
    model.save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").predict(values, verbose=0).tolist() == [2.0, -2.0]


@pytest.mark.parametrize(
    ("op", "words"),
    [
        ("ReadFile", "reads or writes files"),
        ("PyFunc", "runs code"),
        ("Nothing", "no such op"),
        ("RandomUniform", "state"),
    ],
)
def test_single_ops_that_do_more_than_compute_are_refused(op: str, words: str, tmp_path: Path) -> None:
    node = {"name": "n", "op": op, "input": ["x"]}
    if op == "RandomUniform":
        node["attr"] = {"T": {"type": "DT_INT32"}, "dtype": {"type": "DT_FLOAT"}}
    layers = [
        layer("InputLayer", "x", batch_input_shape=[None, 3]),
        layer("TensorFlowOpLayer", "n", node_def=node, constants={}),
    ]
    with pytest.raises(UnsupportedError, match=f"'n'.*{words}"):
        sdl.load_keras(write_json(tmp_path / "m.json", functional(layers, ["n"])))


def test_every_function_is_one_of_tensorflow() -> None:
    from sparkdl.nn.functions import FUNCTIONS, tensorflow_function

    assert [name for name in sorted(FUNCTIONS) if not callable(tensorflow_function(name))] == []
    assert tensorflow_function("compat.v1.transpose") is not None
    for name in ("io.write_file", "py_function", "numpy_function", "raw_ops.ReadFile", "random.normal", "__class__"):
        assert tensorflow_function(name) is None
