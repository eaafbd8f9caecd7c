"""Modules that pass values on to the modules inside them."""

from __future__ import annotations

from typing import Any

from sparkdl.nn.torch.kinds import Call, Kind


def _sequential(call: Call, x: Any) -> Any:
    for index in range(call.children):
        x = call.child(index, x)
    return x


def _graph(call: Call, x: Any) -> Any:
    """Runs the nodes in their order: `nodes` holds [place of the child, places of the nodes before it] of each.

    A node without a child (-1) is an input: the first such node gets the first value. `inputs` and `outputs` hold
    places of nodes.
    """
    given = dict(zip(call.a.inputs, x if len(call.a.inputs) > 1 else [x], strict=True))
    values: list[Any] = []
    for place, (child, before) in enumerate(call.a.nodes):
        value = given[place] if place in given else [values[other] for other in before]
        if place not in given and len(before) == 1:
            value = value[0]
        values.append(value if child < 0 else call.child(child, value))
    outputs = [values[place] for place in call.a.outputs]
    return outputs if len(outputs) > 1 else outputs[0]


KINDS = {
    "Sequential": Kind(_sequential, dissolves=True),
    "Graph": Kind(_graph, dissolves=True),
    "ConcatTable": Kind(lambda call, x: [call.child(i, x) for i in range(call.children)], dissolves=True),
    "ParallelTable": Kind(lambda call, x: [call.child(i, x[i]) for i in range(call.children)], dissolves=True),
}
