"""What expressions of tensors need beside the other modules: values without an input, and a few functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.nn.torch.initial import uniform
from sparkdl.nn.torch.kernels.axes import axis, batched_axis
from sparkdl.nn.torch.kinds import Call, Kind
from sparkdl.nn.torch.module import Parameter


def _row_numbers(call: Call, x: Any) -> Any:
    """Numbers from 0, [batch, n], to the rows of a table that is not trained: [batch, n, n_output]."""
    return tf.gather(call.state("weight"), tf.cast(x, tf.int32))


def _place_of_largest(call: Call, x: Any) -> Any:
    """The number, from 1, of the first largest element in a dimension, which disappears."""
    if call.a.num_input_dims > 0:
        place = batched_axis(x, call.a.dim, call.a.num_input_dims)
    else:
        place = axis(x, call.a.dim)
    return tf.cast(tf.argmax(x, place) + 1, x.dtype)


KINDS = {
    # These two take a value only to have a place in a graph.
    "Constant": Kind(lambda call, x: call.state("value"), states=lambda a: {"value": np.zeros(a.size, np.float32)}),
    "Parameter": Kind(lambda call, x: call["weight"], lambda a: {"weight": Parameter(tuple(a.size), uniform(0.05))}),
    "ArgMax": Kind(_place_of_largest, defaults={"num_input_dims": -1}),
    "Erf": Kind(lambda call, x: tf.math.erf(x)),
    "FixedLookup": Kind(_row_numbers, states=lambda a: {"weight": np.zeros((a.n_index, a.n_output), np.float32)}),
    "GetShape": Kind(lambda call, x: tf.cast(tf.shape(x), tf.float32)),
}
