"""How a program on Spark ends that cannot do what it was told: with one line, and with no traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.errors import AnalysisException

from sparkdl.errors import SparkDLError
from sparkdl.spark.failures import own_errors


@contextmanager
def one_line() -> Iterator[None]:
    """Ends the program with status 1 and a sentence on stderr for what sparkdl or Spark refuses, or files not there.

    Whatever else is raised is a fault of the program, and keeps its traceback.

    Example:
        >>> with one_line():
        ...     raise FileNotFoundError("model.keras is not there")
        Traceback (most recent call last):
        ...
        SystemExit: ...: error: model.keras is not there
    """
    try:
        with own_errors():
            yield
    except (SparkDLError, AnalysisException, FileNotFoundError) as error:
        sys.exit(f"{sys.argv[0]}: error: {(str(error).strip().splitlines() or [type(error).__name__])[0]}")
