"""The contract of `tests/collective`, unchanged, between the tasks of Spark's barrier stages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

CONTRACT = Path(__file__).parents[1] / "collective" / "contract.py"
SECRET = b"a secret of tests that is long"


def make_task(path: str, secret: bytes, generation: str, backend: str):
    """The function of a task; it carries all that it needs, for the tests are not installed on executors."""

    def task(_):
        from pyspark import BarrierTaskContext

        from sparkdl.collective.rendezvous import connect, connect_mesh, open_listener

        spec = importlib.util.spec_from_file_location("contract", path)
        contract = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(contract)
        context = BarrierTaskContext.get()
        tasks = context.getTaskInfos()
        rank, size = context.partitionId(), len(tasks)
        host = tasks[rank].address.split(":")[0]
        if backend == "mesh":
            collective = connect_mesh(rank, size, open_listener(host), context.allGather, secret, generation, 60.0)
        else:
            collective = connect(rank, size, context.allGather, secret, generation, 60.0, host)
        try:
            for case in contract.CASES.values():
                case(collective)
        finally:
            collective.close()
        yield rank, size, type(collective).__name__

    return task


@pytest.mark.parametrize("backend", ["mesh", "connect"])
def test_contract_in_barrier_tasks(spark_cluster, backend):
    context = spark_cluster.sparkContext
    task = make_task(str(CONTRACT), SECRET, f"run-{backend}", backend)
    results = context.parallelize(range(2), 2).barrier().mapPartitions(task).collect()
    kinds = {"Mesh"} if backend == "mesh" else {"Mesh", "SharedMemory"}
    assert [result[:2] for result in results] == [(0, 2), (1, 2)]
    assert {result[2] for result in results} <= kinds


def test_a_single_task_needs_no_peers(spark_cluster):
    context = spark_cluster.sparkContext
    task = make_task(str(CONTRACT), SECRET, "run-solo", "connect")
    assert context.parallelize(range(1), 1).barrier().mapPartitions(task).collect() == [(0, 1, "Solo")]
