"""What a kind of module is made of, and what its kernel is called with."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol

from sparkdl.nn.torch.module import Array, Module, Parameter, namespace

Parameters = Callable[[SimpleNamespace], Mapping[str, Parameter]]
States = Callable[[SimpleNamespace], Mapping[str, Array]]


class Layout(enum.Enum):
    """The order of the axes of the values that a kernel is called with, and that it gives.

    The modules' own order is batch, channels, space unless their arguments say otherwise; convolutions on CPUs are
    slow in it or do not exist. `sparkdl.nn.torch.layout` and `network` bring values from one order to the other.
    """

    OWN = "the module's own"
    ANY = "any: elements are treated alike, or the kernel asks `call.axis` where an axis is"
    LAST = "batch, space, channels; there always is a batch"


class Runner(Protocol):
    """What runs modules: on arrays, inside a Keras layer, or on the symbolic tensors of a Keras model.

    A value is a tensor, or a list of values (a table).

    Attributes:
        on_arrays: whether it runs on arrays, where passes back give what scripts have always seen.
    """

    on_arrays: bool

    def apply(self, module: Module, value: Any) -> Any:
        """The output of a module of the tree."""
        ...

    def parameter(self, module: Module, name: str) -> Any:
        """A parameter as a tensor."""
        ...

    def state(self, module: Module, name: str) -> Any:
        """A state as a tensor."""
        ...

    def set_state(self, module: Module, name: str, value: Any) -> None:
        """Keeps a new value of a state."""
        ...

    def training(self, module: Module) -> Any:
        """Whether the module is to behave as in training: a Python bool."""
        ...

    def seed(self) -> Any:
        """Two integers (a tensor) for TensorFlow's stateless random functions, new ones at every call."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One application of a module.

    Attributes:
        module: which one.
        runner: what runs it.
        a: its arguments as attributes.
        channels_last: whether a kernel of `Layout.ANY` is called with values whose channels are last.
    """

    module: Module
    runner: Runner
    a: SimpleNamespace
    channels_last: bool = False

    @property
    def name(self) -> str:
        """What messages call the module."""
        return self.module.name or self.module.kind

    def __getitem__(self, name: str) -> Any:
        """The parameter of that name, as a tensor."""
        return self.runner.parameter(self.module, name)

    def has(self, name: str) -> bool:
        """Whether the module has a parameter of that name."""
        return name in self.module.parameters

    def state(self, name: str) -> Any:
        """The state of that name, as a tensor."""
        return self.runner.state(self.module, name)

    def set_state(self, name: str, value: Any) -> None:
        """Keeps a new value of a state (in training)."""
        self.runner.set_state(self.module, name, value)

    @property
    def training(self) -> bool:
        """Whether to behave as in training."""
        return bool(self.runner.training(self.module))

    def seed(self) -> Any:
        """Two integers for TensorFlow's stateless random functions."""
        return self.runner.seed()

    def axis(self, axis: int, rank: int) -> int:
        """Where an axis of the module's own order (from 0, with the batch) is in a value of that rank."""
        axis %= rank
        return axis if not self.channels_last or axis == 0 else rank - 1 if axis == 1 else axis - 1

    def axes(self, rank: int) -> list[int]:
        """The axes of the module's own order as they follow each other in a value: what to transpose a weight by."""
        return list(range(rank)) if not self.channels_last else [0, *range(2, rank), 1]

    @property
    def children(self) -> int:
        """The number of modules inside this one."""
        return len(self.module.children)

    def child(self, index: int, value: Any) -> Any:
        """The output of one of the modules inside."""
        return self.runner.apply(self.module.children[index], value)


def _nothing(arguments: SimpleNamespace) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of module computes, and with what.

    Attributes:
        call: the kernel: `call(call, value)` gives the output. Tensors are in the order that `layout` tells; in the
            module's own they may lack the batch where Torch allows it.
        parameters: the trained weights of a module with these arguments, in their order.
        states: the states and what they start with.
        defaults: of arguments that may be missing.
        dissolves: whether it only passes values to its children, and disappears in a Keras model.
        layout: the order of axes that the kernel is called with.
        space: for `Layout.LAST`, the number of axes between batch and channels.
        regularized: the parameters that the regularizers w, u and b are for.
    """

    call: Callable[[Call, Any], Any]
    parameters: Parameters = _nothing
    states: States = _nothing
    defaults: Mapping[str, Any] = field(default_factory=dict)
    dissolves: bool = False
    layout: Layout = Layout.OWN
    space: int = 0
    regularized: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"w": ("weight",), "b": ("bias",), "u": ("recurrent",)}
    )

    def arguments(self, module: Module) -> SimpleNamespace:
        """The arguments of a module of this kind."""
        return namespace(module, self.defaults)
