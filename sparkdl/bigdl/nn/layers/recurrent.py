"""Layers that run a cell, or any layer, over the steps of a sequence."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from sparkdl.bigdl.nn.layers.base import Layer, describe, layer_of
from sparkdl.bigdl.nn.layers.graph import Container
from sparkdl.bigdl.nn.layers.tables import CAddTable
from sparkdl.bigdl.nn.layers.values import arrays
from sparkdl.bigdl.util.bridge import JActivity
from sparkdl.bigdl.util.sample import JTensor
from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.kernels.cells import CELLS


def _check_cell(owner: str, cell: Any) -> None:
    if not isinstance(cell, Layer) or cell.value.kind not in CELLS:
        given = cell.value.kind if isinstance(cell, Layer) else type(cell).__name__
        raise ArgumentError(f"{owner}.add was given a {given}, expected a cell: {', '.join(sorted(CELLS))}.")


class Recurrent(Container):
    """Runs a cell over sequences [batch, steps, ...], starting from zeros.

    Example:
        >>> import numpy as np
        >>> from sparkdl.bigdl.nn.layer import LSTM, Recurrent
        >>> layer = Recurrent().add(LSTM(3, 4))
        >>> layer.forward(np.zeros((2, 5, 3))).shape
        (2, 5, 4)
        >>> [state.to_ndarray().shape for state in layer.get_hidden_state().value]
        [(2, 4), (2, 4)]
    """

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("Recurrent", {}), bigdl_type)

    def add(self, model: Layer) -> Recurrent:
        """Sets the cell."""
        _check_cell(self.name(), model)
        if model.value.kind == "MultiRNNCell" and not isinstance(self, RecurrentDecoder):
            raise ArgumentError(
                f"{self.name()}.add was given a MultiRNNCell, which only a RecurrentDecoder runs: put one Recurrent "
                "for each cell into a Sequential."
            )
        if self.children:
            raise ArgumentError(f"{self.name()} has its cell already, {self.children[0].name()}: a Recurrent runs one.")
        super().add(model)
        return self

    def get_hidden_state(self) -> JActivity:
        """The state behind the last step of the last `forward`; its `value` is a tensor, or a list of tensors."""
        if "hidden" not in self.value.notes:
            raise DataError(f"{self.name()} has no hidden state before the first forward(): call that first.")
        states = self.value.notes["hidden"]
        return _activity(states[0] if len(states) == 1 else states)

    def set_hidden_state(self, states: Any) -> Recurrent:
        """Sets the state before the first step: an array [batch, ...], or a list of them."""
        given = arrays(states if isinstance(states, (list, tuple)) else [states])
        self.value.arguments["initial"] = [np.asarray(state, np.float32).tolist() for state in _flat(given)]
        return self


def _activity(states: Any) -> JActivity:
    if isinstance(states, list):
        return JActivity([_activity(state).value for state in states])
    return JActivity(JTensor.from_ndarray(states))


def _flat(states: Any) -> list[Any]:
    return [part for state in states for part in (_flat(state) if isinstance(state, (list, tuple)) else [state])]


class RecurrentDecoder(Recurrent):
    """Runs a cell whose output is the input of the next step: [batch, ...] to [batch, output_length, ...]."""

    def __init__(self, output_length: int, bigdl_type: str = "float") -> None:
        Layer.__init__(self, describe("RecurrentDecoder", {"output_length": output_length}), bigdl_type)

    def backward(self, input: Any, grad_output: Any) -> Any:
        """As for any layer, but the gradients for what each step took, [batch, output_length, ...], as BigDL's."""
        gradient = super().backward(input, grad_output)
        recording = self._recording
        if recording is None or "taken" not in self.value.notes:
            return gradient
        return np.stack(recording.gradients(self.value.notes["taken"], arrays(grad_output)), 1)


class BiRecurrent(Container):
    """Runs a cell over sequences from both ends, with weights of their own, and merges the outputs.

    Args:
        merge: a layer that takes a table of both outputs; None for CAddTable.
    """

    def __init__(self, merge: Any = None, bigdl_type: str = "float") -> None:
        parts: list[Layer] = [Recurrent(), Recurrent(), merge if merge is not None else CAddTable(True)]
        super().__init__(describe("BiRecurrent", {}, parts), bigdl_type)

    def add(self, model: Layer) -> BiRecurrent:
        """Sets the cell; the way back starts with the same weights."""
        cells = (model, layer_of(model.value.copied()))
        for part, cell in zip(self.children, cells, strict=False):
            cast(Recurrent, part).add(cell)
        return self


class TimeDistributed(Layer):
    """Applies a layer to every step of sequences [batch, steps, ...]."""

    def __init__(self, model: Layer, bigdl_type: str = "float") -> None:
        super().__init__(describe("TimeDistributed", {}, [model]), bigdl_type)
