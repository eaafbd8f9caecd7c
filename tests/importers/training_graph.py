"""A small graph as TensorFlow 1 wrote them for training: variables, batch statistics, moving averages, a checkpoint."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from sparkdl.importers.tensorflow.load import load_tensorflow


def training_graph(folder: Path) -> keras.Model:
    """Dense, BatchNorm in training form with a moving average, Dense: a graph of TensorFlow 1 and its checkpoint."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        random = np.random.default_rng(1)
        x = v1.placeholder(tf.float32, [None, 6], "x")
        stem = v1.get_variable("stem/kernel", initializer=random.normal(size=(6, 5)).astype("float32"))
        hidden = tf.nn.relu(x @ stem, name="stem/Relu")
        mean, variance = tf.nn.moments(hidden, [0])
        average = v1.get_variable("norm/moving_mean", initializer=np.zeros(5, "float32"), trainable=False)
        moving = v1.assign(average, average * 0.9 + mean * 0.1, name="norm/AssignMovingAvg")
        gamma = v1.get_variable("norm/gamma", initializer=np.ones(5, "float32"))
        with tf.control_dependencies([moving]):
            normal = tf.identity((hidden - mean) * tf.math.rsqrt(variance + 1e-3) * gamma, "norm/out")
        head = v1.get_variable("head/kernel", initializer=random.normal(size=(5, 3)).astype("float32"))
        tf.nn.softmax(normal @ head, name="probabilities")
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(folder / "model.ckpt"))
    return load_tensorflow(folder / "model.ckpt.meta", inputs=["x"], outputs=["probabilities"])
