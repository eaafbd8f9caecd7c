"""Functions of each element, and of the elements of one axis."""

from __future__ import annotations

import tensorflow as tf

from sparkdl.nn.torch.kinds import Kind

KINDS = {
    "ReLU": Kind(lambda call, x: tf.nn.relu(x)),
    "Tanh": Kind(lambda call, x: tf.tanh(x)),
    "Sigmoid": Kind(lambda call, x: tf.sigmoid(x)),
    "Identity": Kind(lambda call, x: x, dissolves=True),
}
