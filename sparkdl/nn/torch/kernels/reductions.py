"""Sums, means and extremes along one dimension."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sparkdl.nn.torch.kernels.axes import UNKNOWN, axis, batched_axis
from sparkdl.nn.torch.kinds import Call, Kind


def _sum(call: Call, x: Any) -> Any:
    place = batched_axis(x, call.a.dimension, call.a.n_input_dims)
    reduce = tf.reduce_mean if call.a.size_average else tf.reduce_sum
    y = reduce(x, place, keepdims=True)
    if not call.a.squeeze:
        return y
    y = tf.squeeze(y, place) if y.shape.rank > 1 else y
    # A single number has no dimension left in Torch's tensors.
    return tf.reshape(y, []) if y.shape.num_elements() == 1 else y


def _mean(call: Call, x: Any) -> Any:
    call.a.size_average = True
    return _sum(call, x)


def _extreme(place_of: Any) -> Any:
    """Max or Min: the gradient goes to the first of equal values."""

    def kernel(call: Call, x: Any) -> Any:
        given = call.a.num_input_dims
        place = batched_axis(x, call.a.dim, given) if given != UNKNOWN else axis(x, call.a.dim)
        chosen = tf.one_hot(place_of(x, place), x.shape[place] or tf.shape(x)[place], True, False, place)
        y = tf.reduce_sum(tf.where(chosen, x, tf.zeros_like(x)), place)
        return y if x.shape.rank > 1 else y[None]

    return kernel


KINDS = {
    "Max": Kind(_extreme(tf.argmax), defaults={"dim": 1, "num_input_dims": UNKNOWN}),
    "Mean": Kind(_mean, defaults={"dimension": 1, "n_input_dims": -1, "squeeze": True}),
    "Min": Kind(_extreme(tf.argmin), defaults={"dim": 1, "num_input_dims": UNKNOWN}),
    "Sum": Kind(_sum, defaults={"dimension": 1, "n_input_dims": -1, "size_average": False, "squeeze": True}),
}
