"""BigDL's `util.tf_utils`: graphs of TensorFlow 1, frozen and imported."""

import os
import shutil  # noqa: F401
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import numpy as np
import tensorflow.compat.v1 as tf
from google.protobuf import text_format
from tensorflow.core.framework import graph_pb2
from tensorflow.python.client import session  # noqa: F401
from tensorflow.python.framework import graph_util, importer  # noqa: F401
from tensorflow.python.platform import gfile  # noqa: F401

from sparkdl.bigdl.nn.layer import Model
from sparkdl.bigdl.util.bridge import callBigDlFunc  # noqa: F401
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.bigdl.util.sample import JTensor  # noqa: F401
from sparkdl.bigdl.util.tf_graph_util import convert_variables_to_constants
from sparkdl.errors import ArgumentError, UnsupportedError


def convert(input_ops: Sequence[Any], output_ops: Sequence[Any], byte_order: str, bigdl_type: str) -> Any:
    """A model of the default graph of TensorFlow 1 between some ops, with new values of its variables.

    Args:
        input_ops: placeholders.
        output_ops: where the model ends.
        byte_order: no matter.
    """
    inputs, outputs = ([_name(item) for item in ops] for ops in (input_ops, output_ops))
    with tempfile.TemporaryDirectory(prefix="sparkdl-graph-") as folder:
        path = os.path.join(folder, "model.pb")
        with _session(None) as sess:
            _write(convert_variables_to_constants(sess, sess.graph.as_graph_def(), outputs), path)
        # Each thread has its own default graph, and a new one none: the model is not built into the caller's.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(Model.load_tensorflow, path, inputs, outputs, byte_order).result()


def get_path(output_name: str, sess: Any = None) -> str:
    """The path of a file, in a new temporary folder, of the frozen graph of a session (or the default graph)."""
    path = os.path.join(tempfile.mkdtemp(prefix="sparkdl-graph-"), "model.pb")
    with _session(sess) as opened:
        _write(convert_variables_to_constants(opened, opened.graph.as_graph_def(), [output_name]), path)
    return path


def merge_checkpoint(
    input_graph: str, checkpoint: str, output_node_names: Sequence[str], output_graph: str, sess: Any
) -> None:
    """Writes a frozen graph of a graph in text form, with the values of a checkpoint.

    Args:
        input_graph: the file of the graph.
        checkpoint: the checkpoint.
        output_node_names: what the new graph gives.
        output_graph: the file of the new graph.
        sess: a session; it is not changed.
    """
    definition = graph_pb2.GraphDef()
    with open(input_graph, encoding="utf-8") as file:
        text_format.Merge(file.read(), definition)
    for node in definition.node:
        node.device = ""
    with tf.Graph().as_default(), tf.Session() as own:
        tf.import_graph_def(definition, name="")
        own.run("save/restore_all", {"save/Const:0": checkpoint})
        _write(convert_variables_to_constants(own, definition, output_node_names), output_graph)


def export_checkpoint(checkpoint_path: str) -> dict[str, np.ndarray]:
    """The variables of a checkpoint, by name, without the step."""
    reader = tf.train.NewCheckpointReader(checkpoint_path)
    names = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in names if name != "global_step"}


def save_variable_bigdl(tensors: Any, target_path: str, bigdl_type: str = "float") -> NoReturn:
    """Refused.

    Raises:
        UnsupportedError: always.
    """
    raise UnsupportedError(
        f"{target_path} is not written: a Java object file of variables is of no use here; Model.load_tensorflow reads "
        f"frozen graphs, checkpoints and SavedModels, and object files that BigDL wrote."
    )


def dump_model(
    path: str, graph: Any = None, sess: Any = None, ckpt_file: str | None = None, bigdl_type: str = "float"
) -> None:
    """Writes `model.pb`, a frozen graph, into a folder; as it holds the values, no `bin_file` goes with it.

    Args:
        path: the folder.
        graph: the graph; None for that of the session.
        sess: whose values are written; None for new values of the default graph.
        ckpt_file: refused.

    Raises:
        ArgumentError: there is no such folder.
        UnsupportedError: `ckpt_file` is given.
    """
    if not os.path.isdir(path):
        raise ArgumentError(f"dump_model writes into a folder, and {path!r} is none: make it first.")
    if ckpt_file is not None:
        raise UnsupportedError(
            "dump_model(ckpt_file=) is not here: Model.load_tensorflow reads checkpoints, give it as bin_file=."
        )
    with _session(sess) as opened:
        kept = (graph or opened.graph).as_graph_def()
        names = [op.name for op in (graph or opened.graph).get_operations() if not _consumers(op)]
        _write(convert_variables_to_constants(opened, kept, names), os.path.join(path, "model.pb"))


def _consumers(op: Any) -> bool:
    return any(tensor.consumers() for tensor in op.outputs)


def _name(item: Any) -> str:
    return (item if isinstance(item, str) else item.name).split(":")[0]


def _write(definition: Any, path: str) -> None:
    with open(path, "wb") as file:
        file.write(definition.SerializeToString())


class _session:
    """A session as it is, or a new one of the default graph whose variables have new values."""

    def __init__(self, given: Any) -> None:
        self._given = given
        self._own: Any = None

    def __enter__(self) -> Any:
        if self._given is not None:
            return self._given
        self._own = tf.Session()
        with self._own.graph.as_default():
            self._own.run(tf.global_variables_initializer())
        return self._own

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            self._own.close()
