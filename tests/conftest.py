"""Spark for the tests: one context of a kind at a time, each kind started once, and a standalone cluster."""

from __future__ import annotations

import atexit
import gc
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.servers.java import java_options
from tests.servers.preloaded import provide_python

# Before anything imports TensorFlow, and before the JVM starts: Python workers inherit it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAVA_TOOL_OPTIONS", java_options())

ROOT = Path(__file__).parents[1]
# Each process of pytest-xdist has temporary files of its own: some tests look whether anything is left there.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="tests-of-sparkdl-")
    tempfile.tempdir = None
    atexit.register(shutil.rmtree, os.environ["TMPDIR"], ignore_errors=True)
# Every run tries the same examples; `--hypothesis-profile=search` looks for new ones.
settings.register_profile("search", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")
KINDS = ("spark_local", "spark_cluster", "standalone")
GROUPS = ("clusters", "bigdl", "spark_local")
FIRST_HALF = frozenset({"bigdl", "jobs", "contracts"})
TENSORFLOW_FOLDERS = frozenset({"engine", "nn", "importers", "ml", "bigdl"})
CONF = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "4", "spark.default.parallelism": "2"}
RARELY = (20_000, 5, 5)
PRELOADED = {"spark.python.daemon.module": "sparkdl.spark.daemon"}


def pytest_configure(config: pytest.Config) -> None:
    """Lets pytest-xdist keep the order below: of its own accord it begins with the groups of the most tests.

    Each of its processes gets a Python that has TensorFlow in memory, for its programs and Spark's workers.
    """
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        provide_python(config.add_cleanup)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names bytes by their length: gzip writes the time into them, and processes must find tests of the same names."""
    return f"{argname}-of-{len(val)}-bytes" if isinstance(val, bytes) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks by what a test uses, and sorts by kind: a process has one Spark context, and starting one is slow.

    With pytest-xdist, those of a kind go to one process, in this order, and so do those of a file without a context.
    What takes longest begins first, so that no process is left alone with it at the end.
    """
    for item in items:
        folders = item.path.relative_to(ROOT).parts
        if _kind(item):
            item.add_marker(pytest.mark.spark)
        item.add_marker(pytest.mark.xdist_group(_group(item)))
        if TENSORFLOW_FOLDERS.intersection(folders):
            item.add_marker(pytest.mark.tf)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[int, int]:
    group = _group(item)
    late = 0 if item.get_closest_marker("spark") else 1
    return (GROUPS.index(group) if group in GROUPS else len(GROUPS) + late), _kind(item)


def _group(item: pytest.Item) -> str:
    """The tests that share a process with this one: two processes have a session on local[2], for half of them each."""
    half = "bigdl" if FIRST_HALF.intersection(item.path.relative_to(ROOT).parts) else "spark_local"
    return ("", half, "clusters", "clusters")[_kind(item)] or str(item.path)


def _kind(item: pytest.Item) -> int:
    used = getattr(item, "fixturenames", ())
    return max((index for index, name in enumerate(KINDS, start=1) if name in used), default=0)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Looks for no garbage during the imports: a fifth of their time, and all is kept."""
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keeps what has been imported and collected out of all further garbage collections: it stays, and it is a lot.

    And lets these be rare: TensorFlow makes ten thousands of objects for each function that it traces.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Starts all random numbers of this process anew, so that a test finds the same in any order and in any run."""
    random.seed(0)
    np.random.seed(0)
    if item.get_closest_marker("tf") or "keras" in sys.modules:
        import keras

        keras.utils.set_random_seed(0)
    if initial := sys.modules.get("sparkdl.nn.torch.initial"):
        initial.seed(0)


@pytest.fixture(scope="session")
def identity() -> Any:
    """Certificate and key of a run."""
    from sparkdl.collective.certificate import make_identity

    return make_identity()


@pytest.fixture(params=["clear", "encrypted"])
def own_identity(request: pytest.FixtureRequest) -> Any:
    """For tests that must hold with TLS and without."""
    return request.getfixturevalue("identity") if request.param == "encrypted" else None


@pytest.fixture(scope="session")
def spark_local() -> Iterator[Any]:
    """A SparkSession on local[2]: two slots, all in one JVM, whose workers begin with TensorFlow in memory."""
    yield from _session("local[2]", CONF | PRELOADED)


@pytest.fixture(scope="session")
def spark_cluster() -> Iterator[Any]:
    """A SparkSession on local-cluster[2,1,1024]: two executors in processes of their own, one slot each."""
    yield from _session("local-cluster[2,1,1024]", CONF)


def _session(master: str, conf: dict[str, str]) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    from sparkdl.spark.cluster import wait_for_slots
    from sparkdl.spark.session import local_session

    other = SparkSession.getActiveSession()
    if other is not None:
        other.stop()
    session = local_session(master, conf, app_name="sparkdl-tests")
    context = session.sparkContext
    application = context.applicationId
    wait_for_slots(context, 2)
    yield session
    if SparkSession.getActiveSession() is session:
        session.stop()
    # Executors of local-cluster leave a folder per application there.
    shutil.rmtree(Path(os.environ.get("SPARK_HOME") or _spark_home(), "work", application), ignore_errors=True)


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real standalone cluster on loopback: a master and two workers of one core."""
    folder = tmp_path_factory.mktemp("standalone")
    port, web = _free_port(), _free_port()
    url = f"spark://127.0.0.1:{port}"
    address = ["--host", "127.0.0.1"]
    master = ["org.apache.spark.deploy.master.Master", *address, "--port", str(port), "--webui-port", str(web)]
    worker = ["org.apache.spark.deploy.worker.Worker", *address, "--cores", "1", "--memory", "1g", "--webui-port", "0"]
    processes = [_start(folder / "master.log", master)]
    try:
        for number in range(2):
            work = ["--work-dir", str(folder / f"work{number}"), url]
            processes.append(_start(folder / f"worker{number}.log", [*worker, *work]))
        _wait_for_workers(f"http://127.0.0.1:{web}/json/", 2, folder)
        yield url
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(30)


def _start(log: Path, command: list[str]) -> subprocess.Popen[bytes]:
    from sparkdl.spark.java import has_java, wheel_java_home

    environ = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    if not has_java(os.environ):
        environ["JAVA_HOME"] = str(wheel_java_home())
    with log.open("wb") as output:
        launcher = Path(_spark_home(), "bin", "spark-class")
        return subprocess.Popen([launcher, *command], stdout=output, stderr=subprocess.STDOUT, env=environ)


def _wait_for_workers(address: str, count: int, folder: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if json.load(answer)["aliveworkers"] == count:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.25)
    logs = "\n".join(log.read_text()[-2000:] for log in folder.glob("*.log"))
    raise TimeoutError(f"The standalone cluster did not come up in 120 s; its logs end with\n{logs}")


def _spark_home() -> str:
    import pyspark

    return os.path.dirname(pyspark.__file__)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
