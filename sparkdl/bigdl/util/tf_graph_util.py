"""BigDL 2.x's copy of TensorFlow 1's `graph_util`: those of the TensorFlow that is installed."""

import copy  # noqa: F401
import logging  # noqa: F401
import re  # noqa: F401
from collections.abc import Sequence
from typing import Any

import six  # noqa: F401
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, graph_pb2, node_def_pb2  # noqa: F401
from tensorflow.python.framework import dtypes, ops, tensor_util  # noqa: F401
from tensorflow.python.util import deprecation  # noqa: F401
from tensorflow.python.util.tf_export import tf_export  # noqa: F401

from sparkdl.bigdl.util.log4Error import *  # noqa: F403

# What Python 2 scripts import from `__future__`; in Python 3 it is so.
absolute_import = division = print_function = True

_VARIABLE_OPS = {"Assign", "AssignAdd", "AssignSub", "Queue", "ScatterAdd", "ScatterSub", "ScatterUpdate"}
_VARIABLE_OPS |= {"TruncatedNormal", "Variable", "VariableV2"}
_util = tf.compat.v1.graph_util


def must_run_on_cpu(node: Any, pin_variables_on_cpu: bool = False) -> bool:
    """Whether an op runs on CPUs only."""
    return bool(_util.must_run_on_cpu(node, pin_variables_on_cpu))


def extract_sub_graph(graph_def: Any, dest_nodes: Sequence[str]) -> Any:
    """The part of a graph that some nodes need."""
    return _util.extract_sub_graph(graph_def, list(dest_nodes))


def tensor_shape_from_node_def_name(graph: Any, input_name: str) -> Any:
    """The shape of a tensor."""
    return _util.tensor_shape_from_node_def_name(graph, input_name)


def convert_variables_to_constants(
    sess: Any,
    input_graph_def: Any,
    output_node_names: Sequence[str],
    variable_names_whitelist: Any = None,
    variable_names_blacklist: Any = None,
) -> Any:
    """A graph whose variables have become constants, with the values of a session."""
    names = list(output_node_names)
    return _util.convert_variables_to_constants(
        sess, input_graph_def, names, variable_names_whitelist, variable_names_blacklist
    )


def remove_training_nodes(input_graph: Any, protected_nodes: Any = None) -> Any:
    """A graph without what only a training needs."""
    return _util.remove_training_nodes(input_graph, protected_nodes)
