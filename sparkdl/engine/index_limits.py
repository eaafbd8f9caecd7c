"""Which numbers of a model's inputs it looks up in embeddings, and how many rows these have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional

from sparkdl.nn.embedding import BiasedEmbedding
from sparkdl.types import SampleSpec

_TABLES = (keras.layers.Embedding, BiasedEmbedding)
# Keras's own layers and operations that hand numbers on as they are, all or some of them.
_HANDED_ON = frozenset(
    {"Cast", "ExpandDims", "Flatten", "GetItem", "Identity", "Permute", "Ravel", "Reshape", "Squeeze", "Transpose"}
    | {"Split", "Unstack", "RepeatVector"}
)
_ANY = np.iinfo(np.int64).max
_MOST = 1 << 24  # numbers that float32 tells apart


def index_limits(model: Any, spec: SampleSpec) -> tuple[np.ndarray | None, ...]:
    """For each feature what its numbers must stay below, because the model looks them up in an embedding.

    Found where they come to the layer as they are, or cut, cast and reshaped; not where a model computes them, and not
    in subclassed models, whose layers nobody sees before they run.

    Args:
        model: a built model.
        spec: the columns of a row.

    Returns:
        for each feature one limit (an array without axes), or one for each of its numbers, or None; nothing where the
        model does not show its layers.

    Example:
        >>> model = keras.Sequential([keras.Input((2,), dtype="int32"), keras.layers.Embedding(10, 3)])
        >>> from sparkdl.types import TensorSpec
        >>> index_limits(model, SampleSpec((TensorSpec("x", (2,), "int32"),)))
        (array(10),)
    """
    graph = _graph(model)
    shapes = [tensor.shape for tensor in spec.features]
    total = sum(map(math.prod, shapes))
    if graph is None or total > _MOST or [len(tensor.shape) - 1 for tensor in graph.inputs] != list(map(len, shapes)):
        return ()
    given, start = [], 0
    for tensor in spec.features:  # every number's place takes its place, and is followed to where it is looked up
        places = np.arange(start, start + tensor.size).reshape(1, *tensor.shape)
        given.append(places.astype("float32" if np.dtype(tensor.dtype).kind == "f" else "int32"))
        start += tensor.size
    limits = np.full(total, _ANY)
    _follow(graph, given, limits)
    parts = np.split(limits, np.cumsum([tensor.size for tensor in spec.features])[:-1])
    return tuple(map(_summed_up, parts, shapes))


def _summed_up(limits: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    if (limits == _ANY).all():
        return None
    return np.array(limits[0]) if (limits == limits[0]).all() else limits.reshape(shape)


def _graph(model: Any) -> Any:
    if isinstance(model, keras.Sequential):
        model = model._functional
    # A subclass may call its layers as it likes, though Keras noted how it was built.
    return model if isinstance(model, Functional) and type(model).call is Functional.call else None


def _follow(graph: Any, given: Sequence[np.ndarray | None], limits: np.ndarray) -> None:
    """Lowers the limits of the places that come to an embedding, from the inputs of a graph on."""
    places = {id(tensor): value for tensor, value in zip(graph.inputs, given, strict=True) if value is not None}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            tensors = node.arguments.keras_tensors
            known = [places.get(id(tensor)) for tensor in tensors]
            if node.is_input or all(value is None for value in known):
                continue
            if type(node.operation) in _TABLES:
                found = np.asarray(known[0], np.int64).reshape(-1)
                limits[found] = np.minimum(limits[found], node.operation.input_dim)
            elif (inner := _graph(node.operation)) is not None:
                if len(inner.inputs) == len(known):
                    _follow(inner, known, limits)
            elif _hands_on(node.operation) and not any(value is None for value in known):
                args, kwargs = node.arguments.fill_in(places)
                made = keras.tree.flatten(node.operation(*args, **kwargs))
                for tensor, value in zip(node.outputs, map(np.asarray, made), strict=True):
                    if value.dtype.itemsize >= 4:  # smaller ones may not tell places apart
                        places[id(tensor)] = value


def _hands_on(operation: Any) -> bool:
    return type(operation).__name__ in _HANDED_ON and type(operation).__module__.startswith("keras.")
