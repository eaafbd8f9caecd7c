"""A real HDFS on loopback: one NameNode and one DataNode, of the jars that `hadoop_jars.py` has fetched."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Hadoop 2.7 was written for Java 8, and looks into what later Javas close.
OPENED = ("java.base/java.lang", "java.base/java.util", "java.base/java.net", "java.base/sun.nio.ch")
DEADLINE = 150.0
LOGGING = """
log4j.rootLogger=WARN,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.SimpleLayout
"""
PROPERTY = "<property><name>{}</name><value>{}</value></property>"


@contextmanager
def hdfs(folder: Path, jars: Path, java: Path) -> Iterator[str]:
    """Starts an empty HDFS, gives its URL, and ends it.

    Args:
        folder: an empty directory for settings, data and logs.
        jars: the directory of Hadoop's jars.
        java: the program.
    """
    port, web = _free_port(), _free_port()
    _configure(folder, port, web)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        formatting = _start(folder, jars, java, "namenode.NameNode", "-format", "-nonInteractive", log="format")
        processes.append(formatting)
        if formatting.wait(DEADLINE) != 0:
            raise RuntimeError(f"HDFS cannot be formatted: {_tail(folder)}")
        processes = [_start(folder, jars, java, f"{kind.lower()}.{kind}") for kind in ("NameNode", "DataNode")]
        _wait(f"http://127.0.0.1:{web}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState", folder, processes)
        yield f"hdfs://127.0.0.1:{port}"
    finally:
        for process in processes:
            process.kill()  # What it holds is thrown away anyhow.
            process.wait(DEADLINE)


def _configure(folder: Path, port: int, web: int) -> None:
    settings = {
        "fs.defaultFS": f"hdfs://127.0.0.1:{port}",
        "hadoop.tmp.dir": folder / "data",
        "dfs.replication": 1,
        "dfs.namenode.http-address": f"127.0.0.1:{web}",
        "dfs.datanode.address": "127.0.0.1:0",
        "dfs.datanode.http.address": "127.0.0.1:0",
        "dfs.datanode.ipc.address": "127.0.0.1:0",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.permissions.enabled": "false",
        "dfs.webhdfs.enabled": "false",  # It alone needs Jersey, which is not among the jars.
        "dfs.namenode.fs-limits.min-block-size": 1024,
    }
    for name in ("hdfs", "datanode"):  # Their web pages are not among the jars either.
        (folder / "webapps" / name / "WEB-INF").mkdir(parents=True)
        (folder / "webapps" / name / "WEB-INF" / "web.xml").write_text("<web-app/>")
    (folder / "log4j.properties").write_text(LOGGING)
    properties = "".join(PROPERTY.format(*item) for item in settings.items())
    for site in ("core-site.xml", "hdfs-site.xml"):
        (folder / site).write_text(f"<configuration>{properties}</configuration>")


def _start(folder: Path, jars: Path, java: Path, name: str, *arguments: str, log: str = "") -> subprocess.Popen[bytes]:
    opened = [f"--add-opens={package}=ALL-UNNAMED" for package in OPENED]
    memory = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]
    classes = f"{folder}:{jars}/*"
    command = [java, *opened, *memory, "-cp", classes, f"org.apache.hadoop.hdfs.server.{name}", *arguments]
    with (folder / f"{log or name}.log").open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)


def _wait(address: str, folder: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and all(process.poll() is None for process in processes):
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                (state,) = json.load(answer)["beans"]
                if state["NumLiveDataNodes"] == 1 and state["FSState"] == "Operational":
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError, ValueError):
            pass
        time.sleep(0.1)
    raise RuntimeError(f"HDFS did not come up: {_tail(folder)}")


def _tail(folder: Path) -> str:
    return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in folder.glob("*.log"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
