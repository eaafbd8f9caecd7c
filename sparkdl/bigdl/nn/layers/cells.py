"""Recurrent cells; a `Recurrent` runs them over sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sparkdl.bigdl.nn.layers.activations import Sigmoid, Tanh
from sparkdl.bigdl.nn.layers.arithmetic import CMul
from sparkdl.bigdl.nn.layers.base import Layer, describe
from sparkdl.bigdl.nn.layers.convolution import SpatialConvolution, VolumetricConvolution
from sparkdl.bigdl.nn.layers.linear import Linear
from sparkdl.bigdl.util.common import get_activation_by_name
from sparkdl.errors import ArgumentError


def _activation(given: Any, usual: Callable[[], Layer]) -> Layer:
    if isinstance(given, str):
        return get_activation_by_name(given)  # type: ignore[no-any-return]
    return given if given is not None else usual()


def drawn(makers: Sequence[Callable[[], Layer]], order: Sequence[int]) -> list[Layer]:
    """Layers in their places, made in another order: that in which BigDL drew their first weights."""
    made = {place: makers[place]() for place in order}
    return [made[place] for place in range(len(makers))]


class RnnCell(Layer):
    """The plain cell: the activation of the input's and the state's linear functions, added up."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        activation: Any,
        isInputWithBias: bool = True,
        isHiddenWithBias: bool = True,
        wRegularizer: Any = None,
        uRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        parts = [
            Linear(input_size, hidden_size, isInputWithBias, wRegularizer, bRegularizer),
            Linear(hidden_size, hidden_size, isHiddenWithBias, uRegularizer),
            _activation(activation, Tanh),
        ]
        arguments = {"input_size": input_size, "hidden_size": hidden_size}
        super().__init__(describe("RnnCell", arguments, parts), bigdl_type)


class LSTM(Layer):
    """Long short-term memory.

    Args:
        input_size: features of a step.
        hidden_size: features of the output.
        p: which part of the inputs of each gate is dropped in training, the same for all steps.
        activation: a layer or its name; None for Tanh.
        inner_activation: of the gates; None for Sigmoid.
        wRegularizer: of the weights of the input.
        uRegularizer: of the weights of the state.
        bRegularizer: of the biases.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        p: float = 0.0,
        activation: Any = None,
        inner_activation: Any = None,
        wRegularizer: Any = None,
        uRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        def gate(size: int) -> Callable[[], Layer]:
            return lambda: Linear(size, hidden_size, True, wRegularizer, bRegularizer)

        if p == 0:
            into = partial(Linear, input_size, 4 * hidden_size, True, wRegularizer, bRegularizer)
            parts = drawn([into, partial(Linear, hidden_size, 4 * hidden_size, False, uRegularizer)], (1, 0))
        else:
            parts = drawn([*[gate(input_size)] * 4, *[gate(hidden_size)] * 4], (3, 2, 1, 0, 7, 6, 5, 4))
        parts += [_activation(activation, Tanh), _activation(inner_activation, Sigmoid)]
        arguments = {"input_size": input_size, "hidden_size": hidden_size, "p": p}
        super().__init__(describe("LSTM", arguments, parts), bigdl_type)


class LSTMPeephole(Layer):
    """Long short-term memory whose gates see the memory; see `LSTM` for the arguments."""

    def __init__(
        self,
        input_size: int = 4,
        hidden_size: int = 3,
        p: float = 0.0,
        wRegularizer: Any = None,
        uRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        def into(size: int) -> Callable[[], Layer]:
            return lambda: Linear(input_size, size, True, wRegularizer, bRegularizer)

        makers: list[Callable[[], Layer]] = [] if p else [into(4 * hidden_size)]
        for sees_memory in (True, True, False, True):
            makers += [lambda: CMul([hidden_size])] if sees_memory else []
            makers.append(lambda: Linear(hidden_size, hidden_size, False, uRegularizer))
            makers += [into(hidden_size)] if p else []
        parts = drawn(makers, (5, 4, 3, 2, 1, 0, 7, 6, 10, 9, 8) if p else (4, 3, 2, 1, 5, 7, 6, 0))
        arguments = {"input_size": input_size, "hidden_size": hidden_size, "p": p}
        super().__init__(describe("LSTMPeephole", arguments, parts), bigdl_type)


class GRU(Layer):
    """A gated recurrent unit, which resets the state before it is multiplied; see `LSTM` for the arguments."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        p: float = 0.0,
        activation: Any = None,
        inner_activation: Any = None,
        wRegularizer: Any = None,
        uRegularizer: Any = None,
        bRegularizer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        def into(size: int) -> Callable[[], Layer]:
            return lambda: Linear(input_size, size, True, wRegularizer, bRegularizer)

        def back(size: int, regularizer: Any = uRegularizer) -> Callable[[], Layer]:
            # BigDL regularizes these by `wRegularizer` where it drops.
            return lambda: Linear(hidden_size, size, False, regularizer)

        size = hidden_size
        if p == 0:
            parts = drawn([into(3 * size), back(2 * size), back(size)], (1, 2, 0))
        else:
            gates = [back(size, wRegularizer), back(size, wRegularizer)]
            parts = drawn([into(size), into(size), *gates, back(size), into(size)], (1, 0, 3, 2, 5, 4))
        parts += [_activation(activation, Tanh), _activation(inner_activation, Sigmoid)]
        arguments = {"input_size": input_size, "hidden_size": hidden_size, "p": p}
        super().__init__(describe("GRU", arguments, parts), bigdl_type)


