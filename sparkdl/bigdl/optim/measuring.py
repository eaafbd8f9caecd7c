"""Validation methods over the rows of all workers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparkdl.bigdl.optim.validation import State, ValidationMethod, unique_names
from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.types import Batch, Collective, TrainingState

Shapes = Sequence[Sequence[int]] | None
COUNT_OF = "count of "  # before the name of a method: over how many rows, or minibatches, its result is a mean


@dataclass(frozen=True)
class Methods:
    """Validation methods, as the workers of a training take them; see `sparkdl.train.validation_metrics`.

    Attributes:
        outputs: where the model gives a table as one tensor, the shape of a row of each entry.
        targets: the same for the labels.
    """

    methods: tuple[ValidationMethod, ...]
    outputs: Shapes = None
    targets: Shapes = None

    def meter(self) -> MethodMeter:
        """A new meter."""
        return MethodMeter(self)

    def measure(self, outputs: Sequence[Any], labels: Sequence[Any]) -> list[State]:
        """What each method makes of a minibatch."""
        output, target = _table(outputs, self.outputs), _table(labels, self.targets)
        return [method.measure(output, target) for method in self.methods]

    def merged(self, parts: Iterable[list[State]]) -> list[State] | None:
        """What parts say together; None where there are none."""
        found: list[State] | None = None
        for part in parts:
            triples = zip(self.methods, found or part, part, strict=True)
            found = part if found is None else [method.merge(one, other) for method, one, other in triples]
        return found


def _table(arrays: Sequence[Any], shapes: Shapes) -> Any:
    if shapes is None:
        return np.asarray(arrays[0]) if len(arrays) == 1 else [np.asarray(array) for array in arrays]
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    parts = np.split(np.asarray(arrays[0]), ends, axis=1)
    return [part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]


class MethodMeter:
    """What one worker has seen of its validation rows."""

    def __init__(self, methods: Methods) -> None:
        self._methods = methods
        self._found: list[State] | None = None

    def add(self, batch: Batch, predictions: Sequence[Any]) -> None:
        """See `sparkdl.train.validation_metrics.BatchMeter`."""
        measured = self._methods.measure(predictions, batch.labels)
        parts = [measured] if self._found is None else [self._found, measured]
        self._found = self._methods.merged(parts)

    def results(self, collective: Collective) -> dict[str, float]:
        """See `sparkdl.train.validation_metrics.BatchMeter`."""
        mine = b"" if self._found is None else pack(self._found)
        parts = [unpack(payload) for payload in collective.all_gather_bytes(mine) if payload]
        merged, names = self._methods.merged(parts), unique_names(self._methods.methods)
        if merged is None:
            return dict.fromkeys(names, float("nan"))
        found = {}
        for name, method, state in zip(names, self._methods.methods, merged, strict=True):
            found[name], found[COUNT_OF + name] = method.number(state)
        return found


def pack(states: Sequence[State]) -> bytes:
    """States as bytes."""
    return encode_state(TrainingState({f"{i}/{j}": a for i, state in enumerate(states) for j, a in enumerate(state)}))


def unpack(payload: bytes) -> list[State]:
    """What `pack` packed."""
    found: dict[int, dict[int, np.ndarray]] = {}
    for name, array in decode_state(payload).arrays.items():
        method, place = map(int, name.split("/"))
        found.setdefault(method, {})[place] = array
    return [[state[place] for place in sorted(state)] for _, state in sorted(found.items())]
