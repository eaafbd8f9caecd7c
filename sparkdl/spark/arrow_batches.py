"""How many rows Spark puts into a record batch, while a job needs another number than the session's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

_SETTING = "spark.sql.execution.arrow.maxRecordsPerBatch"
_DEFAULT = "10000"

_lock = threading.Lock()
# For each session its own setting, and what the jobs that run now need: trainings may run side by side.
_wanted: WeakKeyDictionary[Any, tuple[str, list[int]]] = WeakKeyDictionary()


@contextmanager
def arrow_batches_of(session: Any, rows: int) -> Iterator[None]:
    """Lets Spark make record batches of at most `rows` rows; the session's own setting comes back at the end.

    Where several jobs need something, the smallest number is the one that suits all.
    """
    with _lock:
        own, numbers = _wanted.setdefault(session, (session.conf.get(_SETTING, None) or _DEFAULT, []))
        numbers.append(rows)
    try:
        with _lock:
            _apply(session, own, numbers)
        yield
    finally:
        with _lock:
            numbers.remove(rows)
            _apply(session, own, numbers)
            if not numbers:
                del _wanted[session]


def _apply(session: Any, own: str, numbers: list[int]) -> None:
    """Spark takes 0 and less for no limit."""
    limit = [int(own)] if int(own) > 0 else []
    session.conf.set(_SETTING, str(min(numbers + limit)) if numbers else own)
