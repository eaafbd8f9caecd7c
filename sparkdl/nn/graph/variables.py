"""Ops of variables: reading is the weight's value, assigning is a value that is kept until the replay is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from sparkdl.nn.graph.program import Node

if TYPE_CHECKING:
    from sparkdl.nn.graph.replay import Replay

# Nodes that are variables: by reference, and by handle.
REFERENCES = frozenset({"Variable", "VariableV2", "AutoReloadVariable"})
HANDLES = frozenset({"VarHandleOp"})
VARIABLES = REFERENCES | HANDLES

# How much an assignment changes the value that is there.
ASSIGNMENTS: Mapping[str, Callable[[Any, Any], Any]] = {
    "Assign": lambda old, new: new,
    "AssignAdd": lambda old, new: old + new,
    "AssignSub": lambda old, new: old - new,
    "AssignVariableOp": lambda old, new: new,
    "AssignAddVariableOp": lambda old, new: old + new,
    "AssignSubVariableOp": lambda old, new: old - new,
}


@dataclass(frozen=True)
class VariableHandle:
    """Stands for a variable where TensorFlow has its handle."""

    name: str


def _read(replay: Replay, node: Node, handle: VariableHandle) -> tuple[Any, ...]:
    return (replay.weight(handle.name),)


def _gather(replay: Replay, node: Node, handle: VariableHandle, indices: Any) -> tuple[Any, ...]:
    batch_dims = node.attr["batch_dims"].i if "batch_dims" in node.attr else 0
    return (tf.gather(replay.weight(handle.name), indices, axis=batch_dims, batch_dims=batch_dims),)


def _gather_nd(replay: Replay, node: Node, handle: VariableHandle, indices: Any) -> tuple[Any, ...]:
    return (tf.gather_nd(replay.weight(handle.name), indices),)


def _shape(replay: Replay, node: Node, handle: VariableHandle) -> tuple[Any, ...]:
    kind = tf.as_dtype(node.attr["out_type"].type) if "out_type" in node.attr else tf.int32
    return (tf.shape(replay.weight(handle.name), out_type=kind),)


def _initialized(replay: Replay, node: Node, variable: Any) -> tuple[Any, ...]:
    return (tf.constant(True),)


BY_HANDLE: Mapping[str, Callable[..., tuple[Any, ...]]] = {
    "ReadVariableOp": _read,
    "ResourceGather": _gather,
    "ResourceGatherNd": _gather_nd,
    "VariableShape": _shape,
    "VarIsInitializedOp": _initialized,
    "IsVariableInitialized": _initialized,
}
