"""TensorFlow 1's control flow, found in the edges: which nodes stand in which loop and on which side of which branch.

In such a graph `Switch` lets a tensor pass to one of two sides, and `Merge` takes what came from the side that was
alive; loops are cycles through `Merge`, `Switch` and `NextIteration`, entered by `Enter` and left by `Exit`. The
*place* of a tensor is the list of loops and sides that it stands in, from the outermost to the innermost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sparkdl.errors import ImporterError
from sparkdl.nn.graph.program import Node, Program, TensorName

SWITCHES = frozenset({"Switch", "RefSwitch"})
MERGES = frozenset({"Merge", "RefMerge"})
ENTERS = frozenset({"Enter", "RefEnter"})
EXITS = frozenset({"Exit", "RefExit"})
REPEATS = frozenset({"NextIteration", "RefNextIteration"})
CONTROL_FLOW = SWITCHES | MERGES | ENTERS | EXITS | REPEATS | {"LoopCond"}

# Ops that hand on their first input.
SAME = frozenset({"Identity", "RefIdentity", "Snapshot", "LoopCond"})


@dataclass(frozen=True, slots=True)
class Loop:
    """The inside of a loop, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the branches that depend on a boolean tensor."""

    predicate: TensorName
    taken: bool


Place = tuple[Loop | Side, ...]


@dataclass(frozen=True)
class Branch:
    """`Merge`s that one boolean decides, none of which needs another: for each, its inputs if False and if True."""

    predicate: TensorName
    merges: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Frame:
    """A loop: the boolean that repeats it, and per variable its `Merge`, where it starts, and what comes next."""

    loop: Loop
    condition: TensorName
    variables: Mapping[str, tuple[TensorName, TensorName]]
    exits: Mapping[str, str]
    parallel: int


class Structure:
    """The places of all tensors of a program, and its loops and branches.

    Raises:
        ImporterError: where nodes need each other in a round, read what does not exist, or loops are not whole.
    """

    def __init__(self, program: Program) -> None:
        self.nodes = program.nodes
        self.order = _ordered(program)
        self._places: dict[str, Place] = {}
        self._sides: dict[str, tuple[TensorName, tuple[int, int]]] = {}
        self._depths: dict[str, int] = {}
        self._conditions = {name for name, node in self.nodes.items() if node.op == "LoopCond"}
        for name in self.order:
            self._places[name] = self._place(self.nodes[name])
        self._frames = self._found_frames()
        self._branches = self._found_branches()

    def place(self, name: str) -> Place:
        """Where a node stands."""
        return self._places.get(name, ())

    def frame(self, name: str) -> Frame:
        """The loop that an `Exit` leaves."""
        return self._frames[name]

    def branch(self, name: str) -> Branch | None:
        """The branches that a `Merge` is one of; None for the `Merge` of a loop."""
        return self._branches.get(name)

    def outside(self, tensors: Iterable[TensorName], entry: Loop | Side) -> list[str]:
        """The nodes outside of a loop or side that some tensors inside are computed from."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        stack = [tensor.node for tensor in tensors]
        while stack:
            name = stack.pop()
            if name in seen:
                continue
            seen.add(name)
            if entry in self.place(name):
                stack.extend(given.node for given in self.nodes[name].inputs)
            else:
                found[name] = None
        return list(found)

    def predicate(self, tensor: TensorName) -> TensorName:
        """The boolean behind nodes that only hand it on."""
        node = self.nodes.get(tensor.node)
        while node is not None and node.op in SAME and node.inputs and node.op != "LoopCond":
            tensor = node.inputs[0]
            node = self.nodes.get(tensor.node)
        return tensor

    def _place(self, node: Node) -> Place:
        place = _united(self._given(node))
        if node.op in ENTERS:
            return (*place, Loop(_text(node, "frame_name")))
        if node.op in EXITS:
            return self._left(node, place)
        if node.op in MERGES:
            return self._merged(node)
        return place

    def _given(self, node: Node) -> Iterator[Place]:
        for tensor in node.inputs:
            yield self._tensor_place(tensor)
        for control in node.controls:
            yield self.place(control)

    def _tensor_place(self, tensor: TensorName) -> Place:
        node, place = self.nodes[tensor.node], self.place(tensor.node)
        if node.op not in SWITCHES or len(node.inputs) < 2:
            return place
        predicate = self.predicate(node.inputs[1])
        return place if predicate.node in self._conditions else (*place, Side(predicate, tensor.index == 1))

    def _left(self, node: Node, place: Place) -> Place:
        loops = [index for index, entry in enumerate(place) if isinstance(entry, Loop)]
        if not loops:
            raise ImporterError(f"{node} leaves a loop, but stands in none.")
        return place[: loops[-1]]

    def _merged(self, node: Node) -> Place:
        """The place of a `Merge`: that of a loop's start, or what both sides have in common."""
        starts = [name for name in node.inputs if self.nodes[name.node].op not in REPEATS]
        if len(starts) < len(node.inputs):
            return self._tensor_place(starts[0]) if starts else ()
        places = [self._tensor_place(name) for name in node.inputs]
        for entry in reversed(_united(places)):
            if not isinstance(entry, Side):
                continue
            sides = [_side(place, entry.predicate) for place in places]
            # An input without a side is a constant whose control edge was lost: it belongs to the other side.
            sides = [side if side is not None or len(sides) != 2 else _other(sides) for side in sides]
            if {True, False} <= set(sides):
                self._sides[node.name] = entry.predicate, (sides.index(False), sides.index(True))
                return tuple(
                    other
                    for other in _united(places)
                    if not (isinstance(other, Side) and other.predicate == entry.predicate)
                    and all(other in place or not place for place in places)
                )
        raise ImporterError(f"{node} merges tensors that no Switch has parted.")

    def _found_frames(self) -> Mapping[str, Frame]:
        merges: dict[Loop, dict[str, tuple[TensorName, TensorName]]] = defaultdict(dict)
        exits: dict[Loop, dict[str, str]] = defaultdict(dict)
        conditions: dict[Loop, TensorName] = {}
        parallel: dict[Loop, int] = {}
        for node in self.nodes.values():
            if node.op in ENTERS:
                size = node.attr["parallel_iterations"].i if "parallel_iterations" in node.attr else 10
                parallel[_innermost(self.place(node.name), node)] = max(1, min(size, 1000))
            elif node.op in MERGES and (next_ := self._repeat(node)) is not None:
                starts = [name for name in node.inputs if name != next_]
                if len(starts) != 1 or self.nodes[starts[0].node].op not in ENTERS:
                    raise ImporterError(f"{node} belongs to a loop, but has no Enter.")
                after = self.nodes[next_.node].inputs[0]
                merges[_innermost(self.place(node.name), node)][node.name] = starts[0], after
            elif node.op == "LoopCond":
                conditions[_innermost(self.place(node.name), node)] = node.inputs[0]
            elif node.op in EXITS:
                loop = _innermost(_united(self._given(node)), node)
                exits[loop][node.name] = self._variable(node)
        return {
            name: _whole(Frame(loop, conditions.get(loop), merges[loop], named, parallel.get(loop, 10)), name)  # type: ignore[arg-type]
            for loop, named in exits.items()
            for name in named
        }

    def _repeat(self, node: Node) -> TensorName | None:
        return next((name for name in node.inputs if self.nodes[name.node].op in REPEATS), None)

    def _variable(self, node: Node) -> str:
        """The `Merge` whose last value an `Exit` hands out."""
        inner = self.nodes[node.inputs[0].node]
        while inner.op in SWITCHES | SAME:
            inner = self.nodes[inner.inputs[0].node]
        if inner.op not in MERGES:
            raise ImporterError(f"{node} leaves a loop with a tensor that is no variable of it.")
        return inner.name

    def _found_branches(self) -> Mapping[str, Branch]:
        by_key: dict[Any, list[str]] = defaultdict(list)
        for name in self.order:
            if name in self._sides:
                by_key[self._sides[name][0], self.place(name)].append(name)
        found: dict[str, Branch] = {}
        for (predicate, _), names in by_key.items():
            for group in _independent(names, self.nodes) if len(names) > 1 else [names]:
                branch = Branch(predicate, {name: self._sides[name][1] for name in group})
                found.update(dict.fromkeys(group, branch))
        return found


