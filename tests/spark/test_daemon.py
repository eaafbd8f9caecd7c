"""Workers that begin with TensorFlow and Keras in memory: the shared session on local[2] asks for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError

from tests.servers.preloaded import PLAIN


def test_a_fresh_worker_has_tensorflow_and_sets_its_own_threads_and_random_numbers(
    spark_local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def describe(_: Iterator[int]) -> Iterator[dict[str, Any]]:
        imported = {"tensorflow", "keras"} <= sys.modules.keys()
        import numpy as np
        import tensorflow as tf

        from sparkdl.engine.threads import configure_threads

        number = int(np.random.randint(2**31))
        layout = configure_threads(2)
        product = tf.linalg.matmul(tf.ones((200, 300)), tf.ones((300, 200)))
        parent = Path(f"/proc/{os.getppid()}/cmdline").read_text()
        values = {"imported": imported, "layout": (layout.intra_op, layout.inter_op), "sum": float(product[0, 0])}
        yield {**values, "daemon": "sparkdl.spark.daemon" in parent, "pid": os.getpid(), "number": number}

    def fail(_: Iterator[int]) -> Iterator[int]:
        raise ValueError("Spark uses no process again that has failed")

    monkeypatch.setitem(spark_local.sparkContext.environment, PLAIN, "1")  # a Python that has imported nothing itself
    slots = spark_local.sparkContext.parallelize(range(2), 2)
    with pytest.raises(Py4JJavaError, match="has failed"):
        slots.barrier().mapPartitions(fail).count()
    workers = slots.barrier().mapPartitions(describe).collect()
    assert len({worker["pid"] for worker in workers}) == len({worker["number"] for worker in workers}) == 2
    for worker in workers:
        assert worker["imported"] and worker["daemon"] and worker["sum"] == 300 and worker["layout"] == (2, 1)
