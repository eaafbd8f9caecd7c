"""New modules with their first weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkdl.errors import UnsupportedError
from sparkdl.nn.torch.initial import generator
from sparkdl.nn.torch.kernels import KINDS
from sparkdl.nn.torch.kinds import Kind
from sparkdl.nn.torch.module import Module


def kind_of(name: str) -> Kind:
    """The kind of that name.

    Raises:
        UnsupportedError: if there is none.
    """
    if name not in KINDS:
        raise UnsupportedError(f"there is no module {name!r} here; known are {', '.join(sorted(KINDS))}.")
    return KINDS[name]


def make(kind: str, children: Sequence[Module] = (), name: str | None = None, **arguments: Any) -> Module:
    """A new module, with the weights a new one starts with.

    Args:
        kind: the name of its kind.
        children: the modules inside it.
        name: its name.
        **arguments: what the kind is made with.

    Example:
        >>> module = make("Linear", input_size=4, output_size=3)
        >>> {name: value.shape for name, value in module.parameters.items()}
        {'weight': (3, 4), 'bias': (3,)}
    """
    module = Module(kind, arguments, list(children), name)
    reset(module)
    states = kind_of(kind).states(kind_of(kind).arguments(module))
    module.states = dict(states)
    return module


def reset(module: Module) -> None:
    """Gives a module (not those inside it) the weights a new one starts with."""
    kind = kind_of(module.kind)
    for name, spec in kind.parameters(kind.arguments(module)).items():
        drawn = module.initials.get(name)
        module.parameters[name] = drawn(spec) if drawn else spec.initial(generator(), spec.shape)
