from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("one_worker.py")
ROOT = Path(__file__).parents[2]
SIZE = 3


@pytest.fixture
def workers(tmp_path, identity):
    """Starts the processes, and ends those that a failed test leaves."""
    processes = []
    (tmp_path / "certificate").write_bytes(identity.certificate)
    (tmp_path / "key").write_bytes(identity.key)

    def start(hosts):
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        for rank, host in enumerate(hosts):
            command = [sys.executable, str(SCRIPT), str(rank), str(SIZE), str(tmp_path), host]
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ))
        return processes

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("hosts", "kinds"),
    [(["127.0.0.1"] * 3, ("SharedMemory", "Mesh")), (["127.0.0.1", "127.0.0.1", "127.0.0.2"], ("TwoLevel", "Mesh"))],
    ids=["one host", "two hosts"],
)
def test_the_contract_holds_between_processes_and_who_is_killed_is_named(workers, hosts, kinds):
    processes = workers(hosts)
    first_lines = [process.stdout.readline().strip() for process in processes]
    assert first_lines in ([f"Mesh {chosen} kept the contract"] * SIZE for chosen in kinds)
    time.sleep(0.1)
    processes[1].kill()
    started = time.monotonic()
    for rank in (0, 2):
        sum_told, barrier_told = (processes[rank].stdout.readline() for _ in range(2))
        assert "rank 1 (127.0.0.1)" in sum_told and "left during reduce_scatter" in sum_told
        assert "rank 1 (127.0.0.1)" in barrier_told and "left during barrier" in barrier_told
        assert processes[rank].wait(10) == 0
    assert time.monotonic() - started < 10
