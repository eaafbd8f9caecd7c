"""Any op of TensorFlow, applied in the graph that is being traced, so that tapes see it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import execute
from tensorflow.python.framework import op_def_registry, ops

from sparkdl.nn.graph.numbers import check_numbers
from sparkdl.nn.graph.program import Node

_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*\Z")


def apply(node: Node, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """The outputs of a node's op for some tensors.

    TensorFlow's generated functions take their attributes one by one; this is what they do inside, for any op.
    """
    tensors = [tf.convert_to_tensor(given) for given in inputs]
    check_numbers(node, tensors)
    definition = op_def_registry.get(node.op)
    attributes = {item.name: node.attr[item.name] for item in definition.attr if item.name in node.attr}
    graph = ops.get_default_graph()
    operation = graph._create_op_internal(
        node.op,
        tensors,
        name=node.name if _NAME.match(node.name) else node.op,
        attrs=attributes,
        op_def=definition,
    )
    outputs = tuple(operation.outputs)
    if outputs and execute.must_record_gradient():
        recorded = chain.from_iterable((item.name, operation.get_attr(item.name)) for item in definition.attr)
        execute.record_gradient(node.op, operation.inputs, tuple(recorded), outputs)
    return outputs
