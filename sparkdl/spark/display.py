"""What only shows a run: where it fails, the run goes on without it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

logger = logging.getLogger("sparkdl")
P = ParamSpec("P")


class Display(Protocol):
    """Something that shows a run.

    Attributes:
        title: for messages.
        broken: whether it has failed, so that nothing more is shown.
    """

    title: str
    broken: bool


D = TypeVar("D", bound=Display)


def harmless(show: Callable[Concatenate[D, P], None]) -> Callable[Concatenate[D, P], None]:
    """Lets a method fail once: with a warning, after which it and all others of its object do nothing.

    Example:
        >>> class Lamp:
        ...     title, broken = "the lamp", False
        ...     @harmless
        ...     def shine(self, colour: str) -> None:
        ...         raise BrokenPipeError(colour)
        >>> lamp = Lamp()
        >>> lamp.shine("red"); lamp.broken
        True
    """

    @functools.wraps(show)
    def shown(self: D, *args: P.args, **kwargs: P.kwargs) -> None:
        if self.broken:
            return
        try:
            show(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - a closed pipe, a full disk: nothing of this may end a training
            self.broken = True
            text = f"{type(error).__name__}: {error}"
            logger.warning("%s cannot be shown any more (%s); the training goes on without it.", self.title, text)

    return shown
