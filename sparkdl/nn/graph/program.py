"""A graph as nodes by name, with the bodies of functions in the place of calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tensorflow.core.framework import function_pb2, graph_pb2, node_def_pb2
from tensorflow.python.framework import op_def_registry

from sparkdl.errors import ImporterError

Library = Mapping[str, function_pb2.FunctionDef]

# They run the function of their attribute `f` in place.
CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})

# Functions that call functions can grow without bounds.
MAXIMAL_NODES = 500_000


class TensorName(NamedTuple):
    """An output of a node."""

    node: str
    index: int = 0  # type: ignore[assignment]  # a tuple has a method of this name

    def __str__(self) -> str:
        return f"{self.node}:{self.index}"


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a graph; its inputs name tensors, its controls nodes that TensorFlow would run before it."""

    name: str
    op: str
    inputs: tuple[TensorName, ...]
    controls: tuple[str, ...]
    attr: Mapping[str, Any]

    def __str__(self) -> str:
        return f"node {self.name!r} ({self.op})"


@dataclass(frozen=True)
class Program:
    """Nodes in the order of the file.

    Attributes:
        nodes: by name.
        aliases: the tensors that the outputs of calls have become.
        arguments: of a function: the nodes that stand for what it is given.
        results: of a function: what it returns.
        effects: nodes that change variables, by the name of the call in whose function they stand; "" for those of a
            function that is not called but is the body of a loop or branch.
    """

    nodes: Mapping[str, Node]
    aliases: Mapping[TensorName, TensorName] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    results: tuple[TensorName, ...] = ()
    effects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def resolve(self, name: TensorName) -> TensorName:
        """The tensor behind a name: outputs of calls are tensors of the function called."""
        for _ in range(len(self.aliases) + 1):
            if name not in self.aliases:
                return name
            name = self.aliases[name]
        raise ImporterError(f"tensor {name} is computed from itself.")


def parse_tensor(text: str) -> TensorName:
    """The tensor that a text names, with or without its index.

    Example:
        >>> parse_tensor("prediction/Softmax"), parse_tensor("split:1")
        (TensorName(node='prediction/Softmax', index=0), TensorName(node='split', index=1))
    """
    node, colon, index = text.rpartition(":")
    return TensorName(node, int(index)) if colon and index.isdecimal() and len(index) < 7 else TensorName(text, 0)


def library_of(graph: graph_pb2.GraphDef) -> Library:
    """The functions of a graph by name."""
    return {function.signature.name: function for function in graph.library.function}


def program_of(graph: graph_pb2.GraphDef) -> Program:
    """A graph with its functions in the place of their calls."""
    return _inlined((_node_of(node) for node in graph.node), library_of(graph))


def program_of_function(name: str, library: Library, attributes: Mapping[str, Any]) -> Program:
    """The body of a function; its arguments are nodes."""
    function = _function(library, name, "the graph")
    arguments = [
        f"{arg.name}/{index}" if count > 1 else arg.name
        for arg, count in _counted(function.signature.input_arg, attributes)
        for index in range(count)
    ]
    given = [Node(argument, "_Arg", (), (), {}) for argument in arguments]
    body = _instantiate(function, attributes, "", [TensorName(argument) for argument in arguments], library)
    program = _inlined([*given, *body.nodes], library)
    return replace(
        program,
        arguments=tuple(arguments),
        results=tuple(program.resolve(result) for result in body.results),
        effects={**program.effects, "": body.effects},
    )


def called(node: Node, library: Library) -> str | None:
    """The function that a node calls in place, or None."""
    if node.op in CALLS:
        return str(node.attr["f"].func.name) if "f" in node.attr else ""
    return node.op if node.op in library else None


def functions_of(attributes: Mapping[str, Any]) -> Iterator[str]:
    """The names of the functions in a node's attributes."""
    for value in attributes.values():
        if value.HasField("func"):
            yield value.func.name
        elif value.HasField("list"):
            yield from (function.name for function in value.list.func)


def graph_of(nodes: Iterable[Node], library: Library) -> graph_pb2.GraphDef:
    """The file of some nodes, with the functions that they name, directly or not."""
    graph = graph_pb2.GraphDef()
    wanted: list[str] = []
    for node in nodes:
        written = graph.node.add(name=node.name, op=node.op)
        written.input.extend(str(name) if name.index else name.node for name in node.inputs)
        written.input.extend(f"^{control}" for control in node.controls)
        for key, value in node.attr.items():
            written.attr[key].CopyFrom(value)
        wanted.extend(functions_of(node.attr))
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in library and name not in seen:
            seen.add(name)
            graph.library.function.add().CopyFrom(library[name])
            for inner in library[name].node_def:
                wanted.extend([inner.op, *functions_of(inner.attr)])
    return graph