def _whole(frame: Frame, name: str) -> Frame:
    if frame.condition is None or not frame.exits or set(frame.exits.values()) - set(frame.variables):
        raise ImporterError(
            f"the loop {frame.loop.name!r} that node {name!r} leaves lacks its LoopCond or NextIteration."
        )
    return frame


def _independent(names: list[str], nodes: Mapping[str, Node]) -> list[list[str]]:
    """Nodes in groups, none of which needs another of its group."""
    depths: dict[str, int] = {}
    for name in names:
        seen, stack, depth = {name}, [given.node for given in nodes[name].inputs], 0
        while stack:
            current = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            if current in depths:
                depth = max(depth, depths[current] + 1)
            else:
                stack.extend(given.node for given in nodes[current].inputs)
        depths[name] = depth
    groups: dict[int, list[str]] = defaultdict(list)
    for name, depth in depths.items():
        groups[depth].append(name)
    return list(groups.values())


def _ordered(program: Program) -> list[str]:
    """All nodes, each behind those that it needs."""
    nodes = program.nodes
    needs: dict[str, int] = {}
    readers: dict[str, list[str]] = defaultdict(list)
    for node in nodes.values():
        given = {name.node for name in node.inputs} | {name for name in node.controls if name in nodes}
        for name in given:
            if name not in nodes:
                raise ImporterError(f"{node} reads {name!r}, which does not exist.")
        if node.op in MERGES:
            given = {name for name in given if nodes[name].op not in REPEATS}
        needs[node.name] = len(given)
        for name in given:
            readers[name].append(node.name)
    ready = [name for name, count in needs.items() if not count]
    ordered: list[str] = []
    while ready:
        name = ready.pop()
        ordered.append(name)
        for reader in readers[name]:
            needs[reader] -= 1
            if not needs[reader]:
                ready.append(reader)
    if len(ordered) < len(nodes):
        stuck = next(name for name, count in needs.items() if count)
        raise ImporterError(f"{nodes[stuck]} needs itself in a round that is no loop of TensorFlow's.")
    return ordered


def _united(places: Iterable[Place]) -> Place:
    """The entries of all places, each once, in the order of the longest."""
    ordered = sorted(places, key=len, reverse=True)
    if not ordered:
        return ()
    longest = ordered[0]
    extra = [entry for place in ordered[1:] for entry in place if entry not in longest]
    return (*longest, *dict.fromkeys(extra))


def _side(place: Place, predicate: TensorName) -> bool | None:
    return next((entry.taken for entry in place if isinstance(entry, Side) and entry.predicate == predicate), None)


def _other(sides: list[bool | None]) -> bool | None:
    known = [side for side in sides if side is not None]
    return not known[0] if known else None


def _innermost(place: Place, node: Node) -> Loop:
    loops = [entry for entry in place if isinstance(entry, Loop)]
    if not loops:
        raise ImporterError(f"{node} is part of a loop, but stands in none.")
    return loops[-1]


def _text(node: Node, key: str) -> str:
    return node.attr[key].s.decode("utf-8", "replace") if key in node.attr else ""
