"""Numbers (and BigDL's type of numbers) that constructors are given, checked by what their signatures say."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from sparkdl.errors import ArgumentError

_BOOLS = (bool, np.bool_)
_ADDRESS = re.compile(r" object at 0x[0-9a-f]+")
C = TypeVar("C", bound=type)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, _BOOLS)


def is_number(value: Any) -> bool:
    """Whether a value is a number: Python's or numpy's, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, _BOOLS)


def told(value: Any) -> str:
    """A value as messages show it: without the addresses of objects, which nobody can use.

    Example:
        >>> told("SGD"), told([object()])
        ("'SGD'", '[<object>]')
    """
    return _ADDRESS.sub("", repr(value))


def _is_truth(value: Any) -> bool:
    return isinstance(value, _BOOLS) or (_is_whole(value) and value in (0, 1))


def _are_whole(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray)) and all(map(_is_whole, value))


def _or_none(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


# By the annotation of a parameter: whether a value will do, and what one is called. BigDL's own took Python's numbers
# alone; numpy's are as good, and a whole number wherever any will do.
_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "int": (_is_whole, "a whole number"),
    "int | None": (_or_none(_is_whole), "a whole number or None"),
    "float": (is_number, "a number"),
    "float | None": (_or_none(is_number), "a number or None"),
    "bool": (_is_truth, "True or False"),
    "bool | None": (_or_none(_is_truth), "True, False or None"),
    "Sequence[int]": (_are_whole, "a list of whole numbers"),
}
# By the name of a parameter. Scripts that give one argument too many give it here: EveryEpoch(3).
_NAMED = {"bigdl_type": (lambda value: value in ("float", "double"), "'float' or 'double'")}


def check_of(parameter: inspect.Parameter) -> tuple[Callable[[Any], bool], str] | None:
    """Whether a value will do for a parameter, and what one is called; None where that is not said."""
    annotation = parameter.annotation
    written = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return _NAMED.get(parameter.name) or _KINDS.get(written)


def checked(cls: C) -> C:
    """The class, whose constructor refuses what is no number where its signature says int, float or bool, and what is
    no type of numbers as its `bigdl_type`.

    Args:
        cls: a class; without a constructor of its own it stays as it is.

    Example:
        >>> @checked
        ... class Step:
        ...     def __init__(self, size: int, gamma: float = 0.1) -> None: ...
        >>> Step(3, 1) is None, Step("3")
        Traceback (most recent call last):
            ...
        sparkdl.errors.ArgumentError: Step(size=) must be a whole number, received '3'.
    """
    init = vars(cls).get("__init__")
    parameters = list(inspect.signature(init).parameters.values())[1:] if inspect.isfunction(init) else []
    kinds = {parameter.name: kind for parameter in parameters if (kind := check_of(parameter))}
    if init is None or not kinds:
        return cls
    in_order = [parameter.name for parameter in parameters if parameter.kind == parameter.POSITIONAL_OR_KEYWORD]

    @functools.wraps(init)
    def checking(self: Any, *args: Any, **kwargs: Any) -> None:
        for name, value in (*zip(in_order, args, strict=False), *kwargs.items()):
            if name in kinds and not kinds[name][0](value):
                raise ArgumentError(f"{type(self).__name__}({name}=) must be {kinds[name][1]}, received {value!r}.")
        init(self, *args, **kwargs)

    cls.__init__ = checking  # type: ignore[misc]
    return cls
