"""Models as TensorFlow itself writes them, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from sparkdl.importers.tensorflow.source import GraphSource

v1 = tf.compat.v1


def partitioned_graph() -> tuple[tf.Graph, tf.Tensor]:
    """A TF1 graph with a plain and a partitioned variable, an optimizer's slots, and a counter that no file has."""
    graph = tf.Graph()
    with graph.as_default():
        ids = v1.placeholder(tf.int32, [None], "ids")
        with v1.variable_scope("net", use_resource=False):
            parts = v1.fixed_size_partitioner(3)
            table = v1.get_variable("table", [10, 4], initializer=v1.random_normal_initializer(), partitioner=parts)
            weights = v1.get_variable("weights", [4, 2], initializer=v1.random_normal_initializer())
        rows = v1.nn.embedding_lookup(table, ids, partition_strategy="div")
        outputs = tf.identity(tf.matmul(rows, weights), "scores")
        v1.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(outputs))
        v1.get_variable("counter", [], collections=[v1.GraphKeys.LOCAL_VARIABLES])
    return graph, outputs


def save_graph(graph: tf.Graph, prefix: Path, form: str) -> dict[str, np.ndarray]:
    """Saves values and `.meta` by a Saver in form "V1" or "V2"; returns the values by the names of nodes."""
    version = getattr(v1.train.SaverDef, form)
    with v1.Session(graph=graph) as session:
        saver = v1.train.Saver(write_version=version)
        session.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
        saver.save(session, str(prefix))
        variables = v1.global_variables()
        return {item.op.name: session.run(item) for item in variables}


def save_with_tags(folder: Path) -> dict[str, np.ndarray]:
    """A TF1 SavedModel with two graphs, one of which has two signatures without a default."""
    builder = v1.saved_model.Builder(str(folder))
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 2], "x")
        w = v1.get_variable("w", [2, 3], use_resource=True)
        session.run(v1.global_variables_initializer())
        build = v1.saved_model.build_signature_def
        info = v1.saved_model.build_tensor_info
        signatures = {
            "a": build({"x": info(x)}, {"y": info(tf.matmul(x, w, name="y"))}, "predict"),
            "b": build({"x": info(x)}, {"z": info(tf.nn.relu(x, name="z"))}, "predict"),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.add_meta_graph(["serve", "tpu"])
        values = {"w": session.run(w)}
    builder.save()
    return values


class TwoLayers(tf.Module):
    """A TF2 module with nested variables of several types, and two functions."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [tf.Variable(np.arange(6, dtype="float32").reshape(2, 3), name="same"), tf.Variable([1.0] * 3)]
        self.inner = {"scale": tf.Variable(np.float64(2), name="same"), "step": tf.Variable(7, trainable=False)}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def scores(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": x @ self.layers[0] + self.layers[1]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64, name="x")])
    def scaled(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scaled": x * self.inner["scale"] + tf.cast(self.inner["step"], tf.float64)}


def save_module(folder: Path, signatures: Mapping[str, str]) -> TwoLayers:
    """A TF2 SavedModel with signatures from names to names of functions."""
    module = TwoLayers()
    tf.saved_model.save(module, str(folder), {key: getattr(module, name) for key, name in signatures.items()})
    return module


def run(source: GraphSource, fetch: str, feed: dict[str, np.ndarray]) -> np.ndarray:
    """What TensorFlow computes with the graph and the values of the variables that it needs."""
    needed = v1.graph_util.extract_sub_graph(source.graph, [fetch.partition(":")[0]])
    with tf.Graph().as_default() as graph, v1.Session() as session:
        tf.import_graph_def(needed, name="")
        for node in graph.get_operations():
            if node.type == "VariableV2":
                session.run(tf.raw_ops.Assign(ref=node.outputs[0], value=source.variables[node.name]))
            elif node.type == "VarHandleOp":
                session.run(tf.raw_ops.AssignVariableOp(resource=node.outputs[0], value=source.variables[node.name]))
        return session.run(fetch, feed)
