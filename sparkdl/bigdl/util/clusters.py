"""Settings for Spark on each kind of cluster."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pyspark import SparkContext

from sparkdl.bigdl.util.contexts import create_spark_conf, get_spark_context, prepare_environment
from sparkdl.errors import ArgumentError, UnsupportedError
from sparkdl.spark.session import local_session

_ENVIRONMENT = "python_env"
_UNITS = {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1 << 20}


def started(
    master: str | None,
    conf: Mapping[str, Any] | None,
    log_level: str = "WARN",
    python: str | None = None,
    files: Sequence[str | None] = (),
    jars: str | None = None,
) -> SparkContext:
    """The running Spark context, or a new one.

    Args:
        master: None for what spark-submit or the settings say, else this machine.
        conf: settings, which come before all others.
        log_level: what Spark says on the terminal.
        python: the executors' Python.
        files: Python files and archives for the executors, separated by commas.
        jars: Java archives, separated by commas.
    """
    if SparkContext._active_spark_context is not None:
        return get_spark_context()
    if python:
        os.environ["PYSPARK_PYTHON"] = python
    prepare_environment()
    settings = dict(create_spark_conf().getAll()) | {name: str(value) for name, value in (conf or {}).items()}
    given = ",".join(filter(None, files))
    if given:
        settings["spark.submit.pyFiles"] = given
    if jars:
        settings["spark.jars"] = jars
    if master is not None:
        settings["spark.master"] = master
    local_session(settings.get("spark.master", "local[*]"), settings, settings.get("spark.app.name", "bigdl"))
    context = get_spark_context()
    context.setLogLevel(log_level)
    return context


def resources(executors: int, cores: int, memory: str, driver_cores: int, driver_memory: str) -> dict[str, str]:
    """How many executors, and of what size; training needs a fixed number of them."""
    return {
        "spark.dynamicAllocation.enabled": "false",
        "spark.executor.instances": str(executors),
        "spark.executor.cores": str(cores),
        "spark.executor.memory": memory,
        "spark.driver.cores": str(driver_cores),
        "spark.driver.memory": driver_memory,
    }


def yarn_settings(
    hadoop_conf: str | None,
    environment: str | None,
    archives: str | None,
    user: str | None,
    spark_archive: str | None,
) -> dict[str, str]:
    """What YARN needs.

    Raises:
        ArgumentError: nothing says where Hadoop's settings are.
    """
    if not hadoop_conf:
        raise ArgumentError(
            "Spark on YARN needs the folder of Hadoop's settings: give hadoop_conf=, or set HADOOP_CONF_DIR."
        )
    os.environ["HADOOP_CONF_DIR"] = hadoop_conf
    if user:
        os.environ["HADOOP_USER_NAME"] = user
    settings = _archives(environment, archives)
    return settings | ({"spark.yarn.archive": spark_archive} if spark_archive else {})


def kubernetes_settings(image: str, environment: str | None) -> dict[str, str]:
    """What Kubernetes needs."""
    return {"spark.kubernetes.container.image": image, **_archives(environment, None)}


def _archives(environment: str | None, others: str | None) -> dict[str, str]:
    listed = [f"{environment}#{_ENVIRONMENT}"] if environment else []
    listed += [others] if others else []
    found = {"spark.archives": ",".join(listed)} if listed else {}
    return found | ({"spark.pyspark.python": f"./{_ENVIRONMENT}/bin/python"} if environment else {})


def in_cluster_mode(where: str, conf: Mapping[str, Any]) -> SparkContext:
    """The context of a driver that is on the cluster already.

    Raises:
        UnsupportedError: this process is not.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ or SparkContext._active_spark_context is not None:
        return started(None, conf)
    refuse_cluster_mode(where)


def refuse_cluster_mode(where: str) -> NoReturn:
    """Says how a driver gets onto a cluster.

    Raises:
        UnsupportedError: always.
    """
    raise UnsupportedError(
        f"a program cannot move its own driver onto {where}: submit it there, spark-submit --master {where} "
        f"--deploy-mode cluster, or keep the driver here (client mode)."
    )


def local_cluster(executors: int, cores: int, memory: str) -> str:
    """The master of executors in processes of their own on this machine.

    Example:
        >>> local_cluster(2, 1, "2g"), local_cluster(1, 4, "512M")
        ('local-cluster[2,1,2048]', 'local-cluster[1,4,512]')
    """
    found = re.fullmatch(r"(\d+)([kmgt])b?", memory.strip().lower())
    if not found:
        raise ArgumentError(f"executor_memory must be like '2g' or '512m', received {memory!r}.")
    return f"local-cluster[{executors},{cores},{int(int(found[1]) * _UNITS[found[2]])}]"
