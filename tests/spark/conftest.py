"""Servers that tests of Spark's storage use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))
import hadoop_jars
import hdfs as hdfs_server

from sparkdl.spark.java import wheel_java_home


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real HDFS; see `make servers`."""
    if not hadoop_jars.complete():
        reason = "Hadoop's jars are not there: `make servers` fetches them (220 MB)"
        if os.environ.get("SPARKDL_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    # Java 21, whatever else is here: Hadoop 2.7 uses what Java 24 has lost.
    java = wheel_java_home() / "bin" / "java"
    with hdfs_server.hdfs(tmp_path_factory.mktemp("hdfs"), hadoop_jars.FOLDER, java) as url:
        yield url