def ranges_of(arguments: Iterable[Any], attributes: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    """The name, first index and number of tensors of each input or output of an op."""
    start = 0
    for argument, count in _counted(arguments, attributes):
        yield argument.name, start, count
        start += count


def _counted(arguments: Iterable[Any], attributes: Mapping[str, Any]) -> Iterator[tuple[Any, int]]:
    for argument in arguments:
        if argument.number_attr:
            count = attributes[argument.number_attr].i if argument.number_attr in attributes else 0
            if not 0 <= count <= MAXIMAL_NODES:
                raise ImporterError(f"{count} tensors are asked for as {argument.name!r}; no op has that many.")
            yield argument, count
        elif argument.type_list_attr:
            key = argument.type_list_attr
            yield argument, len(attributes[key].list.type) if key in attributes else 0
        else:
            yield argument, 1


def _node_of(node: node_def_pb2.NodeDef) -> Node:
    inputs = tuple(parse_tensor(text) for text in node.input if not text.startswith("^"))
    controls = tuple(text[1:] for text in node.input if text.startswith("^"))
    return Node(node.name, node.op, inputs, controls, node.attr)


def _function(library: Library, name: str, caller: str) -> function_pb2.FunctionDef:
    if name not in library:
        raise ImporterError(f"{caller} calls the function {name!r}, which is not in the file's library.")
    return library[name]


class _Body(NamedTuple):
    nodes: list[Node]
    results: list[TensorName]
    effects: tuple[str, ...]


def _inlined(nodes: Iterable[Node], library: Library) -> Program:
    """All nodes with calls replaced by what they call, in the order of the file."""
    kept: dict[str, Node] = {}
    aliases: dict[TensorName, TensorName] = {}
    effects: dict[str, tuple[str, ...]] = {}
    waiting = [*nodes][::-1]
    while waiting:
        node = waiting.pop()
        name = called(node, library)
        if name is None:
            if node.name in kept:
                raise ImporterError(f"two nodes are called {node.name!r}; names must be unique.")
            kept[node.name] = node
        else:
            function = _function(library, name, str(node))
            attributes = {**node.attr["f"].func.attr} if node.op in CALLS else node.attr
            body = _instantiate(function, attributes, f"{node.name}/", node.inputs, library)
            aliases.update({TensorName(node.name, index): result for index, result in enumerate(body.results)})
            effects[node.name] = body.effects
            waiting.extend(_pinned(inner, node.controls) for inner in reversed(body.nodes))
        if len(kept) + len(waiting) > MAXIMAL_NODES:
            raise ImporterError(f"the graph has more than {MAXIMAL_NODES} nodes with its functions in place of calls.")
    program = Program(kept, aliases, effects=effects)
    resolved = {
        name: replace(
            node,
            inputs=tuple(program.resolve(given) for given in node.inputs),
            controls=tuple(_controls(program, node.controls)),
        )
        if aliases or effects
        else node
        for name, node in kept.items()
    }
    return replace(program, nodes=resolved)


def _pinned(node: Node, controls: tuple[str, ...]) -> Node:
    """A node of a body; what reads nothing stays where the call stood, which in loops and branches matters."""
    return node if node.inputs or node.controls else replace(node, controls=controls)


def _controls(program: Program, controls: Sequence[str]) -> Iterator[str]:
    for control in controls:
        if control in program.effects:
            yield from _controls(program, program.effects[control])
            if (result := TensorName(control, 0)) in program.aliases:
                yield program.resolve(result).node
        else:
            yield control


def _instantiate(
    function: function_pb2.FunctionDef,
    attributes: Mapping[str, Any],
    prefix: str,
    given: Sequence[TensorName],
    library: Library,
) -> _Body:
    """The nodes of a function with a prefix, reading what they are given."""
    tensors: dict[str, list[TensorName]] = {}
    start = 0
    for argument, count in _counted(function.signature.input_arg, attributes):
        _bind(tensors, argument.name, list(given[start : start + count]))
        start += count
    if start != len(given):
        name = function.signature.name
        raise ImporterError(
            f"function {name!r} takes {start} tensors, and {prefix or 'its caller'} gives {len(given)}."
        )
    filled = {node.name: _substituted(node.attr, attributes) for node in function.node_def}
    for node in function.node_def:
        definition = library[node.op].signature if node.op in library else op_def_registry.get(node.op)
        for output, first, count in (
            ranges_of(definition.output_arg, filled[node.name]) if definition is not None else ()
        ):
            made = [TensorName(prefix + node.name, first + index) for index in range(count)]
            _bind(tensors, f"{node.name}:{output}", made)

    def read(text: str) -> list[TensorName]:
        if text not in tensors:
            raise ImporterError(f"in function {function.signature.name!r} nothing is called {text!r}.")
        return tensors[text]

    nodes = [
        Node(
            prefix + node.name,
            node.op,
            tuple(name for text in node.input if not text.startswith("^") for name in read(text)),
            tuple(prefix + text[1:] for text in node.input if text.startswith("^")),
            filled[node.name],
        )
        for node in function.node_def
    ]
    results = [name for output in function.signature.output_arg for name in read(function.ret[output.name])]
    return _Body(nodes, results, tuple(prefix + name for name in function.control_ret.values()))


def _bind(tensors: dict[str, list[TensorName]], name: str, values: list[TensorName]) -> None:
    tensors[name] = values
    tensors.update({f"{name}:{index}": [value] for index, value in enumerate(values)})


def _substituted(attr: Mapping[str, Any], attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """A node's attributes, with those that the function leaves open."""
    if not any(value.placeholder for value in attr.values()):
        return attr
    return {
        key: attributes[value.placeholder] if value.placeholder in attributes else value for key, value in attr.items()
    }
