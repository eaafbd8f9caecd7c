"""What is made once per Python process, however many tasks or threads want it."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
CACHED = 4


class Recent(Generic[T]):
    """The values used last, by key. They are made one at a time: threads that want the same one get it from the first.

    Args:
        size: how many are kept.
        dropped: called after values have been let go, to free what outlives them.

    Example:
        >>> recent = Recent(size=1)
        >>> recent.get("one", lambda: 1), recent.get("one", lambda: 2), recent.get("two", lambda: 2)
        (1, 1, 2)
        >>> recent.get("one", lambda: 3)
        3
    """

    def __init__(self, size: int, dropped: Callable[[], None] | None = None) -> None:
        self._size, self._dropped = size, dropped
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for this key, else what `make` returns now; nothing is kept of a `make` that fails."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
                if len(self._values) > self._size:
                    self._values.popitem(last=False)
                    if self._dropped:
                        self._dropped()
            self._values.move_to_end(key)
            return self._values[key]

    def clear(self) -> None:
        """Lets all values go."""
        with self._lock:
            self._values.clear()


def _release() -> None:
    """Frees what TensorFlow keeps of a model that is gone, in a process that has TensorFlow."""
    if "tensorflow" in sys.modules:
        from sparkdl.engine.release import release_models

        release_models()


_cache: Recent[Any] = Recent(CACHED, _release)


def cached(key: str, build: Callable[[], T]) -> T:
    """What `build` returned for this key earlier in this process, else what it returns now (the last few are kept).

    Example:
        >>> cached("an example", lambda: [1]) is cached("an example", lambda: [2])
        True
    """
    value: T = _cache.get(key, build)
    return value
