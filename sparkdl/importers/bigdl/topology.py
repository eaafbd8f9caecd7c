"""How the modules of a tree hang together, as a graph to look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tensorflow.core.framework import graph_pb2

from sparkdl.nn.torch.module import Module

_BRANCHES = frozenset({"Concat", "ConcatTable", "ParallelTable"})


def topology(module: Module) -> graph_pb2.GraphDef:
    """A graph with a node for each module that is not a mere container, named and typed as the module is.

    Example:
        >>> from sparkdl.nn.torch.build import make
        >>> graph = topology(make("Sequential", [make("Linear", name="fc", input_size=2, output_size=1), make("Tanh")]))
        >>> [(node.name, node.op, list(node.input)) for node in graph.node]
        [('input', 'Input', []), ('fc', 'Linear', ['input']), ('Tanh', 'Tanh', ['fc'])]
    """
    drawing = _Drawing()
    if module.kind == "Graph":
        drawing.add(module, [])
    else:
        drawing.add(module, [drawing.node("input", "Input", [])])
    return drawing.graph


@dataclass
class _Drawing:
    graph: graph_pb2.GraphDef = field(default_factory=graph_pb2.GraphDef)
    _taken: Counter[str] = field(default_factory=Counter)

    def node(self, name: str, kind: str, inputs: list[str]) -> str:
        """Adds a node and gives its name, which has a number where it was taken."""
        self._taken[name] += 1
        name = name if self._taken[name] == 1 else f"{name}_{self._taken[name] - 1}"
        self.graph.node.add(name=name, op=kind, input=inputs)
        return name

    def add(self, module: Module, inputs: list[str]) -> list[str]:
        """Adds a module behind nodes, and gives the nodes it ends in."""
        if module.kind == "Sequential":
            for child in module.children:
                inputs = self.add(child, inputs)
            return inputs
        if module.kind in _BRANCHES:
            each = [inputs[i : i + 1] or inputs for i in range(len(module.children))]
            given = each if module.kind == "ParallelTable" else [inputs] * len(module.children)
            ends = [end for child, part in zip(module.children, given, strict=True) for end in self.add(child, part)]
            return ends if module.kind != "Concat" else [self.node(module.name or "Concat", "Concat", ends)]
        if module.kind == "Graph":
            return self._add_graph(module, inputs)
        return [self.node(module.name or module.kind, module.kind, inputs)]

    def _add_graph(self, module: Module, inputs: list[str]) -> list[str]:
        ends: list[list[str]] = []
        for place, (child, before) in enumerate(module.arguments["nodes"]):
            places = [other if isinstance(other, int) else other[0] for other in before]
            sources = [end for other in places for end in ends[other]]
            if child >= 0:
                ends.append(self.add(module.children[child], sources))
            else:
                order = module.arguments["inputs"].index(place)
                ends.append(inputs[order : order + 1] or [self.node("input", "Input", [])])
        return [end for place in module.arguments["outputs"] for end in ends[place]]
