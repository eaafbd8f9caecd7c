"""Recurrent layers whose cells are convolutions, channels first."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer  # noqa: F401
from sparkdl.bigdl.keras.layers.recurrent import Recurrent
from sparkdl.bigdl.keras.parts import nn, padding
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.util.log4Error import *  # noqa: F403


def _entered(cell: Layer, stride: int, border_mode: str) -> Layer:
    """A cell whose input is convolved so; the state keeps its size."""
    cell.value.arguments["into"] = [stride, padding(border_mode)[0]]
    return cell


class ConvLSTM2D(Recurrent):
    """Of sequences of images: [batch, step, channel, row, column]."""

    RANKS = (5,)

    def __init__(
        self,
        nb_filter: int,
        nb_row: int,
        nb_col: int,
        activation: Any = "tanh",
        inner_activation: Any = "hard_sigmoid",
        dim_ordering: str = "th",
        border_mode: str = "valid",
        subsample: Any = (1, 1),
        W_regularizer: Any = None,
        U_regularizer: Any = None,
        b_regularizer: Any = None,
        return_sequences: bool = False,
        go_backwards: bool = False,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(nb_row != nb_col, "knows square filters only")
        self.refuse(border_mode not in ("valid", "same"), f"has border_mode={border_mode!r}; known: 'valid', 'same'")
        self.refuse(subsample[0] != subsample[1], "knows equal strides only")
        self.refuse(dim_ordering != "th", "takes channels first only (dim_ordering='th')")
        self.begin(locals())

    def cell(self, shape: Any) -> Layer:
        """See `Recurrent`."""
        a = self.a
        cell: Layer = nn.ConvLSTMPeephole(
            shape[2],
            a.nb_filter,
            a.nb_row,
            a.nb_row,
            with_peephole=False,
            **self._gates(),
        )
        return _entered(cell, a.subsample[0], a.border_mode)


class ConvLSTM3D(Recurrent):
    """Of sequences of volumes: [batch, step, channel, plane, row, column]."""

    RANKS = (6,)

    def __init__(
        self,
        nb_filter: int,
        nb_kernel: int,
        dim_ordering: str = "th",
        border_mode: str = "valid",
        subsample: Any = (1, 1, 1),
        W_regularizer: Any = None,
        U_regularizer: Any = None,
        b_regularizer: Any = None,
        return_sequences: bool = False,
        go_backwards: bool = False,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(border_mode not in ("valid", "same"), f"has border_mode={border_mode!r}; known: 'valid', 'same'")
        self.refuse(len(set(subsample)) != 1, "knows equal strides only")
        self.refuse(dim_ordering != "th", "takes channels first only (dim_ordering='th')")
        self.begin(locals())

    def cell(self, shape: Any) -> Layer:
        """See `Recurrent`."""
        a = self.a
        cell: Layer = nn.ConvLSTMPeephole3D(
            shape[2],
            a.nb_filter,
            a.nb_kernel,
            a.nb_kernel,
            wRegularizer=a.W_regularizer,
            uRegularizer=a.U_regularizer,
            bRegularizer=a.b_regularizer,
            with_peephole=False,
        )
        return _entered(cell, a.subsample[0], a.border_mode)
