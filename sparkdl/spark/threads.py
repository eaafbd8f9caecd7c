"""Threads of the driver in which Spark works as in the one that starts them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from pyspark import InheritableThread
from pyspark.sql.utils import is_remote


def spark_thread(body: Callable[[], None], session: Any = None) -> threading.Thread:
    """A thread, not started yet, that does not keep the program alive.

    Args:
        body: what it runs.
        session: of Spark Connect, whose tags of operations it inherits; not needed where it asks Spark for nothing.
    """
    if is_remote():
        if session is None:
            return threading.Thread(target=body, daemon=True)
        return InheritableThread(body, session=session, daemon=True)
    return InheritableThread(body, daemon=True)
