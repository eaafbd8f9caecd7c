"""Graphs of TensorFlow 1: frozen, cut, imported, and checkpoints of them in any storage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow.compat.v1 as tf1

from sparkdl.bigdl.nn.layer import Model
from sparkdl.bigdl.util import tf as tools
from sparkdl.bigdl.util import tf_utils
from sparkdl.errors import ArgumentError, UnsupportedError

INPUT = np.array([[1.0, 2.0]], "float32")


def _load(*arguments: Any) -> Any:
    with ThreadPoolExecutor(1) as thread:  # beyond the default graph of this one
        return thread.submit(Model.load_tensorflow, *arguments).result()


def _outputs(model: Any) -> Any:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(model.forward, INPUT).result().tolist()


@pytest.fixture
def graph() -> Iterator[Any]:
    """A default graph with a layer of known weights."""
    with tf1.Graph().as_default() as made:
        value = tf1.placeholder(tf1.float32, (None, 2), "x")
        weight = tf1.get_variable("w", initializer=np.array([[1.0], [10.0]], "float32"), use_resource=False)
        tf1.identity(tf1.matmul(value * 2.0, weight, name="product"), "y")
        yield made


def test_a_graph_becomes_a_model(graph: Any, tmp_path: Path) -> None:
    ops = graph.get_operation_by_name("x"), graph.get_operation_by_name("y")
    assert _outputs(tf_utils.convert([ops[0]], [ops[1]], "little_endian", "float")) == [[42]]
    tf_utils.dump_model(str(tmp_path))
    for path in (str(tmp_path / "model.pb"), tf_utils.get_path("y")):
        assert _outputs(_load(path, ["x"], ["y"])) == [[42]]
    with pytest.raises(ArgumentError, match="is none: make it first"):
        tf_utils.dump_model(str(tmp_path / "missing"))
    with pytest.raises(UnsupportedError, match="is not written"):
        tf_utils.save_variable_bigdl({}, "model.bin")


def test_checkpoints(graph: Any, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    place = str(tmp_path / "model.ckpt")
    with tf1.Session() as sess:
        sess.run(tf1.global_variables_initializer())
        saver = tf1.train.Saver()
        tools.save_tf_checkpoint(sess, place, saver)
        tools.save_tf_checkpoint(sess, "memory://tf-checkpoints/model.ckpt", saver)
        sess.run(tf1.global_variables()[0].assign([[0.0], [0.0]]))
        tools.load_tf_checkpoint(sess, "memory://tf-checkpoints/model.ckpt", saver)
        assert sess.run("y:0", {"x:0": INPUT}).tolist() == [[42]]
    tf1.train.write_graph(graph, str(tmp_path), "model.pbtxt")
    tf_utils.merge_checkpoint(str(tmp_path / "model.pbtxt"), place, ["y"], str(tmp_path / "merged.pb"), None)
    assert _outputs(_load(str(tmp_path / "merged.pb"), ["x"], ["y"])) == [[42]]
    assert tf_utils.export_checkpoint(place)["w"].tolist() == [[1], [10]]
    assert tools.get_checkpoint_state(str(tmp_path)).model_checkpoint_path == place
    state = tools.get_checkpoint_state("memory://tf-checkpoints")
    assert state.model_checkpoint_path == "memory://tf-checkpoints/model.ckpt"


def test_graphs_are_cut_where_inputs_are(graph: Any, tmp_path: Path) -> None:
    with tf1.Session() as sess:
        sess.run(tf1.global_variables_initializer())
        inner = graph.get_tensor_by_name("mul:0")
        tools.export_tf(sess, str(tmp_path), [inner], [graph.get_tensor_by_name("y:0")])
        unused = tf1.placeholder(tf1.float32, name="unused")
        with pytest.raises(RuntimeError, match="depends on the inputs unused: leave them out"):
            tools.export_tf(sess, str(tmp_path), [inner, unused], [graph.get_tensor_by_name("y:0")])
        with pytest.raises(RuntimeError, match="depend on x: add these placeholders"):
            tools.export_tf(sess, str(tmp_path), [], [graph.get_tensor_by_name("y:0")])
        with pytest.raises(UnsupportedError, match="gives a model with gradients"):
            tools.export_tf(sess, str(tmp_path), [], [], generate_backward=True)
    meta = json.loads((tmp_path / "graph_meta.json").read_text())
    assert meta == {"input_names": ["mul:0"], "output_names": ["y:0"]}
    model = _load(str(tmp_path / "frozen_inference_graph.pb"), ["mul"], ["y"])
    assert _outputs(model) == [[21]]
    with pytest.raises(ArgumentError, match="is an op: give a tensor, for example mul:0"):
        tools.strip_unused(graph.as_graph_def(), ["mul"], ["y:0"], 1)
    with pytest.raises(ArgumentError, match="takes the inputs none:0"):
        tools.strip_unused(graph.as_graph_def(), ["none:0"], ["y:0"], 1)
