"""Spark Connect: the cases of `connect_cases.py` in a client's process, against a real server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pyspark
import pytest

from tests.servers.connect import ROOT, connect_server
from tests.servers.preloaded import preloaded_python

CASES = Path(__file__).with_name("connect_cases.py")
SECONDS = 800


@pytest.mark.timeout(SECONDS + 100)
@pytest.mark.skipif(pyspark.__version__.startswith("3."), reason="Spark Connect is supported from Spark 4.0 on")
def test_a_client_trains_evaluates_and_predicts(tmp_path: Path) -> None:
    pytest.importorskip("grpc_status", reason="sparkdl[connect] is not installed")
    with connect_server(tmp_path, "local-cluster[2,1,1024]") as url:
        options = ["-p", "no:cacheprovider", "-x", "--rootdir", str(ROOT)]
        command = [preloaded_python(), "-m", "pytest", *options, str(CASES)]
        environ = {**os.environ, "CONNECT_URL": url, "PYTHONPATH": str(ROOT)}
        environ.pop("PYTEST_XDIST_WORKER", None)
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
