"""Sessions that somebody stops while they are needed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from pyspark import RDD

from sparkdl.errors import CancelledError, SparkDLError
from sparkdl.spark.cluster import context_of, is_stopped

P = ParamSpec("P")
R = TypeVar("R")


def needs_session(verb: Callable[P, R]) -> Callable[P, R]:
    """Lets a verb say that the session of its data was stopped, whatever of it failed for that reason.

    Asked for anything, a stopped session fails with an error of Python's or Java's that says nothing of it.

    Args:
        verb: of its arguments the first DataFrame or RDD tells the session; without one, errors stay as they are.
    """

    @functools.wraps(verb)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(*args, **kwargs)
        except SparkDLError:
            raise
        except Exception as error:
            data = next(filter(_has_session, [*args, *kwargs.values()]), None)
            if data is None or not is_stopped(context_of(data)):
                raise
            raise CancelledError(
                f"the Spark session of the data was stopped, which {verb.__name__} needs to its end (or its JVM ended, "
                f"as for want of memory: see spark.driver.memory): start a new one, and read the data again."
            ) from error

    return told


def _has_session(value: Any) -> bool:
    return isinstance(value, RDD) or hasattr(value, "mapInArrow")
