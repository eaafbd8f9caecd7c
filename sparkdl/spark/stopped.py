"""Sessions that somebody stops while they are needed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from sparkdl.errors import CancelledError, SparkDLError
from sparkdl.spark.cluster import context_of, is_stopped

P = ParamSpec("P")
R = TypeVar("R")


def needs_session(verb: Callable[P, R]) -> Callable[P, R]:
    """Lets a verb say that the session of its data was stopped, whatever of it failed for that reason.

    Asked for anything, a stopped session fails with an error of Python's or Java's that says nothing of it.

    Args:
        verb: takes a model and a DataFrame or RDD, `data`.
    """

    @functools.wraps(verb)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(*args, **kwargs)
        except SparkDLError:
            raise
        except Exception as error:
            data: Any = args[1] if len(args) > 1 else kwargs.get("data")
            if not is_stopped(context_of(data)):
                raise
            raise CancelledError(
                f"the Spark session of the data was stopped, which {verb.__name__} needs to its end: start a new one, "
                f"and read the data again."
            ) from error

    return told
