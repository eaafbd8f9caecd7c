"""Python workers that begin with TensorFlow and Keras in memory.

Spark starts one Python process per executor, its daemon, and forks workers from it. PySpark's own daemon imports
nothing, so each worker loads TensorFlow and Keras by itself, for seconds and with 300 MB of its own. This one loads
them once:

    spark-submit --conf spark.python.daemon.module=sparkdl.spark.daemon ...

Forking is sound because nothing that forks badly has begun: TensorFlow makes its runtime and threads with its first
operation, which is in a worker, and what has threads already (NumPy's BLAS, pyarrow's allocator) prepares itself for a
fork. sparkdl must be installed on the executors, and workers take TensorFlow, Keras and NumPy from there, not from
`--py-files`. Whatever a job does in Python waits for the import once, jobs without a model too.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys

import numpy as np
from pyspark.daemon import manager

_NEEDED = ("pyspark.worker", "sparkdl.spark.worker", "sparkdl.spark.build", "sparkdl.spark.scorer")


def main() -> None:
    """Imports what workers need, and forks them until Spark ends."""
    with contextlib.redirect_stdout(sys.stderr):  # Spark reads the daemon's own output
        for name in _NEEDED:
            importlib.import_module(name)
    # Workers would all begin with the daemon's random numbers; Python's own module sees to that by itself.
    os.register_at_fork(after_in_child=np.random.seed)
    # What is here now stays: no worker need look through it for garbage, which would also copy it.
    gc.collect()
    gc.freeze()
    manager()


if __name__ == "__main__":
    main()
