"""Spark's context as BigDL's scripts make it. The engine itself needs no preparation."""

from __future__ import annotations

import logging
import os
import sys
import zipfile
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pyspark import SparkConf, SparkContext

import sparkdl
from sparkdl.spark.cluster import cores_per_task, task_slots
from sparkdl.spark.java import has_java, wheel_java_home
from sparkdl.spark.session import is_local, local_session
from sparkdl.storage.temporary import TemporaryFolder

logger = logging.getLogger("sparkdl")

# What suits synchronous training; anything that the script or spark-submit says comes before it.
_SETTINGS = {
    "spark.speculation": "false",
    "spark.shuffle.reduceLocality.enabled": "false",
    "spark.serializer": "org.apache.spark.serializer.JavaSerializer",
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.barrier.maxConcurrentTasksCheck.interval": "2s",
    "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": "3",
}
_CONF = "spark-bigdl.conf"
# For executors, where nobody has imported `sparkdl.bigdl.install`: a module that Spark sends them as `bigdl.py`.
_DOOR = "import sparkdl.bigdl.install  # noqa: F401\n"
_shared: dict[str, TemporaryFolder] = {}
_said: WeakKeyDictionary[SparkContext, int] = WeakKeyDictionary()  # cores of executors, where a script has set them


def prepare_environment() -> None:
    """Variables that Spark reads while it starts, where nobody has set them: Java, and the executors' Python."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has started Java already
        return
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if not has_java(os.environ):
        os.environ["JAVA_HOME"] = str(wheel_java_home())


def create_spark_conf() -> SparkConf:
    """Spark's settings, with those that suit training where nobody said otherwise."""
    prepare_environment()
    conf = SparkConf()
    for name, value in get_bigdl_conf().items():
        conf.setIfMissing(name, value)
    if os.environ.get("PYSPARK_FILES"):
        given = conf.get("spark.submit.pyFiles", "")
        conf.set("spark.submit.pyFiles", ",".join(filter(None, [os.environ["PYSPARK_FILES"], given])))
    return conf


def get_spark_context(conf: SparkConf | None = None) -> SparkContext:
    """The running Spark context; where there is none, a new one with `conf`, or on this machine."""
    active = SparkContext._active_spark_context
    if active is None and conf is None:
        active = local_session(app_name="bigdl").sparkContext
    elif active is None:
        prepare_environment()
        active = SparkContext.getOrCreate(conf)
    share_names(active)
    return active


def init_engine(bigdl_type: str = "float") -> None:
    """Does what is left to do when a Spark context is there; scripts that forget it work too."""
    get_spark_context()


def share_names(context: SparkContext) -> None:
    """Makes `import bigdl...` work inside of functions that executors run, if it works here."""
    if context.applicationId in _shared or "sparkdl.bigdl.install" not in sys.modules:
        return
    folder = TemporaryFolder("sparkdl-bigdl-")
    _shared[context.applicationId] = folder
    door = Path(folder.name, "bigdl.py")
    door.write_text(_DOOR)
    context.addPyFile(str(door))
    if is_local(context.master):
        # Their folders are not this process's: they find this package where it has been found here.
        root = str(Path(sparkdl.__file__).absolute().parents[1])
        path = context.environment.get("PYTHONPATH", "")
        context.environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, path]))


def init_executor_gateway(sc: SparkContext, bigdl_type: str = "float") -> None:
    """Nothing: functions on executors call no Java."""


def set_core_number(num: int) -> None:
    """Sets what `get_node_and_core_number` says of this Spark context; the engine goes by `spark.task.cpus`."""
    _said[get_spark_context()] = int(num)


def get_node_and_core_number(bigdl_type: str = "float") -> tuple[int, int]:
    """The number of executors, and of cores of each that tasks can use at the same time, or that were set."""
    context = get_spark_context()
    cores = task_slots(context) * cores_per_task(context)
    executors = max(1, context._jsc.sc().getExecutorMemoryStatus().size() - 1)  # the driver is counted too
    return executors, _said.get(context, cores // executors)


def redire_spark_logs(bigdl_type: str = "float", log_path: str = os.getcwd() + "/bigdl.log") -> None:
    """Keeps Spark's messages below errors off the terminal. No file is written: Spark's own settings say where."""
    get_spark_context().setLogLevel("ERROR")


def show_bigdl_info_logs(bigdl_type: str = "float") -> None:
    """Shows what this package has to say while it runs."""
    logger.setLevel(logging.INFO)
    if not logger.handlers and not logging.getLogger().handlers:
        logger.addHandler(logging.StreamHandler())


_optimizer_version = {"value": "OptimizerV1"}


def set_optimizer_version(optimizerVersion: str, bigdl_type: str = "float") -> None:
    """Remembers the name; there is one engine."""
    _optimizer_version["value"] = optimizerVersion


def get_optimizer_version(bigdl_type: str = "float") -> str:
    """The name that was set last."""
    return _optimizer_version["value"]


def get_bigdl_engine_type(bigdl_type: str = "float") -> str:
    """That of BigDL's whose tensors lie as here: without blocks."""
    return "MklBlas"


def extend_spark_driver_cp(sparkConf: Any, path: str) -> None:
    """Puts a path before the driver's class path."""
    given = sparkConf.get("spark.driver.extraClassPath", "")
    sparkConf.set("spark.driver.extraClassPath", ":".join(filter(None, [path, given])))


def get_bigdl_conf() -> dict[str, str]:
    """The settings that `create_spark_conf` adds: ours, then those of a `spark-bigdl.conf` that lies on `sys.path`.

    An entry of the path may be such a file, or an archive with one in it; lines are names and values. The first counts.
    """
    found = next(filter(None, map(_conf_text, sys.path)), "")
    pairs = [line.split(None, 1) for line in found.splitlines() if not line.lstrip().startswith("#")]
    return _SETTINGS | {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def _conf_text(entry: str) -> str:
    """What an entry of `sys.path` has of a `spark-bigdl.conf`."""
    if entry.endswith(_CONF) and os.path.isfile(entry):
        return Path(entry).read_text()
    if entry.endswith(".zip") and zipfile.is_zipfile(entry):
        with zipfile.ZipFile(entry) as archive:
            if _CONF in archive.namelist():
                return archive.read(_CONF).decode()
    return ""
