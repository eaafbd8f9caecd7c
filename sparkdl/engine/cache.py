"""What was built once per Python process, however many tasks it runs."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
CACHED = 4
_cache: OrderedDict[str, Any] = OrderedDict()


def cached(key: str, build: Callable[[], T]) -> T:
    """What `build` returned for this key earlier in this process, else what it returns now (the last few are kept).

    Example:
        >>> cached("an example", lambda: [1]) is cached("an example", lambda: [2])
        True
    """
    if key not in _cache:
        _cache[key] = build()
        if len(_cache) > CACHED:
            _cache.popitem(last=False)
            _release()
    _cache.move_to_end(key)
    return _cache[key]


def _release() -> None:
    """Frees what TensorFlow keeps of a model that is gone, in a process that has TensorFlow."""
    if "tensorflow" in sys.modules:
        from sparkdl.engine.release import release_models

        release_models()
