"""BigDL 2.x's `nncontext`: Spark contexts for each kind of cluster."""

import multiprocessing  # noqa: F401
import os
import sys  # noqa: F401
import threading  # noqa: F401
import warnings  # noqa: F401
from typing import Any

from sparkdl.bigdl.util.bridge import callZooFunc  # noqa: F401
from sparkdl.bigdl.util.clusters import (
    in_cluster_mode,
    kubernetes_settings,
    local_cluster,
    resources,
    started,
    yarn_settings,
)
from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.bigdl.util.common import (
    SparkConf,
    SparkContext,
    create_spark_conf,
    get_bigdl_conf,
    get_optimizer_version,  # noqa: F401
    set_optimizer_version,  # noqa: F401
)
from sparkdl.bigdl.util.utils import set_python_home  # noqa: F401
from sparkdl.errors import ArgumentError


class ZooContextMeta(type):
    """The switches of `ZooContext`."""

    _log_output = False
    _barrier_mode = True

    @property
    def log_output(cls) -> bool:
        """Remembered; errors of executors come to the driver by themselves."""
        return cls._log_output

    @log_output.setter
    def log_output(cls, value: bool) -> None:
        cls._log_output = bool(value)

    @property
    def barrier_mode(cls) -> bool:
        """Remembered; training always starts all of its workers at once."""
        return cls._barrier_mode

    @barrier_mode.setter
    def barrier_mode(cls, value: bool) -> None:
        cls._barrier_mode = bool(value)


class ZooContext(metaclass=ZooContextMeta):
    """Switches of BigDL, which have nothing to switch here."""


def init_nncontext(
    conf: Any = None,
    cluster_mode: str = "spark-submit",
    spark_log_level: str = "WARN",
    redirect_spark_log: bool = True,
    **kwargs: Any,
) -> SparkContext:
    """A Spark context, or the running one.

    Args:
        conf: a SparkConf or dict of settings, or the name of the application.
        cluster_mode: "spark-submit" (what spark-submit said, else this machine), "local", "yarn-client",
            "k8s-client" or "standalone".
        spark_log_level: what Spark says on the terminal.
        redirect_spark_log: no matter: see `redire_spark_logs`.
        **kwargs: arguments of the function for that kind of cluster, for example `hadoop_conf=`.

    Raises:
        ArgumentError: there is no such mode.
        UnsupportedError: for "yarn-cluster" and "k8s-cluster", with what to do.
    """
    mode = cluster_mode.lower()
    if mode == "spark-submit":
        return init_internal_nncontext(conf, spark_log_level, redirect_spark_log)
    settings = _settings(conf)
    size = {
        "num_executors": int(settings.get("spark.executor.instances", 1)),
        "executor_cores": int(settings.get("spark.executor.cores", 2)),
        "executor_memory": settings.get("spark.executor.memory", "2g"),
    }
    more: dict[str, Any] = {"conf": settings, "spark_log_level": spark_log_level, **kwargs}
    if mode == "local":
        return init_spark_on_local(2, **{**more, "python_location": kwargs.get("python_location")})
    if mode in ("yarn-client", "yarn-cluster"):
        more.setdefault("hadoop_conf", os.environ.get("HADOOP_CONF_DIR"))
        start = init_spark_on_yarn if mode == "yarn-client" else init_spark_on_yarn_cluster
        return start(**{"conda_name": None, **size, **more})
    if mode in ("k8s", "k8s-client", "k8s-cluster"):
        if mode == "k8s-cluster":
            return init_spark_on_k8s_cluster(**{**size, **more})
        return init_spark_on_k8s(**{"conda_name": None, **size, **more})
    if mode == "standalone":
        return init_spark_standalone(**{**size, **more})
    raise ArgumentError(
        f'cluster_mode must be "spark-submit", "local", "yarn-client", "k8s-client" or "standalone", received '
        f"{cluster_mode!r}."
    )


def _settings(conf: Any) -> dict[str, str]:
    if conf is None:
        return {}
    if isinstance(conf, str):
        return {"spark.app.name": conf}
    return dict(conf.getAll()) if isinstance(conf, SparkConf) else dict(conf)


def init_internal_nncontext(
    conf: Any = None, spark_log_level: str = "WARN", redirect_spark_log: bool = True
) -> SparkContext:
    """The running Spark context, or a new one: as spark-submit said, else on this machine.

    Args:
        conf: a SparkConf, or the name of the application.
    """
    context = getOrCreateSparkContext(None, conf) if isinstance(conf, str) else getOrCreateSparkContext(conf)
    context.setLogLevel(spark_log_level)
    return context


def getOrCreateSparkContext(conf: Any = None, appName: str | None = None) -> SparkContext:
    """The running Spark context, or a new one with these settings."""
    settings = {**_settings(conf), **({"spark.app.name": appName} if appName else {})}
    return started(None, settings)


def init_spark_conf(conf: Any = None) -> SparkConf:
    """A SparkConf of a dict of settings, and those that suit training."""
    made = create_spark_conf()
    made.setAll([(name, str(value)) for name, value in (conf or {}).items()])
    return made


def init_spark_on_local(
    cores: Any = 2,
    conf: Any = None,
    python_location: str | None = None,
    spark_log_level: str = "WARN",
    redirect_spark_log: bool = True,
) -> SparkContext:
    """A context on this machine, with so many task slots, or "*" for all cores."""
    return started(f"local[{cores}]", conf, spark_log_level, python_location)


