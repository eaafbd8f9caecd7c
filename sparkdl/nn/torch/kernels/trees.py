"""Recurrent cells over trees."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.kernels.cells import affine, weight
from sparkdl.nn.torch.kinds import Call, Kind

# The Linears of each gate, by whether they take the left or the right child's state, in the order of the weights: as
# a graph of the gates runs them, and as a sequence does.
_Order = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
_GRAPH: _Order = ("input", "update", "left", "right", "output"), ("right", "left"), ("output", "cell")
_SEQUENCE: _Order = ("input", "left", "right", "update", "output"), ("left", "right"), ("cell", "output")


def _places(call: Call) -> dict[str, int]:
    """Where the Linears are, by gate and side, and of leaves by part."""
    gates, sides, leaf = _GRAPH if call.a.with_graph else _SEQUENCE
    if call.a.with_graph and not call.a.gate_output:
        gates, leaf = gates[:-1], leaf[1:]
    names = [f"{gate} {side}" for gate in gates for side in sides] + [f"leaf {part}" for part in leaf]
    return {name: place for place, name in enumerate(names)}


def _linear(call: Call, places: dict[str, int], names: list[str], x: Any) -> Any:
    """The outputs of Linears of the same input beside each other."""
    weights = tf.concat([weight(call, places[name]) for name in names], 0)
    return affine(x, weights, tf.concat([weight(call, places[name], "bias") for name in names], 0))


def _leaves(call: Call, places: dict[str, int], x: Any) -> tuple[Any, Any]:
    """Memory and state of inputs [..., in]."""
    if "leaf output" not in places:
        memory = _linear(call, places, ["leaf cell"], x)
        return memory, tf.tanh(memory)
    memory, gate = tf.split(_linear(call, places, ["leaf cell", "leaf output"], x), 2, -1)
    return memory, tf.sigmoid(gate) * tf.tanh(memory)


def _composed(call: Call, places: dict[str, int], left: tuple[Any, Any], right: tuple[Any, Any]) -> tuple[Any, Any]:
    """Memory and state of nodes, from those of their children."""
    gates = ["input", "update", "left", "right"] + (["output"] if "output left" in places else [])
    z = _linear(call, places, [f"{gate} left" for gate in gates], left[1])
    z = z + _linear(call, places, [f"{gate} right" for gate in gates], right[1])
    into, update, keep_left, keep_right, *out = tf.split(z, len(gates), -1)
    memory = tf.sigmoid(into) * tf.tanh(update) + tf.sigmoid(keep_left) * left[0] + tf.sigmoid(keep_right) * right[0]
    return memory, tf.sigmoid(out[0]) * tf.tanh(memory) if out else tf.tanh(memory)


def _tree(call: Call, value: Any) -> Any:
    """A table of inputs [batch, leaves, in] and trees [batch, nodes, 3 or more] to states [batch, nodes, hidden].

    The row of a node holds its children (numbers of rows from 1; 0 for a leaf, -1 for padding), and last, for a leaf,
    the number of its input. Each round computes the nodes whose children are known.
    """
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise DataError(f"{call.name} takes a table of 2 arrays: inputs [batch, leaves, features] and trees.")
    inputs, trees = value[0], tf.cast(value[1], tf.int32)
    places = _places(call)
    children = [trees[..., 0], trees[..., 1]]
    is_leaf = tf.equal(children[0], 0)
    read = tf.gather(inputs, tf.maximum(trees[..., -1] - 1, 0), batch_dims=1)
    memory, state = (_where(is_leaf, part, tf.zeros_like(part)) for part in _leaves(call, places, read))
    at = [tf.maximum(child - 1, 0) for child in children]

    def pending(known: Any) -> Any:
        ready = tf.gather(known, at[0], batch_dims=1) & tf.gather(known, at[1], batch_dims=1)
        return ready & ~known & (children[0] > 0)

    def round_(known: Any, memory: Any, state: Any) -> tuple[Any, Any, Any]:
        found = pending(known)
        left, right = ([tf.gather(part, place, batch_dims=1) for part in (memory, state)] for place in at)
        new = _composed(call, places, tuple(left), tuple(right))
        return known | found, _where(found, new[0], memory), _where(found, new[1], state)

    known = tf.while_loop(lambda known, *_: tf.reduce_any(pending(known)), round_, (is_leaf, memory, state))
    return known[2]


def _where(mask: Any, x: Any, other: Any) -> Any:
    return tf.where(mask[..., None], x, other)


KINDS = {"BinaryTreeLSTM": Kind(_tree, defaults={"gate_output": True, "with_graph": True})}
