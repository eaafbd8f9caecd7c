"""What a kind of criterion computes, and what its kernel is called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal, Protocol

from sparkdl.nn.torch.module import Module, namespace

Reduction = Literal["mean", "sum", "weighted", "mixed"]


class Runner(Protocol):
    """What runs criterions and the modules inside them."""

    def loss(self, module: Module, output: Any, target: Any) -> Any:
        """The loss of a criterion, a scalar tensor."""
        ...

    def losses(self, module: Module, output: Any, target: Any) -> Any:
        """The losses [steps] of a criterion, of outputs and targets [steps, ...]."""
        ...

    def apply(self, module: Module, value: Any) -> Any:
        """The output of a module that is no criterion."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One application of a criterion.

    Attributes:
        module: which one.
        runner: what runs it.
        a: its arguments as attributes.
    """

    module: Module
    runner: Runner
    a: SimpleNamespace

    @property
    def name(self) -> str:
        """The name of the kind, for messages."""
        return self.module.kind

    @property
    def children(self) -> list[Module]:
        """The criterions (and modules) inside this one."""
        return self.module.children

    def child(self, index: int, output: Any, target: Any) -> Any:
        """The loss of one of the criterions inside."""
        return self.runner.loss(self.module.children[index], output, target)

    def child_steps(self, index: int, output: Any, target: Any) -> Any:
        """The losses [steps] of one of the criterions inside, of outputs and targets [steps, ...]."""
        return self.runner.losses(self.module.children[index], output, target)


def _mean(a: SimpleNamespace) -> Reduction:
    return "mean" if getattr(a, "size_average", True) else "sum"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of criterion computes.

    Attributes:
        call: the kernel: `call(call, output, target)` gives a scalar. Tables are lists.
        defaults: of arguments that may be missing.
        reduction: how the loss of a batch follows from the losses of its parts: it is their "mean" weighted by rows,
            their "sum", their mean "weighted" by what `weight` gives, or "mixed" where it is none of these. None: as
            that of the criterions inside.
        weight: for "weighted": `weight(call, output, target)` gives what the loss of a part counts for.
        steps: `steps(call, output, target)` gives the losses [steps] of outputs [steps, batch, ...] at once, for kinds
            that are usual with sequences.
    """

    call: Callable[[Call, Any, Any], Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    reduction: Callable[[SimpleNamespace], Reduction | None] = _mean
    weight: Callable[[Call, Any, Any], Any] | None = None
    steps: Callable[[Call, Any, Any], Any] | None = None

    def arguments(self, module: Module) -> SimpleNamespace:
        """The arguments of a criterion of this kind."""
        return namespace(module, self.defaults)


def always(reduction: Reduction | None) -> Callable[[SimpleNamespace], Reduction | None]:
    """The same reduction whatever the arguments are."""
    return lambda a: reduction
