"""Broadcast variables whose files on the driver go when Spark has dropped them.

PySpark writes each into a temporary file, which stays until the session ends even where nothing refers to the
variable any more. A lazy DataFrame of predictions may need its variable at any time: only Java knows when not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark import Broadcast, SparkContext

# The files of variables that Spark may still need, and Java's weak references to these variables.
_files: dict[Path, Any] = {}


def broadcast(context: SparkContext, value: Any) -> Broadcast[Any]:
    """Broadcasts a value, and removes the files of earlier ones that nothing in Java refers to any more."""
    sweep()
    made = context.broadcast(value)
    jvm: Any = context._jvm
    _files[Path(made._path)] = jvm.java.lang.ref.WeakReference(made._jbroadcast)
    return made


def sweep() -> None:
    """Removes the files of variables that Java has collected: Spark itself takes them back from the executors then."""
    for path, reference in list(_files.items()):
        # Where the file is gone, the variable was destroyed or its session has ended, maybe with its JVM.
        if not path.exists() or reference.get() is None:
            path.unlink(missing_ok=True)
            _files.pop(path, None)  # another thread may have swept it, as two trainings of a CrossValidator may
