"""BigDL 2.x's `utils.spark`: `SparkRunner`, which has the functions of `nncontext` as methods."""

import os
import platform  # noqa: F401
import random  # noqa: F401
import sys  # noqa: F401
from typing import Any

from pyspark import SparkContext

from sparkdl.bigdl import nncontext
from sparkdl.bigdl.nncontext import init_internal_nncontext, init_spark_conf
from sparkdl.bigdl.util.clusters import resources
from sparkdl.bigdl.util.engine import get_bigdl_jars  # noqa: F401
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.bigdl.util.utils import (  # noqa: F401
    detect_python_location,
    get_bigdl_class_version,
    get_bigdl_image_workdir,
    get_executor_conda_zoo_classpath,
    get_node_ip,
    get_zoo_bigdl_classpath_on_driver,
    is_valid_ip_address,
    pack_penv,
)


class SparkRunner:
    """Starts Spark."""

    standalone_env: dict[str, str] | None = None

    def __init__(self, spark_log_level: str = "WARN", redirect_spark_log: bool = True) -> None:
        self.spark_log_level = spark_log_level
        self.redirect_spark_log = redirect_spark_log

    def create_sc(self, submit_args: str, conf: Any) -> SparkContext:
        """A context with arguments of spark-submit and settings."""
        os.environ["PYSPARK_SUBMIT_ARGS"] = f"{submit_args} pyspark-shell"
        return init_internal_nncontext(init_spark_conf(conf), self.spark_log_level, self.redirect_spark_log)

    def _start(self, function: Any, arguments: dict[str, Any]) -> SparkContext:
        given = {name: value for name, value in arguments.items() if name not in ("self", "__class__")}
        return function(**given, spark_log_level=self.spark_log_level, redirect_spark_log=self.redirect_spark_log)

    def init_spark_on_local(self, cores: Any, conf: Any = None, python_location: str | None = None) -> SparkContext:
        """See `nncontext`."""
        return self._start(nncontext.init_spark_on_local, locals())

    def init_spark_on_yarn(
        self,
        hadoop_conf: str,
        conda_name: str | None,
        num_executors: int,
        executor_cores: int,
        executor_memory: str = "2g",
        driver_cores: int = 4,
        driver_memory: str = "1g",
        extra_executor_memory_for_ray: str | None = None,
        extra_python_lib: str | None = None,
        penv_archive: str | None = None,
        additional_archive: str | None = None,
        hadoop_user_name: str | None = None,
        spark_yarn_archive: str | None = None,
        conf: Any = None,
        jars: str | None = None,
        py_files: str | None = None,
    ) -> SparkContext:
        """See `nncontext`."""
        return self._start(nncontext.init_spark_on_yarn, locals())

    def init_spark_on_yarn_cluster(
        self,
        hadoop_conf: str,
        conda_name: str | None,
        num_executors: int,
        executor_cores: int,
        executor_memory: str = "2g",
        driver_cores: int = 4,
        driver_memory: str = "1g",
        extra_executor_memory_for_ray: str | None = None,
        extra_python_lib: str | None = None,
        penv_archive: str | None = None,
        additional_archive: str | None = None,
        hadoop_user_name: str | None = None,
        spark_yarn_archive: str | None = None,
        conf: Any = None,
        jars: str | None = None,
        py_files: str | None = None,
    ) -> SparkContext:
        """See `nncontext`."""
        return self._start(nncontext.init_spark_on_yarn_cluster, locals())

    def init_spark_standalone(
        self,
        num_executors: int,
        executor_cores: int,
        executor_memory: str = "2g",
        driver_cores: int = 4,
        driver_memory: str = "1g",
        master: str | None = None,
        extra_executor_memory_for_ray: str | None = None,
        extra_python_lib: str | None = None,
        conf: Any = None,
        jars: str | None = None,
        python_location: str | None = None,
        enable_numa_binding: bool = False,
    ) -> SparkContext:
        """See `nncontext`."""
        return self._start(nncontext.init_spark_standalone, locals())

    @staticmethod
    def stop_spark_standalone() -> None:
        """See `nncontext`."""
        nncontext.stop_spark_standalone()

    def init_spark_on_k8s(
        self,
        master: str,
        container_image: str,
        conda_name: str | None,
        num_executors: int,
        executor_cores: int,
        executor_memory: str = "2g",
        driver_memory: str = "1g",
        driver_cores: int = 4,
        extra_executor_memory_for_ray: str | None = None,
        extra_python_lib: str | None = None,
        penv_archive: str | None = None,
        conf: Any = None,
        jars: str | None = None,
        python_location: str | None = None,
    ) -> SparkContext:
        """See `nncontext`."""
        return self._start(nncontext.init_spark_on_k8s, locals())

    def init_spark_on_k8s_cluster(
        self,
        master: str,
        container_image: str,
        num_executors: int,
        executor_cores: int,
        executor_memory: str = "2g",
        driver_memory: str = "1g",
        driver_cores: int = 4,
        extra_executor_memory_for_ray: str | None = None,
        extra_python_lib: str | None = None,
        penv_archive: str | None = None,
        conf: Any = None,
        jars: str | None = None,
        python_location: str | None = None,
    ) -> SparkContext:
        """See `nncontext`."""
        return self._start(nncontext.init_spark_on_k8s_cluster, locals())


def gen_submit_args(
    driver_cores: int,
    driver_memory: str,
    num_executors: int,
    executor_cores: int,
    executor_memory: str,
    extra_python_lib: str | None = None,
    jars: str | None = None,
) -> str:
    """Arguments of spark-submit."""
    text = (
        f" --driver-cores {driver_cores} --driver-memory {driver_memory} --num-executors {num_executors}"
        f" --executor-cores {executor_cores} --executor-memory {executor_memory}"
    )
    text += f" --py-files {extra_python_lib}" if extra_python_lib else ""
    return text + (f" --jars {jars}" if jars else "")


def enrich_conf_for_spark(
    conf: Any,
    driver_cores: int,
    driver_memory: str,
    num_executors: int,
    executor_cores: int,
    executor_memory: str,
    extra_executor_memory_for_ray: str | None = None,
) -> dict[str, Any]:
    """Settings with those of the cluster's size."""
    return resources(num_executors, executor_cores, executor_memory, driver_cores, driver_memory) | dict(conf or {})
