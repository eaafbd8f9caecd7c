"""BigDL 2.x's `utils.tf`: graphs and checkpoints of TensorFlow 1, here or in other storages."""

import copy
import json
import os
import re
import shutil  # noqa: F401
import tempfile
from collections.abc import Sequence
from typing import Any

import tensorflow.compat.v1 as tf
from tensorflow.core.framework import graph_pb2

from sparkdl.bigdl.util.file_utils import (
    get_file_list,
    get_remote_file_to_local,
    is_local_path,
    put_local_file_to_remote,
)
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.bigdl.util.tf_graph_util import convert_variables_to_constants, extract_sub_graph
from sparkdl.errors import ArgumentError, UnsupportedError

_STATE = "checkpoint"
_PATHS = re.compile(r'^(model_checkpoint_path|all_model_checkpoint_paths): "(.*)"$', re.MULTILINE)


def process_grad(grad: Any) -> Any:
    """A gradient as one tensor; None stays None."""
    if isinstance(grad, tf.IndexedSlices):
        return tf.math.unsorted_segment_sum(grad.values, grad.indices, grad.dense_shape[0])
    return None if grad is None else tf.convert_to_tensor(grad)


def export_tf(
    sess: Any,
    folder: str,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    generate_backward: bool = False,
    allow_non_differentiable_input: bool = True,
) -> None:
    """Writes `frozen_inference_graph.pb` and `graph_meta.json` (the names of inputs and outputs) into a folder.

    Args:
        inputs: tensors; those that are no placeholders become some.
        outputs: tensors.

    Raises:
        RuntimeError: the outputs do not depend on an input, or depend on a placeholder that is no input.
        UnsupportedError: `generate_backward`: a graph that is imported here has gradients without that.
    """
    if generate_backward:
        raise UnsupportedError(
            "export_tf(generate_backward=True) is not here: Model.load_tensorflow gives a model with gradients."
        )
    definition = sess.graph.as_graph_def()
    for node in definition.node:
        node.device = ""
    frozen = convert_variables_to_constants(sess, definition, sorted({item.op.name for item in outputs}))
    inner = [item for item in inputs if item.op.type not in ("Placeholder", "PlaceholderWithDefault")]
    kinds = [item.dtype.as_datatype_enum for item in inner]
    graph, renamed = strip_unused(frozen, [item.name for item in inner], [item.name for item in outputs], kinds)
    names = [renamed.get(item.name, item.name) for item in inputs]
    _check_inputs(graph, names)
    shapes = {renamed[item.name].split(":")[0]: item.shape.as_proto() for item in inner}
    for node in graph.node:
        if node.name in shapes:
            node.attr["shape"].shape.CopyFrom(shapes[node.name])
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "frozen_inference_graph.pb"), "wb") as file:
        file.write(graph.SerializeToString())
    with open(os.path.join(folder, "graph_meta.json"), "w", encoding="utf-8") as text:
        json.dump({"input_names": names, "output_names": [item.name for item in outputs]}, text)


def _check_inputs(graph: Any, names: Sequence[str]) -> None:
    """Raises RuntimeError where an input is not in the graph, or a placeholder of the graph not among the inputs."""
    given, held = {name.split(":")[0] for name in names}, {node.name for node in graph.node}
    unused = ", ".join(sorted(given - held))
    invalidInputError(not unused, f"no output of export_tf depends on the inputs {unused}: leave them out.")  # noqa: F405
    open_ends = {node.name for node in graph.node if node.op == "Placeholder"} - given
    told = ", ".join(sorted(open_ends))
    invalidInputError(not told, f"the outputs of export_tf depend on {told}: add these placeholders to the inputs.")  # noqa: F405


