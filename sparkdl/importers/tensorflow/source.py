"""What the files of a TensorFlow model say, in whichever form they were: the hand-over from readers to `load`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from tensorflow.core.framework import graph_pb2


@dataclass(frozen=True)
class Recorded:
    """What a file says of variables that are not trained, by the names of their nodes.

    Attributes:
        fixed: those that are made not to be trained.
        frozen: those that could be trained, and were frozen when the file was written.
    """

    fixed: frozenset[str] = frozenset()
    frozen: frozenset[str] = frozenset()


@dataclass(frozen=True)
class GraphSource:
    """A graph with the values of its variables.

    Attributes:
        path: what messages call it.
        graph: the graph with its library of functions.
        variables: the value of each variable by the name of its node (VariableV2, VarHandleOp), read when it is asked
            for; and those of large constants, which have none in the graph, as views of the file.
        inputs: tensors by the keys of the signature; empty where the file has none.
        outputs: likewise.
        recorded: which of the variables are not trained.
        require: raises an ImporterError where the variable of a name has no value; reads none.
    """

    path: str
    graph: graph_pb2.GraphDef
    variables: Mapping[str, np.ndarray]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    recorded: Recorded = Recorded()
    require: Callable[[str], None] = lambda name: None
