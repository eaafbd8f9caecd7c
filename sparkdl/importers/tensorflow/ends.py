"""Where a model begins and ends: the names that the user gave, those of a signature, or what the graph suggests."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from sparkdl.errors import ArgumentError, ImporterError
from sparkdl.importers.tensorflow.source import GraphSource
from sparkdl.nn.graph.cut import dtype_of, needed
from sparkdl.nn.graph.program import Node, Program, TensorName, parse_tensor, ranges_of
from sparkdl.nn.graph.refused import why_refused
from sparkdl.nn.graph.structure import ENTERS, EXITS
from sparkdl.nn.graph.variables import ASSIGNMENTS

PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2"})
DEFAULTS = frozenset({"PlaceholderWithDefault"})

# Nodes with such names are no results of a model, though nothing may read them.
_SIDELINE = re.compile(
    r"(\A|/)(save|saver|init|gradients|report_uninitialized_variables|IsVariableInitialized|queue)(_\d+)?(/|\Z)"
)
_NO_RESULT = frozenset({"NoOp", "Assert", "Print", "PrintV2", "Const", "IsVariableInitialized", "VarIsInitializedOp"})
_NO_RESULT_ENDINGS = ("Summary", "SummaryV2", "Initializer", "Save", "SaveV2", "RestoreV2", "TensorArrayCloseV3")


@dataclass(frozen=True)
class Ends:
    """The tensors where a model begins and ends, with the names that users know them by."""

    inputs: Mapping[str, TensorName]
    outputs: Mapping[str, TensorName]
    training: tuple[TensorName, ...]
    guessed: str = ""


def find_ends(
    source: GraphSource, program: Program, inputs: Sequence[str] | None, outputs: Sequence[str] | None
) -> Ends:
    """Chooses where a model begins and ends.

    Raises:
        ArgumentError: where a name is unknown.
        ImporterError: where the outputs need more than the inputs, or none can be found.
    """
    guessed = []
    if outputs is not None:
        ends = {name: tensor_of(name, program, source) for name in _listed(outputs, "outputs")}
    elif source.outputs:
        ends = {key: tensor_of(name, program, source) for key, name in source.outputs.items()}
    else:
        ends = {name: TensorName(name) for name in _sinks(program)}
        guessed.append(f"outputs={list(ends)}")
        if not ends:
            raise ImporterError(f"{source.path} has no node that looks like the result of a model; give outputs=.")
    if inputs is not None:
        starts = {name: tensor_of(name, program, source) for name in _listed(inputs, "inputs")}
    elif source.inputs and outputs is None:
        starts = {key: tensor_of(name, program, source) for key, name in source.inputs.items()}
    else:
        within = needed(program, ends.values())
        starts = {
            name: TensorName(name)
            for name, node in program.nodes.items()
            if name in within and node.op in PLACEHOLDERS and not _is_flag(node)
        }
        guessed.append(f"inputs={list(starts)}")
    within = needed(program, ends.values(), starts.values())
    flags = tuple(TensorName(n) for n in program.nodes if n in within and _is_flag(program.nodes[n]))
    _check_complete(program, ends, starts, flags, source.path)
    return Ends(starts, ends, flags, f"{source.path} is read with {' and '.join(guessed)}." if guessed else "")


def _listed(names: Sequence[str], argument: str) -> list[str]:
    listed = [names] if isinstance(names, str) else list(names)
    if not listed or any(not isinstance(name, str) for name in listed) or len(set(listed)) < len(listed):
        raise ArgumentError(f"{argument} is {names!r}; expected names of tensors, each once.")
    return listed


def tensor_of(name: str, program: Program, source: GraphSource) -> TensorName:
    """The tensor of a name, with or without its number; the keys of the signature are names too.

    Raises:
        ArgumentError: where there is none; it names some that are like it.
    """
    for text in (name, source.inputs.get(name, ""), source.outputs.get(name, "")):
        tensor = program.resolve(parse_tensor(text))
        if tensor.node in program.nodes:
            count = output_count(program.nodes[tensor.node])
            if count is not None and tensor.index >= count:
                raise ArgumentError(
                    f"{source.path}: node {tensor.node!r} has {count} outputs; {name!r} is none of them."
                )
            return tensor
    near = difflib.get_close_matches(name, [*program.nodes, *source.inputs, *source.outputs], 3, 0.5)
    near = near or [node for node in program.nodes if name.rpartition("/")[2].lower() in node.lower()][:3]
    hint = f"; did you mean {', '.join(map(repr, near))}?" if near else "."
    raise ArgumentError(f"{source.path} has no tensor {name!r}{hint}")


def output_count(node: Node) -> int | None:
    """How many outputs a node has; None where that is not known."""
    definition = op_def_registry.get(node.op)
    if definition is None:
        return None
    return sum(count for _, _, count in ranges_of(definition.output_arg, node.attr))


def output_dtype(node: Node, index: int) -> tf.DType | None:
    """The type of an output, from the attributes of its node."""
    definition = op_def_registry.get(node.op)
    if definition is None:
        return None
    for argument, (_, first, count) in zip(
        definition.output_arg, ranges_of(definition.output_arg, node.attr), strict=True
    ):
        if not first <= index < first + count:
            continue
        kind = argument.type
        if argument.type_attr:
            defaults = {item.name: item.default_value.type for item in definition.attr}
            key = argument.type_attr
            kind = node.attr[key].type if key in node.attr else defaults[key]
        elif argument.type_list_attr:
            kind = node.attr[argument.type_list_attr].list.type[index - first]
        return tf.as_dtype(kind).base_dtype if kind else None
    return None


def _is_flag(node: Node) -> bool:
    """Whether a node is a boolean that is given from outside: whether this is training, by all experience."""
    if node.op not in PLACEHOLDERS | DEFAULTS or dtype_of(node) != tf.bool:
        return False
    shape = node.attr["shape"].shape if "shape" in node.attr else None
    return shape is None or not shape.dim


def _sinks(program: Program) -> Iterable[str]:
    """Nodes that nothing reads and that come from an input, without those that save, initialise, summarise or train."""
    read = {tensor.node for node in program.nodes.values() for tensor in node.inputs}
    computed = _computed_from_inputs(program)
    for name, node in program.nodes.items():
        if (
            name in read
            or name not in computed
            or _SIDELINE.search(name)
            or node.op in _NO_RESULT | ASSIGNMENTS.keys() | EXITS
        ):
            continue
        if node.op.endswith(_NO_RESULT_ENDINGS) or why_refused(node.op) or output_count(node) == 0:
            continue
        yield name


def _computed_from_inputs(program: Program) -> set[str]:
    """The nodes behind placeholders and readers of data, outside of loops."""
    readers: dict[str, list[str]] = {}
    for name, node in program.nodes.items():
        for tensor in node.inputs:
            readers.setdefault(tensor.node, []).append(name)
    starts = [n for n, node in program.nodes.items() if node.op in PLACEHOLDERS or why_refused(node.op) == "reads data"]
    entered = [name for name, node in program.nodes.items() if node.op in ENTERS]
    inside = _behind_nodes(program, entered, readers, EXITS) | set(entered)
    return _behind_nodes(program, starts, readers, frozenset()) - inside


def _behind_nodes(
    program: Program, starts: Iterable[str], readers: Mapping[str, Sequence[str]], stop: frozenset[str]
) -> set[str]:
    stack = [reader for name in starts for reader in readers.get(name, ())]
    found: set[str] = set()
    while stack:
        name = stack.pop()
        if name not in found and program.nodes[name].op not in stop:
            found.add(name)
            stack.extend(readers.get(name, ()))
    return found


def _check_complete(
    program: Program,
    ends: Mapping[str, TensorName],
    starts: Mapping[str, TensorName],
    flags: Sequence[TensorName],
    path: str,
) -> None:
    """Sees that nothing is needed that is neither given nor in the graph."""
    given = [*starts.values(), *flags]
    within = needed(program, ends.values(), given)
    lacking = [name for name in program.nodes if name in within and program.nodes[name].op in PLACEHOLDERS]
    if lacking:
        raise ImporterError(
            f"{path}: the outputs {', '.join(ends)} need the placeholders {', '.join(map(repr, lacking))}, which are "
            f"not among the inputs {', '.join(starts) or '(none)'}; add them to inputs=, or name there a tensor behind "
            "them."
        )
    for name in program.nodes:
        if name in within and (reason := why_refused(program.nodes[name].op)) == "reads data":
            readers = [
                n for n, node in program.nodes.items() if n in within and any(t.node == name for t in node.inputs)
            ]
            raise ImporterError(
                f"{path}: the outputs {', '.join(ends)} need {program.nodes[name]}, which {reason}; rows come from "
                "Spark here: name the tensor behind it as an input, for example "
                f"inputs=[{_behind(program, readers, name)!r}]."
            )
    if not starts:
        raise ImporterError(f"{path}: the outputs {', '.join(ends)} need no input; name one with inputs=.")


def _behind(program: Program, readers: Sequence[str], name: str) -> str:
    """The last reading op before the model: what should be cut."""
    while readers and (why := [reader for reader in readers if why_refused(program.nodes[reader].op)]):
        name = why[0]
        readers = [n for n, node in program.nodes.items() if any(tensor.node == name for tensor in node.inputs)]
    return name
