"""What a file records of whether its variables are trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.framework import variable_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_object_graph_pb2

from sparkdl.importers.tensorflow.restore import Source
from sparkdl.importers.tensorflow.source import Recorded

_COLLECTION = "trainable_variables"
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"  # how the key of an object's value ends in a checkpoint


def recorded(meta: meta_graph_pb2.MetaGraphDef, keys: Mapping[str, Sequence[Source]]) -> Recorded:
    """The variables that a MetaGraph says are not trained.

    Those of TensorFlow 1 are in the collection of those that are, if there is one; an empty one says nothing, since
    graphs that only answer are written so. In TensorFlow 2 each object says it. Keras sets nothing there for frozen
    layers, but lists what it trains and what not beside each other.

    Args:
        meta: the MetaGraph, also that of a SavedModel.
        keys: what values are called in a checkpoint, by the names of the nodes of variables.
    """
    objects = _Objects(meta.object_graph_def.nodes)
    found = {name: objects.variable(sources) for name, sources in keys.items()}
    trained = set(_collected(meta.collection_def))
    fixed = {name for name, number in found.items() if number is not None and not objects.is_trainable(number)}
    fixed |= set(keys) - trained if trained else set()
    frozen = {name for name, number in found.items() if number is not None and objects.is_frozen(number)}
    return Recorded(frozenset(fixed), frozenset(frozen - fixed))


def _collected(collections: Mapping[str, Any]) -> Iterator[str]:
    """The nodes of the variables in the collection of those that are trained."""
    if _COLLECTION not in collections:
        return
    collection = collections[_COLLECTION]
    yield from (name.partition(":")[0] for name in collection.node_list.value)
    for data in collection.bytes_list.value:
        try:
            yield variable_pb2.VariableDef.FromString(data).variable_name.partition(":")[0]
        except DecodeError:
            continue  # another kind of variable, of a program of the user's


class _Objects:
    """The objects of a SavedModel, by the paths that its checkpoint names them by."""

    def __init__(self, nodes: Sequence[saved_object_graph_pb2.SavedObject]) -> None:
        self._nodes = nodes
        self._children = [{_escaped(child.local_name): child.node_id for child in node.children} for node in nodes]
        trained, others = self._listed("trainable_variables"), self._listed("non_trainable_variables")
        if self._child(0, "trainable_variables") is not None:
            others |= self._listed("variables")
        self._frozen = others - trained
        # Keras exports each variable twice, and lists the copy that the graph does not read: both have one name.
        self._frozen_names = self._names(self._frozen) - self._names(trained)

    def variable(self, sources: Iterable[Source]) -> int | None:
        """The number of the variable whose value one of these keys names."""
        for source in sources:
            if source.key.endswith(_VALUE):
                number: int | None = 0
                for part in source.key.removesuffix(_VALUE).split("/"):
                    number = self._child(number, part) if number is not None else None
                if number is not None and self._nodes[number].HasField("variable"):
                    return number
        return None

    def is_trainable(self, number: int) -> bool:
        return self._nodes[number].variable.trainable

    def is_frozen(self, number: int) -> bool:
        """Whether a variable that can be trained is listed as one that is not."""
        return number in self._frozen or self._nodes[number].variable.name in self._frozen_names

    def _child(self, number: int, name: str) -> int | None:
        found = self._children[number].get(name) if number < len(self._children) else None
        return found if found is not None and 0 <= found < len(self._nodes) else None

    def _listed(self, name: str) -> set[int]:
        """The variables of a list that the model itself has by this name."""
        number = self._child(0, name)
        return {child.node_id for child in self._nodes[number].children} if number is not None else set()

    def _names(self, numbers: Iterable[int]) -> set[str]:
        known = (self._nodes[number].variable.name for number in numbers if 0 <= number < len(self._nodes))
        return {name for name in known if name}


def _escaped(name: str) -> str:
    """A name of an object as it stands in paths."""
    return name.replace(".", "..").replace("/", ".S")
