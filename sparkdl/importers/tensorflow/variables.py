"""The values of a graph's variables, read when they are asked for."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tensorflow.core.framework import graph_pb2, node_def_pb2

from sparkdl.errors import ImporterError
from sparkdl.importers.tensorflow.entry import numpy_type
from sparkdl.importers.tensorflow.restore import VARIABLES, Source
from sparkdl.importers.tensorflow.slices import Shape, Slice

_PART = "/part_"  # TensorFlow's names of the parts of a partitioned variable end so, with a number from 0
_COMPARED = 5000  # names to which a missing one is compared


@dataclass(frozen=True)
class Values:
    """Where values come from.

    Attributes:
        path: of the file, for error messages.
        names: of all values in it.
        shape: from a name to the shape of the value.
        read: from a name and a slice (None: all) to the value.
        aliases: gives what values are called in the file by names of variables that they are not called by.
        typed: whether values have the types that their variables have; else all are floats.
    """

    path: str
    names: Sequence[str]
    shape: Callable[[str], Shape]
    read: Callable[[str, Slice | None], np.ndarray]
    aliases: Callable[[], Mapping[str, str]] = dict
    typed: bool = True


def _static_shape(node: node_def_pb2.NodeDef) -> Shape:
    return tuple(dimension.size for dimension in node.attr["shape"].shape.dim)


def _fits(node: node_def_pb2.NodeDef, shape: Shape) -> bool:
    """Whether a variable may have this shape; a size of -1 is not known."""
    known = _static_shape(node)
    same = len(known) == len(shape) and all(mine in (size, -1) for mine, size in zip(known, shape, strict=True))
    return same or node.attr["shape"].shape.unknown_rank


class Variables(Mapping[str, np.ndarray]):
    """The values of all variables of a graph by the names of their nodes; each is read when it is asked for.

    So a variable that the user's outputs do not need (a counter of steps, an optimizer's) may be missing.

    Args:
        path: of the graph, for error messages.
        graph: the graph.
        sources: what the value of each may be called.
        values: where they come from; None where nothing was given.
        constants: the values of large constants, which the graph does not have either.
    """

    def __init__(
        self,
        path: str,
        graph: graph_pb2.GraphDef,
        sources: Mapping[str, Sequence[Source]],
        values: Values | None,
        constants: Mapping[str, np.ndarray],
    ) -> None:
        self._constants = constants
        self._path = path
        self._nodes = {node.name: node for node in graph.node if node.op in VARIABLES}
        self._sources = sources
        self._values = values
        self._keys = frozenset(values.names if values is not None else ())
        self._aliases = values.aliases() if values is not None and self._nodes else {}

    def __len__(self) -> int:
        return len(self._nodes) + len(self._constants)

    def __iter__(self) -> Iterator[str]:
        return iter([*self._nodes, *self._constants])

    def __contains__(self, name: object) -> bool:
        return name in self._nodes or name in self._constants

    def __getitem__(self, name: str) -> np.ndarray:
        """The value of a variable.

        Raises:
            KeyError: where the graph has no such variable.
            ImporterError: where no file with its value was given, or it has none, or one that does not fit.
        """
        if name in self._constants:
            return self._constants[name]
        node = self._nodes[name]
        values, source = self._place(name)
        value = values.read(source.key, source.part)
        dtype = numpy_type(node.attr["dtype"].type, f"{self._path}: variable {name!r}")
        if not _fits(node, value.shape) or (values.typed and value.dtype != dtype):
            raise ImporterError(
                f"{values.path}: {source.key!r} is {value.dtype} of shape {list(value.shape)}; expected {dtype} of "
                f"shape {list(_static_shape(node))}, as variable {name!r} of {self._path} is. Do they belong together?"
            )
        return value if value.dtype == dtype else value.astype(dtype)

    def require(self, name: str) -> None:
        """Looks for the value of a variable without reading it; other names are none of a variable.

        Raises:
            ImporterError: where no file with its value was given, or it has none.
        """
        if name in self._nodes and name not in self._constants:
            self._place(name)

    def _place(self, name: str) -> tuple[Values, Source]:
        values = self._values
        if values is None:
            raise ImporterError(
                f"{self._path} has variables whose values are not in it, {self._examples()}; give the checkpoint by "
                "checkpoint=, or BigDL's file of weights by bin_file=."
            )
        source = self._found(name)
        if source is None:
            raise ImporterError(self._missing(name, values))
        return values, source

    def _found(self, name: str) -> Source | None:
        named = self._sources.get(name, ())
        called = (Source(self._aliases[source.key], source.part) for source in named if source.key in self._aliases)
        return next((source for source in (*named, *called) if source.key in self._keys), None) or self._part(name)

    def _part(self, name: str) -> Source | None:
        """A part of a partitioned variable, in a graph that says nothing of it but by the names of its nodes."""
        full_name, _, number = name.rpartition(_PART)
        if self._values is None or full_name not in self._keys or not number.isdecimal():
            return None
        full, start = self._values.shape(full_name), 0
        mine = _static_shape(self._nodes[name])
        axis = next((axis for axis, (size, whole) in enumerate(zip(mine, full, strict=False)) if size != whole), 0)
        for before in range(int(number)):
            part = self._nodes.get(f"{full_name}{_PART}{before}")
            if part is None or len(_static_shape(part)) <= axis:
                return None
            start += _static_shape(part)[axis]
        starts = tuple(start if index == axis else 0 for index in range(len(mine)))
        return Source(full_name, Slice(starts, mine))

    def _examples(self) -> str:
        names = sorted(self._nodes)
        return ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

    def _missing(self, name: str, values: Values) -> str:
        close = difflib.get_close_matches(name, values.names[:_COMPARED], 3, 0.5)
        known = ", ".join(map(repr, close or values.names[:5]))
        tried = sorted({source.key for source in self._sources.get(name, ())} - {name})
        called = f" (or {', '.join(map(repr, tried))})" if tried else ""
        return f"{values.path} has no value for variable {name!r}{called} of {self._path}; " + (
            f"did you mean {known}?" if close else f"it has {known}."
        )
