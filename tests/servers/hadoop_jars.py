"""Fetches the jars of Hadoop's servers from PyPI: the source distribution of pyspark 2.4.8 holds those of Hadoop 2.7.

    python tests/servers/hadoop_jars.py

takes 220 MB over the network, and keeps 20 MB beside the interpreter (in `.venv/hadoop-jars`).
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

SOURCE = "pyspark==2.4.8"
FOLDER = Path(sys.prefix, "hadoop-jars")
# What the NameNode and the DataNode load, by the beginning of the name.
NEEDED = (
    "commons-cli-",
    "commons-codec-",
    "commons-collections-",
    "commons-configuration-",
    "commons-io-",
    "commons-lang-",
    "commons-logging-",
    "guava-",
    "hadoop-annotations-",
    "hadoop-auth-",
    "hadoop-common-",
    "hadoop-hdfs-",
    "htrace-core-",
    "jackson-core-asl-",
    "jackson-mapper-asl-",
    "javax.servlet-api-",
    "javax.ws.rs-api-",
    "jetty-6",
    "jetty-util-6",
    "jsr305-",
    "log4j-1",
    "netty-",
    "protobuf-java-",
    "slf4j-",
    "xercesImpl-",
    "xmlenc-",
)


def complete(folder: Path = FOLDER) -> bool:
    """Whether all jars are there."""
    return all(any(folder.glob(f"{prefix}*.jar")) for prefix in NEEDED)


def fetch(folder: Path = FOLDER) -> None:
    """Puts the jars into `folder`, unless they are there.

    Raises:
        CalledProcessError: pip cannot get them.
    """
    if complete(folder):
        return
    with tempfile.TemporaryDirectory() as temporary:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pyspark"]
        subprocess.run([*pip, "--dest", temporary, SOURCE], check=True)
        (archive,) = Path(temporary).glob("pyspark-*.tar.gz")
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive, "r|gz") as content:
            for member in content:
                name = Path(member.name).name
                if name.endswith(".jar") and name.startswith(NEEDED):
                    part = folder / f"{name}.part"
                    part.write_bytes(content.extractfile(member).read())
                    part.replace(folder / name)


if __name__ == "__main__":
    try:
        fetch()
    except subprocess.CalledProcessError:
        sys.exit(f"Hadoop's jars are not to be had: pip cannot download {SOURCE}; the tests of HDFS cannot run.")
