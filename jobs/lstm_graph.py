"""An LSTM as people wrote it for TensorFlow 1: a graph, a session, and a checkpoint beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
OUTPUT = "prediction/Softmax"
INPUT = "Placeholder"


def build(length: int, features: int, hidden: int, classes: int, seed: int = 0) -> tf.Graph:
    """The graph from sequences to probabilities, step by step, with its loss and a step of Adam."""
    graph = tf.Graph()
    with graph.as_default():
        v1.set_random_seed(seed)
        x = v1.placeholder(tf.float32, [None, length, features], name=INPUT)
        labels = v1.placeholder(tf.int32, [None], name="labels")
        with v1.variable_scope("rnn/basic_lstm_cell"):
            kernel = v1.get_variable("kernel", [features + hidden, 4 * hidden])
            bias = v1.get_variable("bias", [4 * hidden], initializer=v1.zeros_initializer())
        state = output = tf.zeros([tf.shape(x)[0], hidden])
        for step in tf.unstack(x, axis=1):
            gates = tf.nn.bias_add(tf.matmul(tf.concat([step, output], 1), kernel), bias)
            enter, candidate, keep, leave = tf.split(gates, 4, axis=1)
            state = state * tf.sigmoid(keep + 1) + tf.sigmoid(enter) * tf.tanh(candidate)
            output = tf.tanh(state) * tf.sigmoid(leave)
        with v1.variable_scope("prediction"):
            weights = v1.get_variable("W", [hidden, classes])
            logits = tf.matmul(output, weights) + v1.get_variable("bias", [classes])
            tf.nn.softmax(logits, name="Softmax")
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        v1.train.AdamOptimizer(0.01).minimize(loss, name="train")
    return graph


def train(folder: Path, x: np.ndarray, labels: np.ndarray, hidden: int, epochs: int, seed: int) -> None:
    """Trains on sequences; writes `graph.pb` and the checkpoint `model.ckpt`."""
    graph = build(*x.shape[1:], hidden, int(labels.max()) + 1, seed)
    dice = np.random.default_rng(seed)
    with graph.as_default(), v1.Session() as session:
        session.run(v1.global_variables_initializer())
        for _ in range(epochs):
            for rows in np.array_split(dice.permutation(len(x)), -(-len(x) // 64)):
                session.run("train", {f"{INPUT}:0": x[rows], "labels:0": labels[rows]})
        v1.train.Saver().save(session, str(folder / "model.ckpt"))
    (folder / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())


def predict(folder: Path, x: np.ndarray) -> Any:
    """The probabilities that TensorFlow itself computes with the files in a folder."""
    with tf.Graph().as_default(), v1.Session() as session:
        saver = v1.train.import_meta_graph(str(folder / "model.ckpt.meta"))
        saver.restore(session, str(folder / "model.ckpt"))
        return session.run(f"{OUTPUT}:0", {f"{INPUT}:0": x})
