"""Recurrent modules in BigDL's files, where a cell stands beside the graph of modules that BigDL makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from sparkdl.errors import ImporterError, UnsupportedError
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.module import Module

ACTIVATIONS = {"activation": "Tanh", "innerActivation": "Sigmoid"}


def _linear(size: int, output: int, bias: bool = True) -> Module:
    return make("Linear", input_size=size, output_size=output, with_bias=bias)


def _rnn(a: SimpleNamespace) -> list[Module]:
    return [_linear(a.input_size, a.hidden_size), _linear(a.hidden_size, a.hidden_size)]


def _lstm(a: SimpleNamespace) -> list[Module]:
    if not a.p:
        return [_linear(a.input_size, 4 * a.hidden_size), _linear(a.hidden_size, 4 * a.hidden_size, False)]
    return [_linear(size, a.hidden_size) for size in [a.input_size] * 4 + [a.hidden_size] * 4]


def _gru(a: SimpleNamespace) -> list[Module]:
    into, back, size = a.input_size, a.hidden_size, a.hidden_size
    if not a.p:
        return [_linear(into, 3 * size), _linear(back, 2 * size, False), _linear(back, size, False)]
    gates = [_linear(back, size, False) for _ in range(3)]
    return [_linear(into, size), _linear(into, size), *gates, _linear(into, size)]


def _peephole(a: SimpleNamespace) -> list[Module]:
    parts = [] if a.p else [_linear(a.input_size, 4 * a.hidden_size)]
    for sees_memory in (True, True, False, True):
        parts += [make("CMul", size=[a.hidden_size])] if sees_memory else []
        parts.append(_linear(a.hidden_size, a.hidden_size, False))
        parts += [_linear(a.input_size, a.hidden_size)] if a.p else []
    return parts


# The modules with weights inside each cell, in the order of its weights, and the activations behind them.
CELLS: Mapping[str, tuple[Callable[[SimpleNamespace], list[Module]], tuple[str, ...]]] = {
    "RnnCell": (_rnn, ("activation",)),
    "LSTM": (_lstm, ("activation", "innerActivation")),
    "GRU": (_gru, ("activation", "innerActivation")),
    "LSTMPeephole": (_peephole, ()),
}


def read_cell(reader: Any, kind: str, message: Any) -> Module:
    """A cell without its weights, which stand in the module around it."""
    arguments = {"p": 0.0, **reader._arguments(kind, message)}
    parts, activations = CELLS[kind]
    children = parts(SimpleNamespace(**arguments))
    for name in activations:
        children.append(reader.part(message, name) if reader.has_part(message, name) else make(ACTIVATIONS[name]))
    return make(kind, children, **{key: value for key, value in arguments.items() if value is not None})


def read_recurrent(reader: Any, kind: str, message: Any) -> Module:
    """A Recurrent or RecurrentDecoder around a cell."""
    if message.attr["bnorm"].boolValue:
        raise UnsupportedError(f"{reader.path} has a {kind} with batch normalization, which does not exist here.")
    cell = reader.part(message, "topology")
    if kind == "Recurrent":
        return make(kind, [cell])
    return make(kind, [cell], output_length=message.attr["seqLength"].int32Value)


def read_both_ways(reader: Any, kind: str, message: Any) -> Module:
    """A BiRecurrent: the two Recurrents that stand in its graph, and what merges them."""
    found = [part for part in _walk(message.attr["birnn"].bigDLModuleValue) if part.moduleType.endswith(".Recurrent")]
    if len(found) != 2:
        raise ImporterError(f"{reader.path}: a BiRecurrent has {len(found)} Recurrents inside, expected 2.")
    merge = reader.part(message, "merge") if reader.has_part(message, "merge") else make("CAddTable")
    split = message.attr["isSplitInput"].boolValue
    return make(kind, [*(reader.module(part) for part in found), merge], split_input=split)


def _walk(message: Any) -> Any:
    yield message
    for part in message.subModules:
        yield from _walk(part)


def read_time_distributed(reader: Any, kind: str, message: Any) -> Module:
    """A module that is applied to all steps."""
    return make(kind, [reader.part(message, "layer")])


def write_recurrent(writer: Any, module: Module, message: Any) -> None:
    """Writes the cell as an attribute, without the graph that BigDL makes of it: such files are read here only."""
    writer.set(message, "bnorm", "bool", False)
    if module.kind == "RecurrentDecoder":
        writer.set(message, "seqLength", "int", module.arguments["output_length"])
    writer.set_module(message, "topology", module.children[0])


def write_cell(writer: Any, module: Module, message: Any) -> None:
    """Writes a cell: its sizes and activations."""
    _, activations = CELLS[module.kind]
    names = module.children[len(module.children) - len(activations) :]
    shown = Module(module.kind, module.arguments, names, parameters=module.parameters)
    writer.plain(shown, message)


def write_both_ways(writer: Any, module: Module, message: Any) -> None:
    """Writes both Recurrents inside a graph like BigDL's."""
    ahead, back, merge = module.children
    reverse = [Module("Reverse", {"dimension": 2}) for _ in range(2)]
    turned = Module("Sequential", children=[reverse[0], back, reverse[1]])
    table = Module("ConcatTable", children=[ahead, turned])
    writer.set_module(message, "birnn", Module("Sequential", children=[table, merge]))
    writer.set_module(message, "merge", merge)
    writer.set(message, "isSplitInput", "bool", module.arguments.get("split_input", False))
    writer.set(message, "bnorm", "bool", False)


def write_time_distributed(writer: Any, module: Module, message: Any) -> None:
    """Writes the module that is applied to all steps."""
    writer.set_module(message, "layer", module.children[0])
    writer.set(message, "maskZero", "bool", False)
