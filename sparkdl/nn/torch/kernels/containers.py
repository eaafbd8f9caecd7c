"""Modules that pass values on to the modules inside them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.kinds import Call, Kind
from sparkdl.nn.torch.module import Module


def _sequential(call: Call, x: Any) -> Any:
    for index in range(call.children):
        x = call.child(index, x)
    return x


def _graph(call: Call, x: Any) -> Any:
    """Runs the nodes in their order: `nodes` holds [place of the child, places of the nodes before it] of each.

    A node without a child (-1) is an input: the first such node gets the first value. Where a node takes one value out
    of a table, the node before is [place, position in the table from 0]. `inputs` and `outputs` hold
    places of nodes, `stopped` those through which no gradient goes to the nodes before.
    """
    given = dict(zip(call.a.inputs, x if len(call.a.inputs) > 1 else [x], strict=True))
    values: list[Any] = []
    for place, (child, before) in enumerate(call.a.nodes):
        value = given[place] if place in given else [_taken(values, other) for other in before]
        if place not in given and len(before) == 1:
            value = value[0]
        if place in call.a.stopped:
            value = call.runner.apply(Module("StopGradient"), value)
        values.append(value if child < 0 else call.child(child, value))
    outputs = [values[place] for place in call.a.outputs]
    return outputs if len(outputs) > 1 else outputs[0]


def _taken(values: list[Any], before: Any) -> Any:
    return values[before] if isinstance(before, int) else values[before[0]][before[1]]


def _concat(call: Call, x: Any) -> Any:
    outputs = [call.child(index, x) for index in range(call.children)]
    arguments = {"dimension": call.a.dimension, "n_input_dims": -1}
    return call.runner.apply(Module("JoinTable", arguments, name=call.module.name), outputs)


def _parallel(call: Call, x: Any) -> Any:
    if not isinstance(x, (list, tuple)) or len(x) > call.children:
        given = f"a table of {len(x)}" if isinstance(x, (list, tuple)) else "an array"
        raise DataError(
            f"{call.name} takes a table with one element for each of its {call.children} layers, received {given}."
        )
    return [call.child(index, part) for index, part in enumerate(x)]


def _map(call: Call, x: Any) -> Any:
    """Elements behind the last child go through the first."""
    return [call.child(index if index < call.children else 0, part) for index, part in enumerate(x)]


def _bottle(call: Call, x: Any) -> Any:
    """Makes one dimension of all but the last `n_input_dim` - 1, and takes it apart behind the child."""
    behind = call.a.n_input_dim - 1
    if x.shape.rank <= call.a.n_input_dim:
        return call.child(0, x)
    before, static = tf.shape(x)[: x.shape.rank - behind], x.shape[: x.shape.rank - behind]
    y = call.child(0, tf.reshape(x, tf.concat([[-1], tf.shape(x)[x.shape.rank - behind :]], 0)))
    wanted = call.a.n_input_dim if call.a.n_output_dim1 >= 2**31 - 1 else call.a.n_output_dim1
    if y.shape.rank != wanted:
        raise DataError(
            f"{call.name}: the output of the module inside has {y.shape.rank} dimensions, "
            f"expected {wanted} (n_output_dim1)."
        )
    result = tf.reshape(y, tf.concat([before, tf.shape(y)[1:]], 0))
    return tf.ensure_shape(result, static.concatenate(y.shape[1:]))


KINDS = {
    "Bottle": Kind(_bottle, defaults={"n_input_dim": 2, "n_output_dim1": 2**31 - 1}),
    "Concat": Kind(_concat, dissolves=True),
    "ConcatTable": Kind(lambda call, x: [call.child(i, x) for i in range(call.children)], dissolves=True),
    "Graph": Kind(_graph, defaults={"stopped": ()}, dissolves=True),
    "MapTable": Kind(_map, dissolves=True),
    "ParallelTable": Kind(_parallel, dissolves=True),
    "Sequential": Kind(_sequential, dissolves=True),
}
