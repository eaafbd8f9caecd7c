"""Workers of more cores than a task has: a resource profile for the barrier stage, on a cluster of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from sparkdl.errors import ClusterError
from sparkdl.spark.cluster import choose_workers
from sparkdl.spark.worker_layout import executors_of
from tests.servers.preloaded import preloaded_python

ROOT = Path(__file__).parents[2]
PROGRAM = """
import numpy as np
import sparkdl as sdl
from models import blobs, classifier, frame
from sparkdl.spark.session import local_session

CONF = {"spark.ui.enabled": "false", "spark.executor.cores": "2", "spark.sql.shuffle.partitions": "2"}
spark = local_session("local-cluster[1,2,1024]", CONF, app_name="stage-level")
x, y = blobs(40)
data = frame(spark, x, y, partitions=2)
model, reference = classifier(), classifier()
history = sdl.fit(model, data, batch_size=40, cores_per_worker=2, verbose=0, max_failures=0)
reference.train_on_batch(x, y)
close = all(np.allclose(*pair, atol=1e-4) for pair in zip(model.get_weights(), reference.get_weights()))
print("workers:", len(history.timings), "close:", close)
spark.stop()
"""


@pytest.mark.spark
def test_a_worker_has_the_cores_of_several_tasks(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text((ROOT / "tests" / "spark" / "models.py").read_text())
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]), "SPARK_LOCAL_IP": "127.0.0.1"}
    command = [preloaded_python(), "-c", PROGRAM]
    run = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stdout + run.stderr[-3000:]
    assert "workers: 1 close: True" in run.stdout


@pytest.mark.spark
def test_a_worker_does_not_span_executors(spark_cluster: SparkSession) -> None:
    context = spark_cluster.sparkContext
    executors = executors_of(context)
    assert executors is not None and (executors.count, executors.slots) == (2, 1)
    assert choose_workers(context, None, 1) == (2, 1)
    with pytest.raises(ClusterError, match=r"needs one worker of 2 core\(s\) at the same time"):
        choose_workers(context, None, 2)