_GATES = ("ForgetGate", "InputGate", "Hidden", "OutputGate")
# The order in which their first weights are drawn.
_DRAWN = ("InputGate", "ForgetGate", "Hidden", "OutputGate")


def _named(layer: Layer, gate: str, part: str) -> Layer:
    return layer.set_name(f"{gate}_{part}{'h' if gate == 'Hidden' else 'g'}")


def _same_size(kind: str, stride: int) -> None:
    if stride != 1:
        raise ArgumentError(
            f"{kind}: stride is {stride}, but the state keeps the size of the input at every step: use stride=1."
        )


class ConvLSTMPeephole(Layer):
    """Long short-term memory of images [batch, steps, input_size, height, width], by convolutions.

    Args:
        input_size: planes of the input.
        output_size: planes of the output.
        kernel_i: size of the convolution of the input.
        kernel_c: size of the convolution of the state.
        stride: 1.
        padding: of both; -1 for as much as keeps the size.
        activation: a layer or its name; None for Tanh.
        inner_activation: of the gates; None for Sigmoid.
        wRegularizer: of the weights of the input.
        uRegularizer: of the weights of the state.
        bRegularizer: of the biases.
        cRegularizer: of the weights of the memory.
        with_peephole: whether gates see the memory.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        kernel_i: int,
        kernel_c: int,
        stride: int = 1,
        padding: int = -1,
        activation: Any = None,
        inner_activation: Any = None,
        wRegularizer: Any = None,
        uRegularizer: Any = None,
        bRegularizer: Any = None,
        cRegularizer: Any = None,
        with_peephole: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        _same_size("ConvLSTMPeephole", stride)
        steps = (stride, stride, padding, padding)
        held: dict[str, list[Layer]] = {}
        for gate in _DRAWN:
            into = SpatialConvolution(
                input_size, output_size, kernel_i, kernel_i, *steps, 1, True, wRegularizer, bRegularizer
            )
            back = SpatialConvolution(
                output_size, output_size, kernel_c, kernel_c, *steps, 1, True, uRegularizer, with_bias=False
            )
            held[gate] = [_named(into, gate, "i2"), _named(back, gate, "h2")]
            held[gate] += [CMul([1, output_size, 1, 1], cRegularizer)] if with_peephole and gate != "Hidden" else []
        parts = [part for gate in _GATES for part in held[gate]]
        parts += [_activation(activation, Tanh), _activation(inner_activation, Sigmoid)]
        given = {"input_size": input_size, "output_size": output_size, "kernel_i": kernel_i, "kernel_c": kernel_c}
        arguments = {**given, "stride": stride, "padding": padding, "with_peephole": with_peephole}
        super().__init__(describe("ConvLSTMPeephole", arguments, parts), bigdl_type)


class ConvLSTMPeephole3D(Layer):
    """`ConvLSTMPeephole` of volumes [batch, steps, input_size, time, height, width]."""

    def __init__(
        self,
        input_size: int,
        output_size: int,
        kernel_i: int,
        kernel_c: int,
        stride: int = 1,
        padding: int = -1,
        wRegularizer: Any = None,
        uRegularizer: Any = None,
        bRegularizer: Any = None,
        cRegularizer: Any = None,
        with_peephole: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        _same_size("ConvLSTMPeephole3D", stride)
        steps = (stride,) * 3 + (padding,) * 3
        held: dict[str, list[Layer]] = {}
        for gate in _DRAWN:
            into = VolumetricConvolution(
                input_size, output_size, *(kernel_i,) * 3, *steps, True, wRegularizer, bRegularizer
            )
            back = VolumetricConvolution(output_size, output_size, *(kernel_c,) * 3, *steps, False, uRegularizer)
            held[gate] = [_named(into, gate, "i2"), _named(back, gate, "h2")]
            held[gate] += [CMul([1, output_size, 1, 1, 1], cRegularizer)] if with_peephole and gate != "Hidden" else []
        parts = [part for gate in _GATES for part in held[gate]]
        parts += [Tanh(), Sigmoid()]
        given = {"input_size": input_size, "output_size": output_size, "kernel_i": kernel_i, "kernel_c": kernel_c}
        arguments = {**given, "stride": stride, "padding": padding, "with_peephole": with_peephole}
        super().__init__(describe("ConvLSTMPeephole3D", arguments, parts), bigdl_type)


class MultiRNNCell(Layer):
    """Cells in a row, for a `RecurrentDecoder`: each takes what the one before gives."""

    def __init__(self, cells: Sequence[Layer], bigdl_type: str = "float") -> None:
        super().__init__(describe("MultiRNNCell", {}, cells), bigdl_type)
