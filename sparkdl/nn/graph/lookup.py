"""Tables from keys to values whose content stands in the graph.

TensorFlow fills a table in an op of its own, before anything else runs. Here the node of a table reads its keys and
values (see `filled`), and the table is made anew in each run, so that a graph remains a function of its inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import tensorflow as tf

from sparkdl.errors import UnsupportedError
from sparkdl.nn.graph.program import Node, Program, TensorName
from sparkdl.nn.graph.structure import SAME

TABLES = frozenset({"HashTable", "HashTableV2"})
_FILLS = frozenset({"InitializeTable", "InitializeTableV2", "LookupTableImport", "LookupTableImportV2"})
_FINDS = frozenset({"LookupTableFind", "LookupTableFindV2"})
_SIZES = frozenset({"LookupTableSize", "LookupTableSizeV2"})
LOOKUPS = TABLES | _FINDS | _SIZES
UNFILLED = "is a table that is filled from a file or by another program, not by the graph"


def filled(program: Program) -> Program:
    """The program with tables that read what they are filled with."""
    fills: dict[str, tuple[TensorName, ...]] = {}
    for node in program.nodes.values():
        if node.op in _FILLS and len(node.inputs) == 3:
            table = program.nodes.get(node.inputs[0].node)
            while table is not None and table.op in SAME and table.inputs:
                table = program.nodes.get(table.inputs[0].node)
            if table is not None and table.op in TABLES:
                fills[table.name] = node.inputs[1:]
    if not fills:
        return program
    nodes: Mapping[str, Node] = {
        name: replace(node, inputs=fills[name]) if name in fills else node for name, node in program.nodes.items()
    }
    return replace(program, nodes=nodes)


def apply_to_table(node: Node, inputs: list[Any]) -> tuple[Any, ...]:
    """The outputs of an op of tables."""
    if node.op in _FINDS:
        table, keys, default = inputs
        found = tf.raw_ops.LookupTableFindV2(table_handle=table, keys=keys, default_value=default)
        return (tf.ensure_shape(found, keys.shape.concatenate(default.shape)),)
    if node.op in _SIZES:
        return (tf.raw_ops.LookupTableSizeV2(table_handle=inputs[0]),)
    if not inputs:
        raise UnsupportedError(f"{node} {UNFILLED}.")
    kinds = [tf.as_dtype(node.attr[key].type) for key in ("key_dtype", "value_dtype")]
    table = tf.raw_ops.AnonymousHashTable(key_dtype=kinds[0], value_dtype=kinds[1])
    fill = tf.raw_ops.LookupTableImportV2(table_handle=table, keys=inputs[0], values=inputs[1])
    with tf.control_dependencies([fill]):
        return (tf.identity(table),)