def strip_unused(
    input_graph_def: Any,
    input_tensor_names: Sequence[str],
    output_tensor_names: Sequence[str],
    placeholder_type_enum: Any,
) -> tuple[Any, dict[str, str]]:
    """The part of a graph between tensors; each input becomes a placeholder.

    Args:
        placeholder_type_enum: TensorFlow's number of the type of all inputs, or a list with one for each.

    Returns:
        the graph, and the new names of inputs.

    Raises:
        ArgumentError: an input is no tensor, or is not in the graph.
    """
    for name in input_tensor_names:
        if ":" not in name:
            raise ArgumentError(f"the input {name!r} is an op: give a tensor, for example {name}:0.")
    kinds = placeholder_type_enum
    types = list(kinds) if isinstance(kinds, (list, tuple)) else [kinds] * len(input_tensor_names)
    wanted = dict(zip(input_tensor_names, types, strict=True))
    renamed: dict[str, str] = {}
    graph = graph_pb2.GraphDef()
    for original in input_graph_def.node:
        if original.name in {name.split(":")[0] for name in wanted}:
            continue
        node = copy.deepcopy(original)
        for place, source in enumerate(node.input):
            tensor = source if ":" in source else f"{source}:0"
            if tensor in wanted:
                node.input[place] = source.replace(":", "_")
                if tensor not in renamed:
                    graph.node.add(name=node.input[place], op="Placeholder").attr["dtype"].type = wanted[tensor]
                    renamed[tensor] = f"{node.input[place]}:0"
        graph.node.append(node)
    missing = sorted(set(wanted) - set(renamed))
    if missing:
        raise ArgumentError(f"nothing in the graph takes the inputs {', '.join(missing)}.")
    ends = sorted({name.split(":")[0] for name in output_tensor_names})
    return extract_sub_graph(graph, ends), renamed


def change_path_in_tf_checkpoint(checkpoint_path: str, ckpt_name: str) -> None:
    """Lets the file `checkpoint` of a folder name a checkpoint beside it, not one of another folder."""
    with open(checkpoint_path, encoding="utf-8") as file:
        text = file.read()
    with open(checkpoint_path, "w", encoding="utf-8") as file:
        file.write(_PATHS.sub(lambda found: f'{found[1]}: "{ckpt_name}"', text))


def save_tf_checkpoint(sess: Any, checkpoint_path: str, saver: Any = None) -> None:
    """Saves the variables of a session, to any storage."""
    saver = saver or tf.train.Saver()
    if is_local_path(checkpoint_path):
        saver.save(sess, checkpoint_path)
        return
    folder, name = os.path.split(checkpoint_path)
    with tempfile.TemporaryDirectory() as copies:
        saver.save(sess, os.path.join(copies, name))
        change_path_in_tf_checkpoint(os.path.join(copies, _STATE), name)
        for file in os.listdir(copies):
            put_local_file_to_remote(os.path.join(copies, file), f"{folder}/{file}", over_write=True)


def load_tf_checkpoint(sess: Any, checkpoint_path: str, saver: Any = None) -> None:
    """Restores the variables of a session, from any storage."""
    saver = saver or tf.train.Saver()
    if is_local_path(checkpoint_path):
        saver.restore(sess, checkpoint_path)
        return
    with tempfile.TemporaryDirectory() as copies:
        folder, name = os.path.split(checkpoint_path)
        _copy(folder, name, copies)
        saver.restore(sess, os.path.join(copies, name))


def get_checkpoint_state(checkpoint_dir: str) -> Any:
    """What the file `checkpoint` of a folder says, in any storage; None where there is none."""
    if is_local_path(checkpoint_dir):
        return tf.train.get_checkpoint_state(checkpoint_dir)
    with tempfile.TemporaryDirectory() as copies:
        _copy(checkpoint_dir, _STATE, copies)
        if not os.path.exists(os.path.join(copies, _STATE)):
            return None
        state = tf.train.get_checkpoint_state(copies)
    if state is None:
        return None
    place = f"{checkpoint_dir.rstrip('/')}/{os.path.basename(state.model_checkpoint_path)}"
    state.model_checkpoint_path = place
    state.all_model_checkpoint_paths[:] = [place]
    return state


def _copy(folder: str, beginning: str, target: str) -> None:
    for path in get_file_list(folder):
        if os.path.basename(path).startswith(beginning):
            get_remote_file_to_local(path, os.path.join(target, os.path.basename(path)))
