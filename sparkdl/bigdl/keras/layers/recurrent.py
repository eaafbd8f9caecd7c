"""Layers that go through sequences step by step: [batch, step, feature] to [batch, (step,) output_dim]."""

from __future__ import annotations

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.parts import activation, nn, stacked
from sparkdl.bigdl.nn.layers.base import Layer


class Recurrent(ZooKerasLayer):
    """What all of them share; each has a cell."""

    RANKS: tuple[int, ...] = (3,)

    def cell(self, shape: Any) -> Layer:
        """What is done at one step."""
        raise NotImplementedError(f"{type(self).__name__} has no cell(shape).")

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(
            nn.Reverse(2) if self.a.go_backwards else None,
            nn.Recurrent().add(self.cell(shape)),
            None if self.a.return_sequences else nn.Select(2, -1),
        )

    def _gates(self) -> dict[str, Any]:
        a = self.a
        return {
            "activation": activation(a.activation or "linear"),
            "inner_activation": activation(a.inner_activation or "linear"),
            "wRegularizer": a.W_regularizer,
            "uRegularizer": a.U_regularizer,
            "bRegularizer": a.b_regularizer,
        }


class SimpleRNN(Recurrent):
    """A fully connected cell."""

    def __init__(
        self,
        output_dim: int,
        activation: Any = "tanh",
        return_sequences: bool = False,
        go_backwards: bool = False,
        W_regularizer: Any = None,
        U_regularizer: Any = None,
        b_regularizer: Any = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def cell(self, shape: Any) -> Layer:
        """See `Recurrent`."""
        a = self.a
        cell: Layer = nn.RnnCell(
            shape[2],
            a.output_dim,
            activation(a.activation or "linear"),
            isInputWithBias=False,
            wRegularizer=a.W_regularizer,
            uRegularizer=a.U_regularizer,
            bRegularizer=a.b_regularizer,
        )
        return cell


class LSTM(Recurrent):
    """Long short-term memory."""

    def __init__(
        self,
        output_dim: int,
        activation: Any = "tanh",
        inner_activation: Any = "hard_sigmoid",
        return_sequences: bool = False,
        go_backwards: bool = False,
        W_regularizer: Any = None,
        U_regularizer: Any = None,
        b_regularizer: Any = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def cell(self, shape: Any) -> Layer:
        """See `Recurrent`."""
        cell: Layer = nn.LSTM(shape[2], self.a.output_dim, **self._gates())
        return cell


class GRU(Recurrent):
    """Gated recurrent units."""

    def __init__(
        self,
        output_dim: int,
        activation: Any = "tanh",
        inner_activation: Any = "hard_sigmoid",
        return_sequences: bool = False,
        go_backwards: bool = False,
        W_regularizer: Any = None,
        U_regularizer: Any = None,
        b_regularizer: Any = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def cell(self, shape: Any) -> Layer:
        """See `Recurrent`."""
        cell: Layer = nn.GRU(shape[2], self.a.output_dim, **self._gates())
        return cell
