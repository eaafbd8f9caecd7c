"""The part of a graph between some tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import tensorflow as tf

from sparkdl.nn.graph.program import Node, Program, TensorName
from sparkdl.nn.graph.structure import ENTERS, SAME, SWITCHES
from sparkdl.nn.graph.variables import ASSIGNMENTS, VARIABLES

_SUBTRACTIONS = frozenset({"AssignSub", "AssignSubVariableOp"})
_READS = SAME | {"ReadVariableOp"}


@dataclass(frozen=True)
class Part:
    """What some outputs need.

    Attributes:
        program: the nodes needed, in the order of the file; a tensor that is given is a placeholder.
        inputs: the nodes of the tensors that are given.
        outputs: the tensors wanted.
        effects: the nodes that assign variables when the part runs.
    """

    program: Program
    inputs: tuple[str, ...]
    outputs: tuple[TensorName, ...]
    effects: tuple[str, ...]


def needed(program: Program, wanted: Iterable[TensorName], given: Iterable[TensorName] = ()) -> set[str]:
    """The nodes that tensors are computed from, themselves included, if some tensors are given."""
    stop = set(given)
    found: set[str] = set()
    stack = [tensor.node for tensor in wanted if tensor not in stop]
    while stack:
        name = stack.pop()
        if name not in found and name in program.nodes:
            found.add(name)
            stack.extend(tensor.node for tensor in program.nodes[name].inputs if tensor not in stop)
            stack.extend(control for control in program.nodes[name].controls if _is_pivot(program, control))
    return found


def _is_pivot(program: Program, name: str) -> bool:
    """Whether a node stands for a side of a branch: what reads nothing on that side is tied to it, and stays there."""
    node = program.nodes.get(name)
    if node is not None and node.op == "NoOp":  # between the two, where TensorFlow has lowered functions
        return True
    if node is None or node.op not in SAME or not node.inputs or node.inputs[0].node not in program.nodes:
        return False
    return program.nodes[node.inputs[0].node].op in SWITCHES


def cut(program: Program, inputs: Sequence[TensorName], outputs: Sequence[TensorName]) -> Part:
    """The part of a program between tensors."""
    given = [program.resolve(name) for name in inputs]
    wanted = [program.resolve(name) for name in outputs]
    nodes = needed(program, wanted, given)
    effects = _effects(program, nodes, set(given))
    for effect in effects:
        nodes |= needed(program, program.nodes[effect].inputs, given) | {effect}
    names = {tensor: _free(tensor, nodes) for tensor in given}

    def renamed(tensor: TensorName) -> TensorName:
        return TensorName(names[tensor]) if tensor in names else tensor

    kept: dict[str, Node] = {}
    for tensor, name in names.items():
        kept[name] = _placeholder(program.nodes[tensor.node], name)
    for name in program.nodes:
        if name in nodes and name not in kept:
            node = program.nodes[name]
            controls = tuple(control for control in node.controls if control in nodes)
            kept[name] = replace(node, inputs=tuple(renamed(tensor) for tensor in node.inputs), controls=controls)
    return Part(
        Program(kept), tuple(names[tensor] for tensor in given), tuple(renamed(tensor) for tensor in wanted), effects
    )


def _free(tensor: TensorName, nodes: set[str]) -> str:
    """A name for the placeholder of a tensor: its node's, unless other outputs of the node are computed."""
    return tensor.node if tensor.node not in nodes else f"{tensor.node}/given_{tensor.index}"


def _placeholder(node: Node, name: str) -> Node:
    kept = {key: node.attr[key] for key in ("dtype", "shape") if key in node.attr} if node.op == "Placeholder" else {}
    return Node(name, "Placeholder", (), (), kept)


def _effects(program: Program, nodes: set[str], given: set[TensorName]) -> tuple[str, ...]:
    """Assignments in functions that are called, or that TensorFlow would do before something that is needed; and
    moving averages of what is computed, which TensorFlow 1 left to a training op."""
    found = {name: None for name in program.nodes if _averages(program, name, nodes, given)}
    for call, names in program.effects.items():
        if any(program.resolve(alias).node in nodes for alias in program.aliases if alias.node == call):
            found.update(dict.fromkeys(names))
    stack = [control for name in nodes for control in program.nodes[name].controls]
    seen: set[str] = set()
    while stack:
        name = stack.pop()
        if name in program.nodes and name not in seen and name not in nodes:
            seen.add(name)
            found[name] = None
            node = program.nodes[name]
            stack.extend([*node.controls, *(tensor.node for tensor in node.inputs)])
    return tuple(name for name in found if _possible(program, name, given))


def _averages(program: Program, name: str, nodes: set[str], given: set[TensorName]) -> bool:
    """Whether a node takes `(variable - value) * (1 - decay)` from a variable that is needed, as `UPDATE_OPS` do."""
    node = program.nodes[name]
    if node.op not in _SUBTRACTIONS or assigned(program, name) not in nodes:
        return False
    product = program.nodes.get(node.inputs[1].node)
    if product is None or product.op != "Mul":
        return False
    factors = [program.nodes[tensor.node] for tensor in product.inputs if tensor.node in program.nodes]
    return any(
        factor.op == "Sub"
        and origin(program, factor.inputs[0]) == assigned(program, name)
        and any(tensor.node in needed(program, [factor.inputs[1]]) for tensor in given)
        for factor in factors
    )


def assigned(program: Program, name: str) -> str:
    """The node of the variable that a node assigns."""
    return origin(program, program.nodes[name].inputs[0])


def origin(program: Program, tensor: TensorName) -> str:
    """The node that a tensor comes from, behind reads and copies."""
    node = program.nodes[tensor.node]
    while node.op in _READS and node.inputs:
        node = program.nodes[node.inputs[0].node]
    return node.name


def _possible(program: Program, name: str, given: set[TensorName]) -> bool:
    """Whether an assignment needs no more than is given."""
    if name not in program.nodes or program.nodes[name].op not in ASSIGNMENTS:
        return False
    sources = [program.nodes[other] for other in needed(program, program.nodes[name].inputs, given)]
    return not any(node.op == "Placeholder" or node.op in ENTERS for node in sources)


def ancestors(
    program: Program, tensor: TensorName, outputs: Iterable[TensorName] = (), effects: Iterable[str] = ()
) -> list[str]:
    """The names of the variables that a tensor is computed from, in the order of the program.

    Args:
        program: the graph.
        tensor: where to look from.
        outputs: what the graph computes.
        effects: assignments that it makes beside it; variables that follow (moving averages) what lies before the
            tensor belong to it too.
    """
    before = needed(program, [program.resolve(tensor)])
    computed = needed(program, outputs)
    for effect in effects:
        beside = needed(program, program.nodes[effect].inputs) - computed
        read = {source.node for name in [effect, *beside] for source in program.nodes[name].inputs} - beside
        if all(name in before or program.nodes[name].op in VARIABLES for name in read):
            before |= beside
    return [name for name, node in program.nodes.items() if node.op in VARIABLES and name in before]


def dtype_of(node: Node) -> tf.DType | None:
    """The type that a node's attribute `dtype` names."""
    return tf.as_dtype(node.attr["dtype"].type) if "dtype" in node.attr and node.attr["dtype"].type else None
