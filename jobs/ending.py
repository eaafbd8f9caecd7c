"""How a program ends that cannot do what it was told: with one line, and with no traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_line() -> Iterator[None]:
    """Ends the program with status 1 and a sentence on stderr for what sparkdl or Spark refuses, or files not there.

    Whatever else is raised is a fault of the program, and keeps its traceback.
    """
    from pyspark.errors import AnalysisException

    from sparkdl.errors import SparkDLError
    from sparkdl.spark.failures import own_errors

    try:
        with own_errors():
            yield
    except (SparkDLError, AnalysisException, FileNotFoundError) as error:
        sys.exit(f"{sys.argv[0]}: error: {(str(error).strip().splitlines() or [type(error).__name__])[0]}")
