"""What must not be in a graph: ops that reach outside, ops that nobody knows, and what would bring TensorFlow down."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2
from tensorflow.python.framework import op_def_registry

from sparkdl.errors import ImporterError, UnsupportedError
from sparkdl.nn.graph.arrays import ARRAYS
from sparkdl.nn.graph.lookup import TABLES, UNFILLED
from sparkdl.nn.graph.program import CALLS, MAXIMAL_NODES, Library, Node, Program, functions_of, library_of, ranges_of
from sparkdl.nn.graph.refused import why_refused
from sparkdl.nn.graph.replay import FUNCTIONAL

# A constant of one value may say that it is repeated this often.
_MAXIMAL_FILL = 1 << 27
_MAXIMAL_DIMENSION = 1 << 40


def check(graph: graph_pb2.GraphDef) -> None:
    """Checks a graph and its functions before anything of TensorFlow's gets to see them.

    Raises:
        UnsupportedError: where ops are refused or unknown; it names them all.
        ImporterError: where something contradicts itself.
    """
    library = library_of(graph)
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    check_ops(((node.name, node.op) for node in nodes), library)
    check_recursion(library)
    for node in nodes:
        _check_node(node, library)


def check_part(program: Program, library: Library) -> None:
    """Refuses nodes of a part of a graph, and of the functions that it uses.

    Raises:
        UnsupportedError: where there are such.
    """
    nodes = program.nodes.values()
    unfilled = {node.op: f"{node.op} (node {node.name!r}): {why}" for node in nodes if (why := _why_unfilled(node))}
    check_ops([*((node.name, node.op) for node in nodes), *called(nodes, library)], library, unfilled)


def check_ops(ops: Iterable[tuple[str, str]], library: Library, found: Mapping[str, str] | None = None) -> None:
    """Refuses ops by name, all at once.

    Args:
        ops: nodes and their ops.
        library: the functions of the graph.
        found: what is to be refused besides, by op.

    Raises:
        UnsupportedError: where there are such.
    """
    refused = dict(found or {})
    for name, op in ops:
        if op not in refused and (why := why_not(op, library)):
            refused[op] = f"{op} (node {name!r}): {why}"
    if refused:
        raise UnsupportedError(f"the graph has ops that cannot be used: {'; '.join(refused.values())}.")


def why_not(op: str, library: Library) -> str:
    """Why an op cannot be used, in words; nothing where it can."""
    if op in library:
        return ""
    if reason := why_refused(op):
        return f"it {reason}"
    if op_def_registry.get(op) is None:
        near = difflib.get_close_matches(op, dir(tf.raw_ops), 1)
        return f"TensorFlow {tf.__version__} has no such op{f' (did you mean {near[0]}?)' if near else ''}"
    return ""


def why_not_node(node: Node, library: Library) -> str:
    """`why_not`, for a node of a graph whose tables have been filled."""
    return _why_unfilled(node) or why_not(node.op, library)


def _why_unfilled(node: Node) -> str:
    if node.op in TABLES and not node.inputs:
        return f"it {UNFILLED}"
    return ""


def called(nodes: Iterable[Node], library: Library) -> Iterator[tuple[str, str]]:
    """The ops of the functions that nodes call, with names that tell the function."""
    waiting, seen = [name for node in nodes for name in [node.op, *functions_of(node.attr)]], set()
    while waiting:
        name = waiting.pop()
        if name in library and name not in seen:
            seen.add(name)
            for node in library[name].node_def:
                yield f"{name}/{node.name}", node.op
                waiting.extend([node.op, *functions_of(node.attr)])


def check_recursion(library: Library) -> None:
    """Refuses functions that call themselves, directly or not, or that grow without bounds in the place of calls.

    Raises:
        ImporterError: where there are such.
    """
    calls = {
        name: [inner for node in function.node_def for inner in [node.op, *functions_of(node.attr)] if inner in library]
        for name, function in library.items()
    }
    callers: dict[str, list[str]] = {}
    for name, called in calls.items():
        for other in set(called):
            callers.setdefault(other, []).append(name)
    waiting = {name: len(set(called)) for name, called in calls.items()}
    ready = [name for name, count in waiting.items() if not count]
    sizes: dict[str, int] = {}
    while ready:
        name = ready.pop()
        sizes[name] = len(library[name].node_def) + sum(sizes[called] for called in calls[name])
        if sizes[name] > MAXIMAL_NODES:
            raise ImporterError(
                f"function {name!r} has more than {MAXIMAL_NODES} nodes with functions in place of calls."
            )
        for caller in callers.get(name, ()):
            waiting[caller] -= 1
            if not waiting[caller]:
                ready.append(caller)
    rounds = sorted(name for name, count in waiting.items() if count)
    if rounds:
        raise ImporterError(f"the functions {', '.join(rounds[:5])} call themselves in a round.")


def _check_node(node: node_def_pb2.NodeDef, library: Library) -> None:
    if node.op in library:
        return
    definition = op_def_registry.get(node.op)
    known = {item.name: item for item in definition.attr}
    for key, value in node.attr.items():
        if key.startswith("_") or value.placeholder:
            continue
        if key not in known:
            raise UnsupportedError(
                f"node {node.name!r} ({node.op}) has the attribute {key!r}, which TensorFlow {tf.__version__} does not "
                "know."
            )
        _check_attribute(node, known[key], value)
    missing = [k for k, item in known.items() if k not in node.attr and not item.HasField("default_value")]
    # What stands for an input is never applied.
    if missing and node.op != "Placeholder":
        raise ImporterError(f"node {node.name!r} ({node.op}) lacks the attribute {missing[0]!r}.")
    _check_inputs(node, definition)
    if any(value.HasField("func") for value in node.attr.values()) and node.op not in CALLS | FUNCTIONAL:
        raise UnsupportedError(f"node {node.name!r} ({node.op}) runs functions in a way that is not known here.")


def _check_inputs(node: node_def_pb2.NodeDef, definition: Any) -> None:
    given = sum(1 for text in node.input if not text.startswith("^"))
    if any(value.placeholder for value in node.attr.values()) or node.op in ARRAYS.keys() | TABLES:
        return
    expected = sum(count for _, _, count in ranges_of(definition.input_arg, _with_defaults(node, definition)))
    if given != expected:
        raise ImporterError(f"node {node.name!r} ({node.op}) reads {given} tensors; expected {expected}.")


def _with_defaults(node: node_def_pb2.NodeDef, definition: Any) -> Mapping[str, Any]:
    return {
        **{item.name: item.default_value for item in definition.attr if item.HasField("default_value")},
        **node.attr,
    }


_FIELDS = {
    "string": "s",
    "int": "i",
    "float": "f",
    "bool": "b",
    "type": "type",
    "shape": "shape",
    "tensor": "tensor",
    "func": "func",
}


def _check_attribute(node: node_def_pb2.NodeDef, item: Any, value: Any) -> None:
    field = "list" if item.type.startswith("list(") else _FIELDS.get(item.type)
    place = f"node {node.name!r} ({node.op}), attribute {item.name!r}"
    if value.WhichOneof("value") != field:
        raise ImporterError(f"{place} is of another kind than {item.type}.")
    if field == "list":
        _check_list(place, item, value.list)
    elif field == "shape":
        check_shape(value.shape, place)
    elif field == "tensor":
        check_tensor(value.tensor, place)
        if "dtype" in node.attr and node.attr["dtype"].type != value.tensor.dtype:
            raise ImporterError(f"{place} has another type than the node's dtype.")
    elif field == "type":
        _check_type(value.type, place)


def _check_list(place: str, item: Any, values: Any) -> None:
    inner = _FIELDS.get(item.type[5:-1])
    others = [field.name for field, _ in values.ListFields() if field.name != inner]
    if others:
        raise ImporterError(f"{place} is of another kind than {item.type}.")
    for shape in values.shape:
        check_shape(shape, place)
    for tensor in values.tensor:
        check_tensor(tensor, place)
    for number in values.type:
        _check_type(number, place)


def _check_type(number: int, place: str) -> None:
    try:
        tf.as_dtype(number)
    except TypeError as error:
        raise ImporterError(f"{place}: {number} is no type of TensorFlow.") from error


def check_shape(shape: Any, place: str) -> None:
    """Refuses shapes that cannot be."""
    sizes = [dim.size for dim in shape.dim]
    if len(sizes) > 254 or any(size < -1 or size > _MAXIMAL_DIMENSION for size in sizes):
        raise ImporterError(f"{place}: no tensor has the shape {sizes[:8]}.")
    if math.prod(size for size in sizes if size > 0) > 1 << 62 or (shape.unknown_rank and sizes):
        raise ImporterError(f"{place}: no tensor has the shape {sizes[:8]}.")


def check_tensor(tensor: Any, place: str) -> None:
    """Refuses tensors whose values do not fit their shape, or that would fill the memory from a few bytes."""
    check_shape(tensor.tensor_shape, place)
    _check_type(tensor.dtype, place)
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    if any(size < 0 for size in sizes) or tensor.tensor_shape.unknown_rank:
        raise ImporterError(f"{place}: a constant has the open shape {sizes[:8]}.")
    dtype, count = tf.as_dtype(tensor.dtype), math.prod(sizes)
    if dtype in _VALUELESS:
        raise ImporterError(f"{place}: a constant cannot be of type {dtype.name}.")
    if tensor.tensor_content:
        size = count * max(dtype.size, 1)
        if dtype == tf.string or len(tensor.tensor_content) != size:
            found = len(tensor.tensor_content)
            raise ImporterError(f"{place}: {found} bytes are given for the shape {sizes[:8]}; expected {size}.")
        return
    given = max((len(values) for values in _values(tensor)), default=0)
    if given > count * (2 if dtype.is_complex else 1):
        raise ImporterError(f"{place}: {given} values are given for the shape {sizes[:8]}.")
    if count > max(given, _MAXIMAL_FILL):
        raise ImporterError(f"{place}: {count} elements are asked for, and {given} given.")


_VALUELESS = frozenset({tf.resource, tf.variant})


def _values(tensor: Any) -> Iterator[Any]:
    for field, value in tensor.ListFields():
        if field.name.endswith("_val"):
            yield value
