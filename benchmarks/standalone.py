"""A standalone Spark cluster on loopback, whose daemons can be killed and started again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pyspark

from sparkdl.spark.java import has_java, wheel_java_home

ROOT = Path(__file__).parents[1]
START_SECONDS = 120.0


class Standalone:
    """A master, and a worker daemon of one core for each host. A context manager.

    Args:
        folder: for logs and work.
        hosts: addresses of this machine; Spark and sparkdl take different ones for different hosts.
    """

    def __init__(self, folder: Path, hosts: Sequence[str] = ("127.0.0.1", "127.0.0.1")) -> None:
        self._folder = folder
        self._hosts = tuple(hosts)
        self._port, self._web = _free_port(), _free_port()
        self._master: subprocess.Popen[bytes] | None = None
        self.daemons: dict[int, subprocess.Popen[bytes]] = {}
        self._started = 0

    @property
    def url(self) -> str:
        """For `spark.master`."""
        return f"spark://127.0.0.1:{self._port}"

    def __enter__(self) -> Standalone:
        command = ["org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(self._port)]
        self._master = self._start("127.0.0.1", [*command, "--webui-port", str(self._web)])
        try:
            self.repair()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        processes = [*self.daemons.values(), *([self._master] if self._master is not None else [])]
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)

    def repair(self) -> None:
        """Starts what is missing, and returns when all of it is there.

        Raises:
            TimeoutError: with the ends of the logs.
        """
        for number, host in enumerate(self._hosts):
            if number not in self.daemons or self.daemons[number].poll() is not None:
                command = ["org.apache.spark.deploy.worker.Worker", "--host", host, "--cores", "1", "--memory", "1g"]
                work = ["--webui-port", "0", "--work-dir", str(self._folder / f"work{number}"), self.url]
                self.daemons[number] = self._start(host, [*command, *work])
        deadline = time.monotonic() + START_SECONDS
        while self._alive() != len(self._hosts):
            if time.monotonic() > deadline:
                logs = "\n".join(log.read_text()[-2000:] for log in self._folder.glob("*.log"))
                raise TimeoutError(f"The cluster did not come up in {START_SECONDS:g} s; its logs end with\n{logs}")
            time.sleep(0.25)

    def _alive(self) -> int:
        """How many daemons are there; -1 where the master does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._web}/json/", timeout=5) as answer:
                return sum(worker["state"] == "ALIVE" for worker in json.load(answer)["workers"])
        except (urllib.error.URLError, ConnectionError, TimeoutError, ValueError):  # its page is not there yet
            return -1

    def _start(self, host: str, command: list[str]) -> subprocess.Popen[bytes]:
        environ = {**os.environ, "SPARK_LOCAL_IP": host, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
        if not has_java(os.environ):
            environ["JAVA_HOME"] = str(wheel_java_home())
        self._started += 1
        launcher = Path(os.environ.get("SPARK_HOME") or os.path.dirname(pyspark.__file__), "bin", "spark-class")
        with (self._folder / f"daemon{self._started}.log").open("wb") as output:
            return subprocess.Popen([launcher, *command], stdout=output, stderr=subprocess.STDOUT, env=environ)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
