"""Modules that run a recurrent cell, or any module, over the steps of a sequence [batch, steps, ...]."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.kernels.cells import DEFAULTS, Prepared, States, begin, inside, zero_states
from sparkdl.nn.torch.kernels.conv_cells import CELLS
from sparkdl.nn.torch.kinds import Call, Kind

_RANKS = (3, 5, 6)  # sequences of vectors, images and volumes


def _turned(x: Any, order: list[int]) -> Any:
    return tf.transpose(x, order)


def _channels_last(x: Any, front: int) -> Any:
    """Channels, which stand behind `front` axes, to the end."""
    return x if x.shape.rank == front + 1 else _turned(x, [*range(front), *range(front + 1, x.shape.rank), front])


def _channels_first(x: Any, front: int) -> Any:
    rank = x.shape.rank
    return x if rank == front + 1 else _turned(x, [*range(front), rank - 1, *range(front, rank - 1)])


def _swapped(x: Any) -> Any:
    return _turned(x, [1, 0, *range(2, x.shape.rank)])


def _first_states(call: Call, shape: Any) -> States:
    given = call.a.initial
    zeros = zero_states(call.module.children[0], shape)
    if not given:
        return zeros
    states = tf.nest.pack_sequence_as(zeros, [tf.constant(value, tf.float32) for value in given])
    return tf.nest.map_structure(lambda state, zero: _channels_last(state, 1) + tf.zeros_like(zero), states, zeros)


def _note(call: Call, states: States) -> None:
    """On arrays, leaves the states behind the last step for scripts to look at."""
    if call.runner.on_arrays and tf.executing_eagerly():
        call.module.notes["hidden"] = tf.nest.map_structure(lambda state: _channels_first(state, 1).numpy(), states)


def _run(cell: Prepared, x: Any, states: States) -> tuple[Any, States]:
    """Outputs [steps, batch, ...] and last states."""
    if cell.whole is not None:
        return cell.whole(x, states)
    entering = cell.inputs(x)
    if tf.executing_eagerly():
        outputs = []
        for z in tf.unstack(entering):
            output, states = cell.step(z, states)
            outputs.append(output)
        return tf.stack(outputs), states
    return _loop(cell, entering, states)


def _loop(cell: Prepared, entering: Any, states: States) -> tuple[Any, States]:
    steps = tf.shape(entering)[0]
    pending = tf.TensorArray(tf.float32, steps, element_shape=entering.shape[1:]).unstack(entering)
    done = tf.TensorArray(tf.float32, steps)

    def body(time: Any, states: States, done: Any) -> tuple[Any, States, Any]:
        output, states = cell.step(pending.read(time), states)
        return time + 1, states, done.write(time, output)

    loop = tf.while_loop(lambda time, *_: time < steps, body, (0, states, done), maximum_iterations=steps)
    outputs = loop[2].stack()
    return tf.ensure_shape(outputs, [entering.shape[0], *outputs.shape[1:]]), loop[1]


def _begin(call: Call, x: Any, batch: Any) -> Prepared:
    """The cell inside, ready for inputs [..., channels].

    Raises:
        DataError: if there is no cell, or if it takes other channels.
    """
    if not call.children:
        raise DataError(f"{call.name} has no cell: add one, such as LSTM(3, 4), before it runs.")
    cell = call.module.children[0]
    expected = cell.arguments.get("input_size")
    if expected is not None and expected != x.shape[-1]:
        raise DataError(
            f"{call.name} runs {cell.kind}({expected}, ...), but its input has {x.shape[-1]} features (planes): give "
            f"the cell input_size={x.shape[-1]}."
        )
    return begin(inside(call, 0), batch)


def _recurrent(call: Call, x: Any) -> Any:
    """[batch, steps, ...] to [batch, steps, ...]. Inside: one cell."""
    if x.shape.rank not in _RANKS:
        raise DataError(
            f"{call.name} got an input of shape {tuple(x.shape)}, expected [batch, steps, features], or sequences of "
            "images or volumes."
        )
    x = _swapped(_channels_last(x, 2))
    cell = _begin(call, x, tf.shape(x)[1])
    outputs, states = _run(cell, x, _first_states(call, tf.shape(x)[1:]))
    _note(call, states)
    return _channels_first(_swapped(outputs), 2)


def _decoder(call: Call, x: Any) -> Any:
    """[batch, ...] to [batch, steps, ...]: each step takes what the one before gave. Inside: one cell."""
    if x.shape.rank not in (2, 4, 5):
        raise DataError(
            f"{call.name} got an input of shape {tuple(x.shape)}, expected [batch, features], or images or volumes: "
            "the first step alone."
        )
    taken = [tf.identity(x)]
    x = _channels_last(taken[0], 1)
    cell = _begin(call, x, tf.shape(x)[0])
    states, outputs = _first_states(call, tf.shape(x)), []
    for _ in range(call.a.output_length):
        output, states = cell.step(cell.inputs(_channels_last(taken[-1], 1)[None])[0], states)
        if output.shape[-1] != x.shape[-1]:
            raise DataError(
                f"{call.name} gives {output.shape[-1]} features to the next step, and got {x.shape[-1]}: the cell's "
                "output needs the size of its input."
            )
        outputs.append(_channels_first(output, 1))
        taken.append(tf.identity(outputs[-1]))  # as the state may be the same tensor
    if call.runner.on_arrays and tf.executing_eagerly():
        call.module.notes["taken"] = taken[:-1]  # whose gradients scripts have always seen
    _note(call, states)
    return tf.stack(outputs, 1)


def _both_ways(call: Call, x: Any) -> Any:
    """Inside: a Recurrent for the sequence, one for the sequence from its end, and what merges their outputs."""
    ahead, back = (x, x) if not call.a.split_input else tf.split(x, 2, 2)
    outputs = [call.child(0, ahead), tf.reverse(call.child(1, tf.reverse(back, [1])), [1])]
    return call.child(2, outputs)


def _time_distributed(call: Call, x: Any) -> Any:
    """Applies the module inside to all steps of [batch, steps, ...], or of a table of those, as to rows of a batch."""
    first = x[0] if isinstance(x, (list, tuple)) else x
    if first.shape.rank < 3:
        raise DataError(f"{call.name} got an input of shape {tuple(first.shape)}, expected [batch, steps, ...].")
    rows = call.child(0, tf.nest.map_structure(_rows, x))
    output = tf.reshape(rows, tf.concat([tf.shape(first)[:2], tf.shape(rows)[1:]], 0))
    return tf.ensure_shape(output, [first.shape[0], first.shape[1], *rows.shape[1:]])


def _rows(x: Any) -> Any:
    return tf.reshape(x, tf.concat([[-1], tf.shape(x)[2:]], 0))


def _one_step(call: Call, value: Any) -> Any:
    """A table of an input [batch, ...] and the states before, to a table of the output and the states behind."""
    x, *states = tf.nest.flatten(value)
    x = _channels_last(x, 1)
    zeros = zero_states(call.module, tf.shape(x))
    given = tf.nest.pack_sequence_as(zeros, [_channels_last(state, 1) for state in states]) if states else zeros
    cell = begin(Call(call.module, call.runner, call.a), tf.shape(x)[0])
    output, states = cell.step(cell.inputs(x[None])[0], given)
    return [_channels_first(output, 1), tf.nest.map_structure(lambda state: _channels_first(state, 1), states)]


KINDS = {
    **{name: Kind(_one_step, defaults=DEFAULTS) for name in CELLS},
    "Recurrent": Kind(_recurrent, defaults={"initial": None}),
    "RecurrentDecoder": Kind(_decoder, defaults={"initial": None}),
    "BiRecurrent": Kind(_both_ways, defaults={"split_input": False}),
    "TimeDistributed": Kind(_time_distributed),
}
