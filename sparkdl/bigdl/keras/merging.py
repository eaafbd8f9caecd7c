"""Several values made one."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.parts import nn, stacked
from sparkdl.bigdl.keras.variables import Variable, open_batch
from sparkdl.bigdl.nn.layers.base import Layer

_MODES = {
    "sum": "CAddTable",
    "mul": "CMulTable",
    "max": "CMaxTable",
    "ave": "CAveTable",
    "sub": "CSubTable",
    "div": "CDivTable",
    "min": "CMinTable",
}
_ALL = (*_MODES, "concat", "dot", "cos")


class Merge(ZooKerasLayer):
    """Merges the values of a table, or what several layers (the entries of a model) give, into one.

    `mode` is "sum", "mul", "max", "ave", "sub", "div", "min", "concat", "dot" or "cos".
    """

    def __init__(
        self, layers: Any = None, mode: str = "sum", concat_axis: int = -1, input_shape: Any = None, **kwargs: Any
    ) -> None:
        self.refuse(mode.lower() not in _ALL, f"has mode={mode!r}; known are {', '.join(_ALL)}")
        self.refuse(layers is not None and len(layers) < 2, "needs two layers or more")
        self.begin({**locals(), "input_shape": None})
        shapes = [layer._taken for layer in layers or []]
        if shapes and None not in shapes:
            self.connect(shapes)
        elif input_shape:
            self.connect([(None, *shape) for shape in input_shape])

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        self.refuse(not isinstance(shape, list), f"needs a table of values, and its input has shape {shape}")
        layers = self.a.layers
        if layers is None:
            return self._merging(shape)
        side_by_side = nn.ParallelTable()
        given = []
        for layer, part in zip(layers, shape, strict=True):
            given.append(layer.connect(part))
            side_by_side.add(layer)
        return stacked(side_by_side, self._merging(given))

    def _merging(self, shapes: list[Any]) -> Layer:
        mode, rank = self.a.mode.lower(), len(shapes[0])
        alike = all(open_batch(part) == open_batch(shapes[0]) for part in shapes)
        if mode == "concat":
            axis = self.a.concat_axis if self.a.concat_axis >= 0 else self.a.concat_axis + rank
            self.refuse(not 0 < axis < rank, f"has concat_axis={self.a.concat_axis} for values of shape {shapes[0]}")
            others = [[size for place, size in enumerate(part) if place != axis] for part in shapes]
            self.refuse(any(part != others[0] for part in others), f"cannot put values of shapes {shapes} together")
            return stacked(nn.JoinTable(axis, rank - 1))
        self.refuse(
            not alike or len({len(part) for part in shapes}) > 1,
            f"with mode={mode!r} needs values of one shape, received {shapes}",
        )
        if mode in _MODES:
            return stacked(getattr(nn, _MODES[mode])())
        self.refuse(
            rank > 2 or len(shapes) != 2, f"with mode={mode!r} takes two values [batch, size], received {shapes}"
        )
        if mode == "dot":
            return stacked(nn.DotProduct(), nn.Reshape([1], True))
        return stacked(nn.CosineDistance(), nn.Reshape([1, 1], True))


def merge(inputs: Any, mode: str = "sum", concat_axis: int = -1, name: str | None = None) -> Variable:
    """The variable that several variables make, merged by `mode`; see `Merge`."""
    return Merge(mode=mode, concat_axis=concat_axis, name=name)(list(inputs))
