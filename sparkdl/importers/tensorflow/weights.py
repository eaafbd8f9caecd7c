"""Which nodes of a graph are weights, which of them are trained, and their values."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2

from sparkdl.errors import ImporterError
from sparkdl.importers.tensorflow.source import Recorded
from sparkdl.nn.graph.check import check_tensor
from sparkdl.nn.graph.cut import dtype_of
from sparkdl.nn.graph.program import Library, Node, Program, TensorName, functions_of
from sparkdl.nn.graph.replay import FUNCTIONAL, WHILES
from sparkdl.nn.graph.structure import CONTROL_FLOW
from sparkdl.nn.graph.variables import HANDLES, VARIABLES
from sparkdl.nn.graph_layer import WeightSpec

# A freezing tool turns variables into constants, and leaves the op that read them as an Identity with such a name.
_READS = re.compile(r"(/read|ReadVariableOp(_\d+)?)\Z")
_STATISTICS = re.compile(
    r"(moving|running|pop|population|global)_(mean|variance|var|average|avg)(_\d+)?\Z|ExponentialMovingAverage\Z"
)

# Where in the inputs of an op a weight stands, for graphs in which no reads are left (optimized for inference).
ROLES: Mapping[str, tuple[int, ...]] = {
    "Conv2D": (1,),
    "Conv3D": (1,),
    "DepthwiseConv2dNative": (1,),
    "Conv2DBackpropInput": (1,),
    "Conv3DBackpropInputV2": (1,),
    "Dilation2D": (1,),
    "MatMul": (0, 1),
    "BatchMatMul": (0, 1),
    "BatchMatMulV2": (0, 1),
    "BatchMatMulV3": (0, 1),
    "Einsum": (0, 1),
    "BiasAdd": (1,),
    "BiasAddV1": (1,),
    "FusedBatchNorm": (1, 2),
    "FusedBatchNormV2": (1, 2),
    "FusedBatchNormV3": (1, 2),
    "Gather": (0,),
    "GatherV2": (0,),
    "ResourceGather": (0,),
    "_FusedConv2D": (1, 2),
    "_FusedMatMul": (1, 2),
    "LSTMBlockCell": (3, 4, 5, 6, 7),
    "BlockLSTM": (4, 5, 6, 7, 8),
    "BlockLSTMV2": (4, 5, 6, 7, 8),
    "GRUBlockCell": (2, 3, 4, 5),
}
_NORMS = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})
_SUMS = frozenset({"Add", "AddV2", "BiasAdd"})
# Ops that hand a weight on as it is.
_SAME = (CONTROL_FLOW - {"LoopCond"}) | {"Identity", "ReadVariableOp", "Cast", "Squeeze", "Reshape", "Snapshot"}

# Constants of more bytes are kept with the weights.
_BIG = 1 << 16


@dataclass(frozen=True)
class Weights:
    """What was found: the weights in the order of the graph, and the program in which they are variables."""

    specs: Sequence[WeightSpec]
    program: Program
    values: Mapping[str, Any]


class _Readers:
    """Who reads a node, also through ops that hand it on."""

    def __init__(self, program: Program) -> None:
        self._nodes = program.nodes
        self._direct: dict[str, list[tuple[Node, int]]] = defaultdict(list)
        for node in program.nodes.values():
            for position, tensor in enumerate(node.inputs):
                self._direct[tensor.node].append((node, position))

    def direct(self, name: str) -> list[tuple[Node, int]]:
        return self._direct[name]

    def behind(self, name: str) -> Iterator[tuple[Node, int]]:
        """The ops that use a node, with the position at which they read it."""
        seen, stack = {name}, [name]
        while stack:
            for reader, position in self._direct[stack.pop()]:
                if reader.op not in _SAME:
                    yield reader, position
                elif reader.name not in seen:
                    seen.add(reader.name)
                    stack.append(reader.name)

    def source(self, tensor: TensorName) -> Node:
        """The op behind those that only hand on."""
        node, seen = self._nodes[tensor.node], set()
        while node.op in _SAME and node.inputs and node.name not in seen:
            seen.add(node.name)
            node = self._nodes[node.inputs[0].node]
        return node


def find_weights(
    program: Program, values: Mapping[str, np.ndarray], path: str, library: Library, recorded: Recorded
) -> Weights:
    """Chooses the weights of a program.

    Args:
        program: the part of the graph that will run.
        values: of its variables.
        path: for messages.
        library: the functions of the graph.
        recorded: which of the variables are not trained.

    Raises:
        ImporterError: where variables have no values, or constants no meaning.
    """
    readers = _Readers(program)
    constants = {name: node for name, node in program.nodes.items() if node.op == "Const"}
    floats = {name for name, node in constants.items() if (kind := dtype_of(node)) is not None and kind.is_floating}
    trained = {name for name in floats if _was_read(name, readers, library)}
    if not trained and not any(node.op in VARIABLES for node in program.nodes.values()):
        trained = {name for name in floats if _rank(constants[name]) and _has_role(name, readers)}
    kept = trained | {name for name, node in constants.items() if name in values or _is_big(node)}
    lost = [n for n, node in program.nodes.items() if node.op in VARIABLES and n not in values]
    if lost:
        shown = ", ".join(lost[:10]) + (" and others" if len(lost) > 10 else "")
        raise ImporterError(
            f"{path}: {len(lost)} variables have no values: {shown}; give the checkpoint that has them."
        )
    specs, nodes = [], dict(program.nodes)
    for name, node in program.nodes.items():
        if name in kept or node.op in VARIABLES:
            weight = name in trained or (node.op in VARIABLES and name not in recorded.fixed)
            spec = _spec(node, values, weight, readers, path)
            specs.append(replace(spec, frozen=spec.trainable and name in recorded.frozen))
            nodes[name] = _variable(node, spec)
    return Weights(specs, replace(program, nodes=nodes), _Values(constants, values, path))


def _was_read(name: str, readers: _Readers, library: Library) -> bool:
    """Whether a constant was a variable: what read it is still there, perhaps in a loop."""
    seen, stack = {name}, [name]
    while stack:
        for reader, position in readers.direct(stack.pop()):
            if reader.op == "Identity" and _READS.search(reader.name):
                return True
            if reader.op in FUNCTIONAL and _is_read_inside(reader, position, library):
                return True
            if reader.op in CONTROL_FLOW | {"Identity"} and reader.name not in seen:
                seen.add(reader.name)
                stack.append(reader.name)
    return False


def _is_read_inside(node: Any, position: int, library: Library) -> bool:
    """Whether a function of a node reads what the node is given at a position."""
    position -= 0 if node.op in WHILES else 1
    for function in (library[name] for name in functions_of(node.attr) if name in library):
        arguments = function.signature.input_arg
        name = arguments[position].name if 0 <= position < len(arguments) else None
        for inner in function.node_def:
            for place, text in enumerate(inner.input):
                if text.partition(":")[0] != name:
                    continue
                if inner.op == "Identity" and _READS.search(inner.name):
                    return True
                if inner.op in FUNCTIONAL and _is_read_inside(inner, place, library):
                    return True
    return False


def _has_role(name: str, readers: _Readers) -> bool:
    return any(position in ROLES.get(reader.op, ()) for reader, position in readers.behind(name))


def is_statistic(name: str, readers: _Readers) -> bool:
    """Whether a weight is the moving mean or variance of a normalisation, whole or taken apart."""
    if _STATISTICS.search(name):
        return True
    for reader, position in readers.behind(name):
        if reader.op in _NORMS and position in (3, 4):
            return True
        if reader.op in _SUMS and any(user.op in ("Rsqrt", "Sqrt") for user, _ in readers.behind(reader.name)):
            return True
        if reader.op == "Mul" and _scales(reader, position, readers) and _is_subtracted(reader, readers):
            return True
        if reader.op == "Sub" and position == 1 and _is_normalized(reader, readers):
            return True
    return False


def _scales(product: Node, position: int, readers: _Readers) -> bool:
    """Whether the other factor is one over a deviation, perhaps times gamma."""
    other = readers.source(product.inputs[1 - position])
    factors = [other] if other.op == "Rsqrt" else [readers.source(given) for given in other.inputs if other.op == "Mul"]
    return any(factor.op == "Rsqrt" for factor in factors)


def _is_subtracted(product: Node, readers: _Readers) -> bool:
    users = list(readers.behind(product.name))
    return bool(users) and all((user.op == "Sub" and position == 1) or user.op == "Neg" for user, position in users)


def _is_normalized(difference: Node, readers: _Readers) -> bool:
    return any(
        (user.op == "Mul" and _scales(user, position, readers))
        or (user.op in ("RealDiv", "Div") and position == 0 and readers.source(user.inputs[1]).op == "Sqrt")
        for user, position in readers.behind(difference.name)
    )


def _rank(node: Node) -> int:
    return len(node.attr["value"].tensor.tensor_shape.dim)


def _is_big(node: Node) -> bool:
    kind = dtype_of(node)
    if kind is None or kind in (tf.string, tf.resource, tf.variant) or kind.is_quantized or "value" not in node.attr:
        return False
    tensor = node.attr["value"].tensor
    return tensor.ByteSize() > _BIG


def _spec(node: Node, values: Mapping[str, np.ndarray], weight: bool, readers: _Readers, path: str) -> WeightSpec:
    kind = dtype_of(node)
    if kind is None or kind in (tf.string, tf.resource, tf.variant):
        raise ImporterError(f"{path}: {node} is a variable of type {kind and kind.name}; expected numbers.")
    if node.op == "Const":
        tensor = node.attr["value"].tensor
        shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    else:
        told = tf.TensorShape(node.attr["shape"].shape) if "shape" in node.attr else tf.TensorShape(None)
        shape = tuple(told.as_list() if told.is_fully_defined() else values[node.name].shape)
    trainable = weight and kind.is_floating and not is_statistic(node.name, readers)
    return WeightSpec(node.name, shape, kind.base_dtype.name, trainable)


def _variable(node: Node, spec: WeightSpec) -> Node:
    """The node as a variable without a value."""
    attr = {"dtype": attr_value_pb2.AttrValue(type=tf.as_dtype(spec.dtype).as_datatype_enum)}
    attr["shape"] = attr_value_pb2.AttrValue(shape=tf.TensorShape(spec.shape).as_proto())
    return Node(node.name, node.op if node.op in HANDLES else "VariableV2", (), node.controls, attr)


class _Values(Mapping[str, Any]):
    """Values by name, each taken out of the graph when it is asked for, so that none is there twice."""

    def __init__(self, constants: Mapping[str, Node], variables: Mapping[str, np.ndarray], path: str) -> None:
        self._constants, self._variables, self._path = constants, variables, path

    def __getitem__(self, name: str) -> Any:
        if name in self._constants and name not in self._variables:
            return array_of(self._constants[name], self._path)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._constants, *self._variables])

    def __len__(self) -> int:
        return len(self._constants) + len(self._variables)


def array_of(node: Node, path: str) -> np.ndarray:
    """The value of a constant; a view of its bytes where it has them.

    Raises:
        ImporterError: where the bytes do not fit the shape.
    """
    tensor = node.attr["value"].tensor
    check_tensor(tensor, f"{path}: {node}")
    content, kind = tensor.tensor_content, tf.as_dtype(tensor.dtype)
    if not content:
        return np.asarray(tf.make_ndarray(tensor))
    return np.frombuffer(content, kind.as_numpy_dtype).reshape([dim.size for dim in tensor.tensor_shape.dim])


def markdown() -> str:
    """The table of the documentation."""
    rows = [f"| `{op}` | {', '.join(map(str, positions))} |" for op, positions in ROLES.items()]
    return "\n".join(["| op | inputs that are weights, from 0 |", "| --- | --- |", *rows]) + "\n"