def init_spark_on_yarn(
    hadoop_conf: str,
    conda_name: str | None,
    num_executors: int,
    executor_cores: int,
    executor_memory: str = "2g",
    driver_cores: int = 4,
    driver_memory: str = "2g",
    extra_executor_memory_for_ray: str | None = None,
    extra_python_lib: str | None = None,
    penv_archive: str | None = None,
    additional_archive: str | None = None,
    hadoop_user_name: str | None = None,
    spark_yarn_archive: str | None = None,
    spark_log_level: str = "WARN",
    redirect_spark_log: bool = True,
    jars: str | None = None,
    conf: Any = None,
    py_files: str | None = None,
) -> SparkContext:
    """A context on YARN, with the driver here.

    Args:
        hadoop_conf: the folder of Hadoop's settings.
        conda_name: no matter where `penv_archive` is given; else the executors use the Python that they have.
        penv_archive: a packed environment (venv-pack, conda-pack), which executors unpack and use.
    """
    settings = resources(num_executors, executor_cores, executor_memory, driver_cores, driver_memory)
    settings |= yarn_settings(hadoop_conf, penv_archive, additional_archive, hadoop_user_name, spark_yarn_archive)
    return started("yarn", {**settings, **(conf or {})}, spark_log_level, files=(extra_python_lib, py_files), jars=jars)


def init_spark_on_yarn_cluster(
    hadoop_conf: str,
    conda_name: str | None,
    num_executors: int,
    executor_cores: int,
    executor_memory: str = "2g",
    driver_cores: int = 4,
    driver_memory: str = "2g",
    extra_executor_memory_for_ray: str | None = None,
    extra_python_lib: str | None = None,
    penv_archive: str | None = None,
    additional_archive: str | None = None,
    hadoop_user_name: str | None = None,
    spark_yarn_archive: str | None = None,
    spark_log_level: str = "WARN",
    redirect_spark_log: bool = True,
    jars: str | None = None,
    conf: Any = None,
    py_files: str | None = None,
) -> SparkContext:
    """The context of a driver that spark-submit has put on YARN.

    Raises:
        UnsupportedError: this process is not there.
    """
    return in_cluster_mode("yarn", _settings(conf))


def init_spark_standalone(
    num_executors: int,
    executor_cores: int,
    executor_memory: str = "2g",
    driver_cores: int = 4,
    driver_memory: str = "2g",
    master: str | None = None,
    extra_executor_memory_for_ray: str | None = None,
    extra_python_lib: str | None = None,
    spark_log_level: str = "WARN",
    redirect_spark_log: bool = True,
    conf: Any = None,
    jars: str | None = None,
    python_location: str | None = None,
    enable_numa_binding: bool = False,
) -> SparkContext:
    """A context on a standalone cluster; without `master`, on executors that Spark starts on this machine."""
    settings = resources(num_executors, executor_cores, executor_memory, driver_cores, driver_memory)
    settings["spark.cores.max"] = str(num_executors * executor_cores)
    master = master or local_cluster(num_executors, executor_cores, executor_memory)
    more = {**settings, **(conf or {})}
    return started(master, more, spark_log_level, python_location, files=(extra_python_lib,), jars=jars)


def stop_spark_standalone() -> None:
    """Nothing: executors that were started for a context end with it."""


def init_spark_on_k8s(
    master: str,
    container_image: str,
    conda_name: str | None,
    num_executors: int,
    executor_cores: int,
    executor_memory: str = "2g",
    driver_memory: str = "2g",
    driver_cores: int = 4,
    extra_executor_memory_for_ray: str | None = None,
    extra_python_lib: str | None = None,
    penv_archive: str | None = None,
    spark_log_level: str = "WARN",
    redirect_spark_log: bool = True,
    jars: str | None = None,
    conf: Any = None,
    python_location: str | None = None,
) -> SparkContext:
    """A context on Kubernetes, with the driver here and executors of a container image."""
    settings = resources(num_executors, executor_cores, executor_memory, driver_cores, driver_memory)
    settings |= kubernetes_settings(container_image, penv_archive)
    more = {**settings, **(conf or {})}
    return started(master, more, spark_log_level, python_location, files=(extra_python_lib,), jars=jars)


def init_spark_on_k8s_cluster(
    master: str,
    container_image: str,
    num_executors: int,
    executor_cores: int,
    executor_memory: str = "2g",
    driver_memory: str = "2g",
    driver_cores: int = 4,
    extra_executor_memory_for_ray: str | None = None,
    extra_python_lib: str | None = None,
    penv_archive: str | None = None,
    spark_log_level: str = "WARN",
    redirect_spark_log: bool = True,
    jars: str | None = None,
    conf: Any = None,
    python_location: str | None = None,
) -> SparkContext:
    """The context of a driver that spark-submit has put on Kubernetes.

    Raises:
        UnsupportedError: this process is not there.
    """
    return in_cluster_mode(master, _settings(conf))


def check_version() -> None:
    """Nothing: there is no second part of another version."""


def get_analytics_zoo_conf() -> dict[str, str]:
    """The settings that `create_spark_conf` adds."""
    return get_bigdl_conf()


def init_env(conf: Any) -> None:
    """Nothing: each worker sets its number of threads itself."""


def load_conf(conf_str: str, split_char: str | None = None) -> dict[str, str]:
    """Settings of a text with a name and a value per line.

    Example:
        >>> load_conf("# of a cluster\\nspark.speculation false")
        {'spark.speculation': 'false'}
    """
    lines = (line for line in conf_str.split("\n") if line.strip() and "#" not in line)
    return dict(line.split(split_char) for line in lines)  # type: ignore[misc]
