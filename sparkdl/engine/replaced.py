"""Functions of Keras's own modules that are others for one thread, and for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

# Modules are the whole process's: one thread at a time.
_LOCK = threading.RLock()


@contextmanager
def replaced(module: ModuleType, functions: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """In this block the calling thread finds other functions in a module; all others find those that were there.

    Example:
        >>> import math
        >>> with replaced(math, {"sqrt": lambda number: "a root"}):
        ...     math.sqrt(4.0)
        'a root'
        >>> math.sqrt(4.0)
        2.0
    """
    with _LOCK:
        own = {name: getattr(module, name) for name in functions}
        try:
            for name, function in functions.items():
                setattr(module, name, _for_this_thread(function, own[name]))
            yield
        finally:
            for name, function in own.items():
                setattr(module, name, function)


def _for_this_thread(mine: Callable[..., Any], others: Callable[..., Any]) -> Callable[..., Any]:
    thread = threading.get_ident()

    def chosen(*args: Any, **kwargs: Any) -> Any:
        return (mine if threading.get_ident() == thread else others)(*args, **kwargs)

    return chosen
