"""Transfer learning: a part of a model, and which of its weights stay as they are.

Both work on every functional or `Sequential` Keras model, imported or not; inside a graph that came from TensorFlow
(`sparkdl.nn.graph`) they know its tensors and weights by TensorFlow's names.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence
from typing import Any

import keras

from sparkdl.errors import ArgumentError
from sparkdl.nn.graph_layer import GraphLayer


def cut(model: keras.Model, outputs: str | Sequence[str]) -> keras.Model:
    """A model that ends at inner layers of another one, with the same layers and weights.

    What is trained in one is trained in the other. New layers go on top as in Keras: on `cut(...).output`.

    Args:
        model: a functional or `Sequential` model that has been built.
        outputs: the name of a layer, of one inside of a model that is a layer ("resnet50/conv5_block3_out"), or of a
            tensor in an imported TensorFlow graph ("conv1/Relu" or "conv1/Relu:0"); several make a model with several
            outputs, in this order.

    Raises:
        ArgumentError: where there is no such layer or tensor, or a layer is used more than once.

    Example:
        >>> import keras, sparkdl as sdl
        >>> layers = [keras.Input((8,)), keras.layers.Dense(4, name="inner"), keras.layers.Dense(2)]
        >>> base = keras.Sequential(layers, name="base")
        >>> body = sdl.cut(base, "inner")
        >>> sdl.freeze(body)
        ['base/inner/kernel', 'base/inner/bias']
        >>> tuned = keras.Model(body.inputs, keras.layers.Dense(3, "softmax")(body.output))
        >>> tuned.output_shape, len(tuned.trainable_variables)
        ((None, 3), 2)
    """
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    if not names:
        raise ArgumentError("cut was given no outputs; give the name of a layer.")
    graph, ends = _functional(model), _ends(model, names)
    return keras.Model(graph.input, ends[0] if isinstance(outputs, str) else ends, name=model.name)


def freeze(model: keras.Model, *names: str, up_to: str | None = None) -> list[str]:
    """Keeps weights as they are in training; compile the model afterwards, as always in Keras.

    A frozen BatchNorm normalises with its moving statistics, and these stay too.

    Args:
        model: the model; it is changed.
        *names: layers, layers inside of a model that is a layer, or weights of an imported TensorFlow graph, by name or
            by pattern ("conv1*", "resnet50/conv[12]_*", "block?/*").
        up_to: a layer, or a tensor of such a graph: it and all that it depends on. With neither, everything.

    Returns:
        the names of the weights that are frozen now and were not.

    Raises:
        ArgumentError: where a name fits nothing.

    Example:
        >>> import keras, sparkdl as sdl
        >>> layers = [keras.layers.Dense(4, name=name) for name in ("first", "second", "third")]
        >>> model = keras.Sequential([keras.Input((8,)), *layers], name="net")
        >>> sdl.freeze(model, up_to="second")
        ['net/first/kernel', 'net/first/bias', 'net/second/kernel', 'net/second/bias']
        >>> sdl.unfreeze(model, "second")
        ['net/second/kernel', 'net/second/bias']
    """
    before = model.trainable_variables
    _set_trainable(model, names, up_to, False)
    after = set(map(id, model.trainable_variables))
    return [variable.path for variable in before if id(variable) not in after]


def unfreeze(model: keras.Model, *names: str, up_to: str | None = None) -> list[str]:
    """Lets weights be trained again that `freeze` has frozen.

    Args:
        model: the model; it is changed.
        *names: as for `freeze`.
        up_to: as for `freeze`.

    Returns:
        the names of the weights that are trained now and were not.

    Raises:
        ArgumentError: where a name fits nothing.
    """
    before = set(map(id, model.trainable_variables))
    _set_trainable(model, names, up_to, True)
    return [variable.path for variable in model.trainable_variables if id(variable) not in before]


def _set_trainable(model: keras.Model, names: Sequence[str], up_to: str | None, trainable: bool) -> None:
    if up_to is not None:
        _set_before(model, up_to, trainable)
    for pattern in names:
        _set_matching(model, pattern, trainable)
    if up_to is None and not names:
        for layer in model.layers:
            _set_layer(layer, trainable)


def _set_layer(layer: keras.Layer, trainable: bool) -> None:
    layer.trainable = trainable
    if isinstance(layer, GraphLayer) and trainable:
        layer.set_trainable(layer.variables, True)  # also what was frozen by its own name


def _set_before(model: keras.Model, name: str, trainable: bool) -> None:
    imported = _graph_with(model, name)
    for layer in cut(model, name if imported is None else imported.name).layers:
        if layer is not imported:
            _set_layer(layer, trainable)
    if imported is not None:
        imported.set_trainable(imported.ancestors(name), trainable)


def _set_matching(model: keras.Model, pattern: str, trainable: bool) -> None:
    layers = [layer for name, layer in _layers(model).items() if fnmatch.fnmatchcase(name, pattern)]
    for layer in layers:
        _set_layer(layer, trainable)
    inside = {graph: fnmatch.filter(graph.variables_by_name, pattern) for graph in _graphs(model)}
    for graph, found in inside.items():
        graph.set_trainable([graph.variables_by_name[name] for name in found], trainable)
    if not layers and not any(inside.values()):
        raise _unknown(
            model, pattern, [name for graph in inside for name in graph.variables_by_name], "layer or weight"
        )


def _layers(model: keras.Model) -> dict[str, keras.Layer]:
    """All layers by name, those of models inside by their path."""
    found: dict[str, keras.Layer] = {}
    for layer in model.layers:
        inside = _layers(layer) if isinstance(layer, keras.Model) else {}
        found |= {layer.name: layer} | {f"{layer.name}/{name}": inner for name, inner in inside.items()}
    return found


def _graphs(model: keras.Model) -> list[GraphLayer]:
    return [layer for layer in model.layers if isinstance(layer, GraphLayer)]


def _graph_with(model: keras.Model, name: str) -> GraphLayer | None:
    """The imported graph that has a tensor of this name, where no layer has it."""
    if any(layer.name == name for layer in model.layers):
        return None
    node = name.partition(":")[0]
    return next((graph for graph in _graphs(model) if node in graph.tensor_names), None)


def _functional(model: keras.Model) -> Any:
    """The model as a graph of layers, which a `Sequential` one holds inside."""
    graph = getattr(model, "_functional", model)
    if not hasattr(graph, "_nodes_by_depth"):
        raise ArgumentError(
            f"model {model.name!r} ({type(model).__name__}) has no graph of layers to cut; expected a functional "
            "model, or a Sequential one that has been built."
        )
    return graph


def _calls(graph: Any, layer: keras.Layer) -> list[Any]:
    """Where a layer is used in a model."""
    nodes = (node for nodes in graph._nodes_by_depth.values() for node in nodes)
    return [node for node in nodes if node.operation is layer]


def _ends(model: keras.Model, names: Sequence[str]) -> list[Any]:
    """The tensors of these names; those inside of one layer come from one new layer, which ends there."""
    holders = {name: _holder(model, name) for name in names}
    tensors: dict[str, Any] = {}
    for holder in {id(holder): holder for holder in holders.values() if holder is not None}.values():
        wanted = [name for name in holders if holders[name] is holder]
        tensors.update(zip(wanted, _inner_ends(model, holder, wanted), strict=True))
    return [tensors[name] if name in tensors else _output(model, name) for name in names]


def _holder(model: keras.Model, name: str) -> keras.Layer | None:
    """The imported graph or the inner model that has what has this name, unless a layer of the model itself has it."""
    layers = {layer.name: layer for layer in model.layers}
    outer = layers.get(name.partition("/")[0])
    if name in layers or not isinstance(outer, keras.Model):
        return _graph_with(model, name)
    return outer


def _inner_ends(model: keras.Model, holder: keras.Layer, names: Sequence[str]) -> list[Any]:
    call = _only_call(model, holder)
    if isinstance(holder, GraphLayer):
        part = holder.with_outputs(names, name=holder.name)
        given = dict(zip(holder.input_tensors, call.input_tensors, strict=True))
        made = part([given[name] for name in part.input_tensors])
        return made if isinstance(made, list) else [made]
    graph, ends = _functional(holder), _ends(holder, [name.removeprefix(f"{holder.name}/") for name in names])
    part = keras.Model(graph.input, ends, name=f"{holder.name}_part")  # the whole may be needed for other ends
    return part(*call.arguments.args, **call.arguments.kwargs)


def _output(model: keras.Model, name: str) -> Any:
    layer = next((layer for layer in model.layers if layer.name == name), None)
    if layer is None:
        raise _unknown(model, name, [tensor for graph in _graphs(model) for tensor in graph.tensor_names], "layer")
    outputs = _only_call(model, layer).outputs
    return outputs[0] if len(outputs) == 1 else outputs


def _only_call(model: keras.Model, layer: keras.Layer) -> Any:
    calls = _calls(_functional(model), layer)
    if len(calls) != 1:
        raise ArgumentError(
            f"layer {layer.name!r} is used {len(calls)} times in model {model.name!r}: give a layer that is used once."
        )
    return calls[0]


def _unknown(model: keras.Model, name: str, more: Sequence[str], what: str) -> ArgumentError:
    known = [*_layers(model), *more]
    inside = [path for path in known if path.endswith(f"/{name}")]
    close = inside[:3] or difflib.get_close_matches(name, known, 3)
    guess = f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {', '.join(known[:8])}, ..."
    return ArgumentError(f"model {model.name!r} has no {what} {name!r}: {guess}")
