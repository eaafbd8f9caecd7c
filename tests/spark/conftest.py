"""Servers that tests of Spark's storage use."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))
import hadoop_jars
import hdfs as hdfs_server

from sparkdl.spark.java import has_java, wheel_java_home


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real HDFS; see `make servers`."""
    if not any(hadoop_jars.FOLDER.glob("hadoop-hdfs-*.jar")):
        reason = "Hadoop's jars are not there: `make servers` fetches them (220 MB)"
        if os.environ.get("SPARKDL_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with hdfs_server.hdfs(tmp_path_factory.mktemp("hdfs"), hadoop_jars.FOLDER, java()) as url:
        yield url


def java() -> Path:
    """The Java that Spark uses."""
    if not has_java(os.environ):
        return wheel_java_home() / "bin" / "java"
    home = os.environ.get("JAVA_HOME")
    return Path(home, "bin", "java") if home else Path(shutil.which("java") or "java")
