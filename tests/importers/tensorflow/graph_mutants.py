"""Loads altered graphs as models, in a process of its own: what ends it is seen by the test that started it.

    python -m tests.importers.tensorflow.graph_mutants SUBJECT COUNT FOLDER [SEED]

Prints how many were loaded and refused, the longest time and the growth of memory, as JSON. The file that is being
loaded is FOLDER/mutant.pb, so that it is there when the process has died.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, graph_pb2, types_pb2

from sparkdl.errors import SparkDLError
from sparkdl.importers.tensorflow.load import load_tensorflow
from tests.importers.mutation import mutant
from tests.importers.tensorflow import test_control_flow as flow
from tests.importers.tensorflow.mutants import NUMBERS as BYTES
from tests.importers.tensorflow.mutants import ROOM, TOKENS
from tests.importers.tensorflow.oracle import old_control_flow, record, weight

NUMBERS = (-1, 0, 1, 2, 3, 7, 255, 2**16, 2**31 - 1, -(2**31), 2**40, 2**63 - 1, -(2**63))
OPS = (
    "Conv2D MatMul Identity Switch Merge Enter Exit NextIteration Const Reshape Split ConcatV2 Fill StridedSlice While "
    "If PartitionedCall TensorArrayV3 TensorListReserve Placeholder FusedBatchNormV3 MaxPool Einsum Range Tile Pad "
    "GatherV2 VariableV2 Bitcast ParseExampleV2 SparseTensorDenseMatMul RaggedTensorToTensor QuantizeV2 NoSuchOp PyFunc"
).split()


def network() -> Sequence[tf.Tensor]:
    x = flow.placeholder("x", (None, 12, 12, 3))
    made = tf.nn.conv2d(x, weight("conv/w", 3, 3, 3, 4), 2, "SAME")
    parts = [weight(f"norm/{name}", 4) for name in ("gamma", "beta", "mean")] + [weight("norm/variance", 4) ** 2]
    made = tf.raw_ops.FusedBatchNormV3(
        x=made, scale=parts[0], offset=parts[1], mean=parts[2], variance=parts[3], is_training=False
    ).y
    made = tf.nn.depthwise_conv2d(made, weight("deep/w", 3, 3, 4, 1), [1, 1, 1, 1], "VALID")
    made = tf.concat([tf.nn.max_pool2d(made, 2, 2, "SAME"), tf.nn.avg_pool2d(made, 2, 2, "SAME")], 3)
    one, other = tf.split(tf.reshape(made, [tf.shape(x)[0], 32]), 2, 1)
    chosen = tf.gather(weight("table", 9, 16), tf.argmax(one, 1))
    return [tf.nn.softmax(tf.einsum("ab,bc->ac", chosen * other, weight("last", 16, 5)))]


SUBJECTS: dict[str, tuple[Callable[[], Any], dict[str, np.ndarray], bool]] = {
    "network": (network, {"x": np.zeros((2, 12, 12, 3), "float32")}, False),
    "old loop": (flow.sequence, {"x": flow.STEPS, "length": flow.LENGTHS}, True),
    "old branches": (flow.branch_in_loop, {"x": flow.X, "limit": np.float32(1)}, True),
    "functions": (flow.sequence, {"x": flow.STEPS, "length": flow.LENGTHS}, False),
    "arrays": (flow.arrays, {"x": flow.X}, True),
}


def altered(good: bytes, dice: random.Random) -> bytes:
    """A file with other bytes, or a graph with other nodes."""
    if dice.random() < 0.3:
        return mutant(good, dice, BYTES + TOKENS)
    graph = graph_pb2.GraphDef.FromString(good)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        bodies = [graph.node, *(function.node_def for function in graph.library.function)]
        nodes = dice.choice(bodies)
        if nodes:
            _alter(nodes, dice.choice(nodes), dice)
    return graph.SerializeToString()


def _alter(nodes: Any, node: Any, dice: random.Random) -> None:
    change = dice.randrange(9)
    if change == 0:
        node.op = dice.choice(OPS)
    elif change == 1 and node.input:
        node.input[dice.randrange(len(node.input))] = dice.choice(nodes).name + dice.choice(("", ":1", ":99", ":0"))
    elif change == 2 and node.input:
        del node.input[dice.randrange(len(node.input))]
    elif change == 3:
        node.input.append(dice.choice(("^", "")) + dice.choice(nodes).name)
    elif change == 4:
        node.name = dice.choice(
            (dice.choice(nodes).name, "", "_x", "a b", "\u00e9", "x" * 3000, "../../x", node.name + "/")
        )
    elif change == 5 and node.attr:
        del node.attr[dice.choice(sorted(node.attr))]
    elif node.attr:
        _alter_attribute(node.attr[dice.choice(sorted(node.attr))], dice)


def _alter_attribute(value: attr_value_pb2.AttrValue, dice: random.Random) -> None:
    kind = value.WhichOneof("value")
    number = dice.choice(NUMBERS)
    if kind is None or dice.random() < 0.1:
        value.i = number
    elif kind == "type":
        value.type = dice.choice([*types_pb2.DataType.values(), 9999])
    elif kind == "i":
        value.i = number
    elif kind == "shape":
        _alter_shape(value.shape, dice)
    elif kind == "tensor":
        _alter_tensor(value.tensor, dice)
    elif kind == "s":
        value.s = dice.choice((b"", b"SAME", b"EXPLICIT", b"NCHW", b"NCHW_VECT_C", b"\xff\xfe", b"x" * 1000, b"loc:@x"))
    elif kind == "list":
        for field in (value.list.i, value.list.f, value.list.type):
            if field and dice.random() < 0.5:
                field[dice.randrange(len(field))] = (
                    dice.choice((0, 1, 2, 3)) if field is value.list.type else number % 2**31
                )
            elif dice.random() < 0.2:
                field.append(1)
    elif kind == "b":
        value.b = not value.b
    elif kind == "func":
        value.func.name = dice.choice(("", "nothing", value.func.name + "x"))


def _alter_shape(shape: Any, dice: random.Random) -> None:
    if dice.random() < 0.2:
        shape.unknown_rank = True
    elif shape.dim and dice.random() < 0.7:
        shape.dim[dice.randrange(len(shape.dim))].size = dice.choice(NUMBERS)
    else:
        for _ in range(dice.choice((1, 2, 300))):
            shape.dim.add(size=dice.choice(NUMBERS))


def _alter_tensor(tensor: Any, dice: random.Random) -> None:
    change = dice.randrange(4)
    if change == 0:
        _alter_shape(tensor.tensor_shape, dice)
    elif change == 1:
        tensor.dtype = dice.choice([*types_pb2.DataType.values(), 9999])
    elif change == 2:
        tensor.tensor_content = dice.choice((b"", b"\x00" * 7, b"\xff" * 64, tensor.tensor_content * 2))
    else:
        for field in (tensor.int_val, tensor.float_val, tensor.int64_val, tensor.string_val):
            if field:
                field[0] = b"x" if field is tensor.string_val else dice.choice(NUMBERS[:9])


def main(name: str, count: int, folder: Path, seed: int) -> None:
    build, feeds, old = SUBJECTS[name]
    if old:
        with old_control_flow():
            recorded = record(build, feeds, folder)
    else:
        recorded = record(build, feeds, folder)
    good, file, dice = recorded.path.read_bytes(), folder / "mutant.pb", random.Random(seed)
    load_tensorflow(recorded.path, list(feeds), list(recorded.outputs))
    warnings.simplefilter("ignore")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    refused, slowest = 0, 0.0
    for _ in range(count):
        file.write_bytes(altered(good, dice))
        names = (list(feeds), list(recorded.outputs)) if dice.random() < 0.8 else (None, None)
        start = time.monotonic()
        try:
            load_tensorflow(file, *names)
        except SparkDLError:
            refused += 1
        slowest = max(slowest, time.monotonic() - start)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"loaded": count - refused, "refused": refused, "slowest": slowest, "grown": grown}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 0)
