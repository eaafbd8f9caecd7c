"""Layers around layers."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.graphs import KerasLayerWrapper  # noqa: F401
from sparkdl.bigdl.keras.layers.recurrent import Recurrent
from sparkdl.bigdl.keras.parts import nn, stacked
from sparkdl.bigdl.nn.layers.base import Layer


class TimeDistributed(ZooKerasLayer):
    """A layer applied to each step: [batch, step, ...]; of a table, to the steps of all values together."""

    def __init__(self, layer: Any, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        tables = shape if isinstance(shape, list) else [shape]
        self.refuse(any(len(part) < 3 for part in tables), f"needs steps in dimension 1, received shape {shape}")
        steps = [(part[0], *part[2:]) for part in tables]
        inner = self.a.layer
        if isinstance(inner, ZooKerasLayer):
            inner.connect(steps if isinstance(shape, list) else steps[0])
        return stacked(nn.TimeDistributed(inner))


class Bidirectional(ZooKerasLayer):
    """A recurrent layer in both directions; `merge_mode`: "concat", "sum", "mul" or "ave"."""

    RANKS = (3, 5)

    def __init__(self, layer: Any, merge_mode: str = "concat", input_shape: Any = None, **kwargs: Any) -> None:
        self.refuse(
            not isinstance(layer, Recurrent) or not layer.a.return_sequences,
            "needs a recurrent layer with return_sequences=True",
        )
        known = ("concat", "sum", "mul", "ave")
        self.refuse(str(merge_mode).lower() not in known, f"has merge_mode={merge_mode!r}; known are {known}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        rank = len(shape) - 1
        merge = {
            "concat": lambda: nn.JoinTable(rank, rank),
            "sum": lambda: nn.CAddTable(),
            "mul": lambda: nn.CMulTable(),
            "ave": lambda: nn.CAveTable(),
        }[self.a.merge_mode.lower()]
        return stacked(nn.BiRecurrent(merge()).add(self.a.layer.cell(shape)))
