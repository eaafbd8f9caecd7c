"""Runs a graph again, node by node, as operations of the function that is being traced.

A graph that is imported as a whole (`tf.import_graph_def`) is invisible to gradient tapes, and its loops have no
gradients inside of functions. What is replayed has both, whatever the ops are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops

from sparkdl.errors import ImporterError, SparkDLError
from sparkdl.nn.graph import control
from sparkdl.nn.graph.arrays import ARRAYS, apply_to_array
from sparkdl.nn.graph.cut import assigned
from sparkdl.nn.graph.lookup import LOOKUPS, apply_to_table
from sparkdl.nn.graph.operation import apply
from sparkdl.nn.graph.program import Library, Node, Program, TensorName, program_of_function
from sparkdl.nn.graph.structure import (
    ENTERS,
    EXITS,
    MERGES,
    REPEATS,
    SAME,
    SWITCHES,
    Frame,
    Loop,
    Place,
    Side,
    Structure,
)
from sparkdl.nn.graph.variables import ASSIGNMENTS, BY_HANDLE, HANDLES, REFERENCES, VariableHandle

# They hand on what they are given.
FIRST = SAME | ENTERS | REPEATS | SWITCHES | {"PlaceholderWithDefault", "Print"}
ALL = frozenset({"IdentityN"})
WHILES = frozenset({"While", "StatelessWhile"})
IFS = frozenset({"If", "StatelessIf"})
CASES = frozenset({"Case", "StatelessCase"})
FUNCTIONAL = WHILES | IFS | CASES

# Larger constants are made once, outside of all loops.
_SMALL = 1024


class Scope:
    """The values of nodes at one place of a program: outside of all loops, in one, on one side of a branch."""

    def __init__(
        self, program: Program, structure: Structure, parent: Scope | None = None, *entries: Loop | Side
    ) -> None:
        self.program, self.structure, self.parent = program, structure, parent
        self.entries: set[Loop | Side] = {*(parent.entries if parent else ()), *entries}
        self.graph = ops.get_default_graph()
        self.values: dict[str, tuple[Any, ...]] = {}

    def home(self, name: str) -> Scope:
        """Where the value of a node belongs: the outermost scope that lies in all that the node lies in."""
        scope: Scope = self
        if name in scope.values or _small_constant(self.program.nodes[name]):
            return scope
        place: Place = self.structure.place(name)
        while scope.parent is not None and scope.parent.entries.issuperset(place):
            scope = scope.parent
        return scope

    def value(self, tensor: TensorName) -> Any:
        """The value of a tensor that has been computed."""
        values = self.home(tensor.node).values[tensor.node]
        node = self.program.nodes[tensor.node]
        if node.op in SWITCHES:
            return values[0]
        if tensor.index >= len(values):
            raise ImporterError(f"{node} has {len(values)} outputs; {tensor} is none of them.")
        return values[tensor.index]


class Replay:
    """One run of a graph.

    Args:
        library: the functions of the graph.
        weight: the value of a weight by its name.
        structures: of the programs met, kept from run to run.
    """

    def __init__(
        self,
        library: Library,
        weight: Callable[[str], Any],
        structures: dict[Any, tuple[Program, Structure]],
    ) -> None:
        self._library, self._weight, self._structures = library, weight, structures
        self._read: dict[str, Any] = {}
        self._opened: set[tuple[Scope, str]] = set()
        self._graph = ops.get_default_graph()
        self.updates: dict[str, Any] = {}

    def weight(self, name: str) -> Any:
        """The value of a weight, read once and outside of all loops."""
        if name not in self._read:
            with _within(self._graph):
                self._read[name] = tf.convert_to_tensor(self._weight(name))
        return self._read[name]

    def run(
        self,
        program: Program,
        structure: Structure,
        given: Mapping[str, Any],
        outputs: Sequence[TensorName],
        effects: Sequence[str] = (),
    ) -> list[Any]:
        """The values of some tensors, from the values of nodes; then what some nodes assign, into `updates`."""
        scope = Scope(program, structure)
        scope.values.update({name: (value,) for name, value in given.items()})
        made = self.evaluate(scope, outputs)
        self._perform(scope, effects)
        return made

    def evaluate(self, scope: Scope, tensors: Sequence[TensorName]) -> list[Any]:
        """The values of tensors, computing what they need; without recursion, since graphs are deep."""
        # A branch that turns out to be decided moves what stands in it to an outer scope: so look again.
        while stack := [(home, name) for name, _ in tensors if name not in (home := scope.home(name)).values]:
            while stack:
                here, name = stack[-1]
                if name in here.values:
                    stack.pop()
                    continue
                node = here.program.nodes[name]
                missing = [(there, need) for there, need in self._needs(here, node) if need not in there.values]
                if missing:
                    self._open(here, name, missing)
                    stack.extend(missing)
                else:
                    with _within(here.graph):
                        self._compute(here, node)
                    self._opened.discard((here, name))
                    stack.pop()
        return [scope.value(tensor) for tensor in tensors]

    def _open(self, scope: Scope, name: str, missing: Iterable[tuple[Scope, str]]) -> None:
        """Notes that a node waits for others; none of these may wait for it."""
        self._opened.add((scope, name))
        waiting = next((need for there, need in missing if (there, need) in self._opened), None)
        if waiting is not None:
            raise ImporterError(f"node {waiting!r} needs itself: what a loop starts with comes out of it.")

    def _needs(self, scope: Scope, node: Node) -> Iterator[tuple[Scope, str]]:
        """The nodes that must have values before a node can."""
        if node.op in EXITS:
            frame = scope.structure.frame(node.name)
            inside = [frame.condition, *(name for pair in frame.variables.values() for name in pair)]
            names: Iterable[str] = scope.structure.outside(inside, frame.loop)
        elif node.op in MERGES:
            names = self._needs_of_merge(scope, node)
        elif node.op in SWITCHES:
            names = [node.inputs[0].node]
        else:
            names = [tensor.node for tensor in node.inputs]
        return ((scope.home(name), name) for name in names)

    def _needs_of_merge(self, scope: Scope, node: Node) -> list[str]:
        branch = scope.structure.branch(node.name)
        if branch is None:
            raise ImporterError(f"{node} starts a loop, and can be read inside of it only; choose the loop's Exit.")
        predicate = branch.predicate
        if predicate.node not in scope.home(predicate.node).values:
            return [predicate.node]
        taken = tf.get_static_value(scope.value(predicate))
        if taken is not None:
            side = Side(predicate, bool(taken))
            scope.entries.add(side)
            return [node.inputs[branch.merges[node.name][bool(taken)]].node]
        return [
            name
            for taken in (False, True)
            for name in scope.structure.outside(self._side(scope, node, taken), Side(predicate, taken))
        ]

    def _side(self, scope: Scope, node: Node, taken: bool) -> list[TensorName]:
        """What the `Merge`s of a branch read on one side."""
        branch = scope.structure.branch(node.name)
        assert branch is not None  # noqa: S101 - for mypy: only asked for branches
        nodes = scope.program.nodes
        return [nodes[name].inputs[numbers[taken]] for name, numbers in branch.merges.items()]

    def _compute(self, scope: Scope, node: Node) -> None:
        try:
            if node.op in EXITS:
                self._leave(scope, scope.structure.frame(node.name))
            elif node.op in MERGES:
                self._merge(scope, node)
            else:
                inputs = [scope.value(tensor) for tensor in node.inputs[: 1 if node.op in SWITCHES else None]]
                scope.values[node.name] = self._outputs(scope, node, inputs)
        except SparkDLError:
            raise
        except (
            ValueError,
            TypeError,
            IndexError,
            KeyError,
            ArithmeticError,
            AttributeError,
            tf.errors.OpError,
        ) as error:
            shapes = ", ".join(str(getattr(tensor, "node", tensor)) for tensor in node.inputs)
            reason = str(error).strip().split("\n")[0]
            raise ImporterError(f"{node}, which reads {shapes or 'nothing'}, cannot be built: {reason}") from error

    def _outputs(self, scope: Scope, node: Node, inputs: list[Any]) -> tuple[Any, ...]:
        if node.op in FIRST:
            return (inputs[0],)
        if node.op in ALL:
            return tuple(inputs)
        if node.op in REFERENCES:
            return (self.weight(node.name),)
        if node.op in HANDLES:
            return (VariableHandle(node.name),)
        if node.op in BY_HANDLE:
            return BY_HANDLE[node.op](self, node, *inputs)
        if node.op in ARRAYS:
            return apply_to_array(node, inputs)
        if node.op in LOOKUPS:
            return apply_to_table(node, inputs)
        if node.op in FUNCTIONAL:
            return tuple(self._functional(node, inputs))
        if node.op in _FOLDED and (value := _folded(node, inputs)) is not None:
            return (value,)
        return apply(node, inputs)

    def _leave(self, scope: Scope, frame: Frame) -> None:
        """Runs a loop, and with it gives values to all of its exits."""
        names = list(frame.variables)
        structure, program = scope.structure, scope.program

        def inside(values: list[Any], wanted: Sequence[TensorName]) -> list[Any]:
            inner = Scope(program, structure, scope, frame.loop, *structure.place(names[0]))
            inner.values.update({name: (value, None) for name, value in zip(names, values, strict=True)})
            return self.evaluate(inner, wanted)

        start = [scope.value(program.nodes[begin.node].inputs[0]) for begin, _ in frame.variables.values()]
        after = [following for _, following in frame.variables.values()]
        made = control.loop(
            lambda values: inside(values, [frame.condition])[0],
            lambda values: inside(values, after),
            start,
            frame.parallel,
            f"loop {frame.loop.name!r}",
        )
        by_variable = dict(zip(names, made, strict=True))
        for name, variable in frame.exits.items():
            scope.values[name] = (by_variable[variable],)

    def _merge(self, scope: Scope, node: Node) -> None:
        branch = scope.structure.branch(node.name)
        assert branch is not None  # noqa: S101 - for mypy: `_needs_of_merge` has raised otherwise
        predicate = scope.value(branch.predicate)
        taken = tf.get_static_value(predicate)
        if taken is not None:
            number = branch.merges[node.name][bool(taken)]
            scope.values[node.name] = scope.value(node.inputs[number]), tf.constant(number)
            return

        def side(taken: bool) -> Callable[[], list[Any]]:
            def values() -> list[Any]:
                inner = Scope(scope.program, scope.structure, scope, Side(branch.predicate, taken))
                return self.evaluate(inner, self._side(scope, node, taken))

            return values

        made = control.branches(predicate, [side(False), side(True)], str(node))
        for (name, numbers), value in zip(branch.merges.items(), made, strict=True):
            scope.values[name] = value, tf.where(predicate, numbers[True], numbers[False])

    def _functional(self, node: Node, inputs: list[Any]) -> list[Any]:
        """Loops and branches whose insides are functions."""
        if node.op in WHILES:
            condition, body = self._function(node, "cond"), self._function(node, "body")
            parallel = node.attr["parallel_iterations"].i if "parallel_iterations" in node.attr else 10
            return control.loop(
                lambda values: condition(values)[0], body, inputs, max(1, min(parallel, 1000)), str(node)
            )
        if node.op in IFS:
            sides = [self._function(node, "else_branch"), self._function(node, "then_branch")]
        else:
            sides = [self._function(node, "branches", index) for index in range(len(node.attr["branches"].list.func))]
        chosen, given = inputs[0], inputs[1:]
        return control.branches(chosen, [lambda side=side: side(given) for side in sides], str(node))  # type: ignore[misc]

    def _function(self, node: Node, key: str, index: int = 0) -> Callable[[Sequence[Any]], list[Any]]:
        listed = node.attr[key].list.func
        reference = listed[index] if listed else node.attr[key].func
        known = (reference.name, reference.SerializeToString(deterministic=True))
        if known not in self._structures:
            program = program_of_function(reference.name, self._library, reference.attr)
            self._structures[known] = program, Structure(program)
        program, structure = self._structures[known]

        def call(values: Sequence[Any]) -> list[Any]:
            given = dict(zip(program.arguments, values, strict=True))
            effects = [name for names in program.effects.values() for name in names]
            return self.run(program, structure, given, program.results, effects)

        return call

    def _perform(self, scope: Scope, effects: Sequence[str]) -> None:
        """Keeps what nodes assign to variables."""
        nodes = [scope.program.nodes[name] for name in effects if name in scope.program.nodes]
        for node in nodes:
            if node.op not in ASSIGNMENTS:
                continue
            target, *values = node.inputs
            if scope.graph is not self._graph:
                raise ImporterError(
                    f"{node} assigns a variable in a loop, or in a branch that is decided while running."
                )
            found, value = self.evaluate(scope, [target, *values[:1]])
            name = found.name if isinstance(found, VariableHandle) else assigned(scope.program, node.name)
            old = self.updates[name] if name in self.updates else self.weight(name)
            self.updates[name] = ASSIGNMENTS[node.op](old, value)


def _within(graph: Any) -> Any:
    return nullcontext() if graph is ops.get_default_graph() else graph.as_default()


def _small_constant(node: Node) -> bool:
    if node.op != "Const" or "value" not in node.attr:
        return False
    size = 1
    for dim in node.attr["value"].tensor.tensor_shape.dim:
        size *= dim.size
    return size <= _SMALL


_FOLDED: Mapping[str, Callable[..., bool]] = {
    "LogicalNot": lambda one: not one,
    "LogicalAnd": lambda one, other: one and other,
    "LogicalOr": lambda one, other: one or other,
}


def _folded(node: Node, inputs: Sequence[Any]) -> Any:
    """A boolean that is known while the graph is built: whether this is training, mostly."""
    values = [tf.get_static_value(given) for given in inputs]
    if any(value is None or value.shape for value in values):
        return None
    return tf.constant(bool(_FOLDED[node.op](*values)))
