"""Recurrent cells whose products are convolutions. Values are [steps, batch, space, channels]."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sparkdl.nn.torch.kernels.cells import CELLS, Prepared, States, weight
from sparkdl.nn.torch.kinds import Call


def _kernel(call: Call, place: int) -> Any:
    """[out, in, *space] (in a group of one for images) as TensorFlow has it."""
    value = weight(call, place)
    value = value[0] if call.module.children[place].kind == "SpatialConvolution" else value
    return tf.transpose(value, [*range(2, value.shape.rank), 1, 0])


def _convolved(x: Any, kernel: Any, stride: int, pad: int) -> Any:
    if pad > 0:
        x = tf.pad(x, [[0, 0], *[[pad, pad]] * (x.shape.rank - 2), [0, 0]])
    convolve = tf.nn.conv2d if x.shape.rank == 4 else tf.nn.conv3d
    return convolve(x, kernel, [1, *[stride] * (x.shape.rank - 2), 1], "SAME" if pad < 0 else "VALID")


def _conv_lstm(call: Call, batch: Any) -> Prepared:
    """Inside, for the gates in the order forget, input, candidate, output: convolution of the input, convolution of
    the state, and a CMul of the memory (which the candidate has not, and none without peepholes); then activation and
    inner activation."""
    peeps = call.a.with_peephole
    width = 3 if peeps else 2
    places = [0, width, 2 * width, 3 * width - (1 if peeps else 0)]
    kernels = [tf.concat([_kernel(call, place + part) for place in places], -1) for part in (0, 1)]
    bias = tf.concat([weight(call, place, "bias") for place in places], 0)
    # A CMul's size has the channels behind the batch.
    peep = [tf.reshape(weight(call, places[gate] + 2), [-1]) if peeps else 0.0 for gate in (0, 1, 3)]
    last = places[3] + width
    around = (call.a.stride, call.a.padding)
    into_cell = tuple(call.a.into or around)  # the input may be convolved otherwise than the state
    activation, inner = lambda x: call.child(last, x), lambda x: call.child(last + 1, x)

    def inputs(x: Any) -> Any:
        """All steps at once."""
        z = _convolved(tf.reshape(x, tf.concat([[-1], tf.shape(x)[2:]], 0)), kernels[0], *into_cell)
        z = tf.nn.bias_add(z, bias)
        return tf.reshape(z, tf.concat([tf.shape(x)[:2], tf.shape(z)[1:]], 0))

    def step(z: Any, states: States) -> tuple[Any, States]:
        hidden, memory = states
        gates = z + _convolved(hidden, kernels[1], *around)
        forget, into, candidate, out = tf.split(gates, 4, -1)
        kept = inner(forget + peep[0] * memory) * memory
        memory = kept + inner(into + peep[1] * memory) * activation(candidate)
        hidden = inner(out + peep[2] * memory) * activation(memory)
        return hidden, [hidden, memory]

    return Prepared(inputs, step)


CELLS["ConvLSTMPeephole"] = CELLS["ConvLSTMPeephole3D"] = _conv_lstm
