"""A real server of Spark Connect in a process of its own, over a cluster of executors in processes of theirs."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyspark

from sparkdl.spark.java import has_java, wheel_java_home
from tests.servers.preloaded import preloaded_python

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0


@contextmanager
def connect_server(folder: Path, master: str, conf: Mapping[str, str] | None = None) -> Iterator[str]:
    """Starts a server on loopback, and ends it.

    Args:
        folder: for its log and its executors' files.
        master: where it runs its jobs, e.g. "local-cluster[2,1,1024]".
        conf: settings.

    Yields:
        its URL.

    Raises:
        TimeoutError: with the end of its log.
    """
    port = _free_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        **(conf or {}),
    }
    options = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    home = Path(pyspark.__file__).parent
    server = ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", *options, "spark-internal"]
    environ = {**os.environ, "PYSPARK_PYTHON": preloaded_python(), "PYTHONPATH": str(ROOT)}
    environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    if not has_java(os.environ):
        environ["JAVA_HOME"] = str(wheel_java_home())
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [home / "bin" / "spark-submit", "--master", master, *server],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            cwd=folder,
        )
    try:
        _wait(process, port, log)
        yield f"sc://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"The Connect server did not come up in {START_SECONDS:g} s; it said\n{log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
