"""The graph of a functional model: from the lists of old Keras, where tensors are (layer, call, output), to Keras 3's.

Keras 3 refuses slashes in names of layers, which Keras 2 allowed, and counts the calls of models within models from 0,
which Keras 2 did from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkdl.errors import ImporterError, UnsupportedError
from sparkdl.importers.keras.nodes import Node, Origin, is_model, name_of

FUNCTIONS = frozenset({"TFOpLambda", "SlicingOpLambda"})  # calls of TensorFlow's functions, as layers
_RECURRENT = ("LSTM", "GRU", "RNN", "Bidirectional")
_CONSTANT = "_CONSTANT_VALUE"


@dataclass(frozen=True, slots=True)
class Graph:
    """What is to be known of all layers of a model while one is rewritten."""

    origin: Origin
    names: Mapping[str, str]
    first: Mapping[str, int]  # the number of the first call

    def tensor(self, reference: Sequence[Any]) -> Node:
        """The tensor that a layer makes, as Keras 3 has it; its shape is not needed."""
        layer, call, output = reference[:3]
        if layer not in self.names:
            raise ImporterError(f"{self.origin.path}: a layer reads {layer!r}, which the model does not have.")
        history = [self.names[layer], call - self.first[layer], output]
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None], "dtype": "float32", "keras_history": history},
        }


def rewrite(node: Node, origin: Origin) -> None:
    """Gives a functional model of old Keras the form that Keras 3 has.

    Raises:
        ImporterError: where the graph contradicts itself.
    """
    config = node["config"]
    layers = _layers(config, origin)
    graph = Graph(origin, unique_names(map(name_of, layers)), {name_of(layer): _first_call(layer) for layer in layers})
    for layer in layers:
        function = layer["class_name"] in FUNCTIONS
        nodes = layer.get("inbound_nodes", [])
        if not isinstance(nodes, list):
            raise ImporterError(f"{origin.path}: layer {name_of(layer)!r} has no list of inbound_nodes.")
        layer["inbound_nodes"] = [_call(data, graph, layer, function) for data in nodes]
    for layer in layers:
        rename(layer, graph.names)
    sequentials = {name_of(layer) for layer in layers if layer["class_name"] == "Sequential"}
    for ends in ("input_layers", "output_layers"):
        config[ends] = _ends(config[ends], graph, sequentials)


def _layers(config: Node, origin: Origin) -> list[Node]:
    layers = config["layers"]
    wrong = [item for item in layers if not (isinstance(item, dict) and "class_name" in item and name_of(item))]
    if wrong or any(not isinstance(config.get(ends), (list, dict)) for ends in ("input_layers", "output_layers")):
        raise ImporterError(f"{origin.path}: the model {config.get('name')!r} is not described as Keras does it.")
    return layers


def unique_names(names: Iterable[str]) -> dict[str, str]:
    """Names without slashes, each once.

    Example:
        >>> unique_names(["conv1/conv", "conv1_conv", "fc"])
        {'conv1/conv': 'conv1_conv_1', 'conv1_conv': 'conv1_conv', 'fc': 'fc'}
    """
    names = list(names)
    taken = {name for name in names if "/" not in name}
    found = {}
    for name in names:
        candidate, number = name.replace("/", "_"), 0
        while "/" in name and candidate in taken:
            number += 1
            candidate = f"{name.replace('/', '_')}_{number}"
        taken.add(candidate)
        found[name] = candidate
    return found


def rename(layer: Node, names: Mapping[str, str]) -> None:
    """Gives a layer its new name."""
    name = names[name_of(layer)]
    layer["name"] = name
    if isinstance(layer["config"], dict):
        layer["config"]["name"] = name


def _first_call(layer: Node) -> int:
    """1 for models that stand on inputs of their own: those were their first call."""
    if not is_model(layer):
        return 0
    config = layer["config"]
    layers = config if isinstance(config, list) else config["layers"]
    first = layers[0] if layers and isinstance(layers[0], dict) else {}
    inside = first.get("config")
    return int(
        layer["class_name"] != "Sequential"
        or first.get("class_name") == "InputLayer"
        or (isinstance(inside, dict) and bool({"batch_input_shape", "batch_shape"} & set(inside)))
    )


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and (value[0] == _CONSTANT or isinstance(value[2], int))
    )


def _map(function: Callable[[list[Any]], Any], value: Any) -> Any:
    """Applies a function to each reference of a structure."""
    if _is_reference(value):
        return function(value)
    if isinstance(value, dict):
        return {key: _map(function, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_map(function, item) for item in value]
    return value


def _call(data: Any, graph: Graph, layer: Node, function: bool) -> Any:
    """One call of a layer: its positional and its keyword arguments."""
    if isinstance(data, dict) and {"args", "kwargs"} <= set(data):
        return data
    if isinstance(data, list) and len(data) == 1 and _is_reference(data[0]) and not function:
        data = data[0]
    references: list[list[Any]] = []
    _map(references.append, data)
    if not references:
        raise ImporterError(f"{graph.origin.path}: layer {name_of(layer)!r} has a call without tensors.")
    given = references[0][3] if len(references[0]) == 4 else {}
    if not isinstance(given, dict):
        raise ImporterError(f"{graph.origin.path}: layer {name_of(layer)!r} has a call with strange arguments.")
    first = _map(lambda item: item[2] if item[0] == _CONSTANT else graph.tensor(item), data)
    arguments = {key: _argument(value, graph, layer) for key, value in given.items() if value is not None}
    if function:
        arguments.pop("name", None)
    elif isinstance(first, list) and len(first) > 1 and layer["class_name"].endswith(_RECURRENT):
        first, arguments["initial_state"] = first[0], first[1:]  # the states once stood behind the input
    return {"args": [first], "kwargs": arguments}


def _argument(value: Any, graph: Graph, layer: Node) -> Any:
    if _is_reference(value) and value[0] in graph.names:
        return graph.tensor(value)
    if isinstance(value, dict) and set(value) == {"start", "stop", "step"}:
        if any(isinstance(bound, list) for bound in value.values()):
            raise UnsupportedError(
                f"{graph.origin.path}: layer {name_of(layer)!r} cuts a tensor at places that other tensors tell; "
                "Keras 3 cannot store this."
            )
        return {"class_name": "__slice__", "config": value}
    if isinstance(value, dict):
        return {key: _argument(item, graph, layer) for key, item in value.items()}
    if isinstance(value, list):
        return [_argument(item, graph, layer) for item in value]
    return value


def _ends(value: Any, graph: Graph, sequentials: set[str]) -> Any:
    """Inputs or outputs. Keras 3 itself counts down for functional models, and not for sequential ones."""

    def end(reference: list[Any]) -> list[Any]:
        layer, call, output = reference[:3]
        if layer not in graph.names:
            raise ImporterError(f"{graph.origin.path}: the model ends at {layer!r}, which it does not have.")
        return [graph.names[layer], call - (graph.first[layer] if layer in sequentials else 0), output]

    if isinstance(value, list) and len(value) == 1 and _is_reference(value[0]):
        value = value[0]
    return _map(end, value)
