"""Contexts for each kind of cluster: the settings that Spark gets, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sparkdl.bigdl import nncontext
from sparkdl.bigdl.util import clusters
from sparkdl.bigdl.util.spark import SparkRunner, enrich_conf_for_spark, gen_submit_args
from sparkdl.errors import ArgumentError, UnsupportedError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What Spark would be started with."""
    calls: list[tuple[Any, ...]] = []

    def started(master: Any, conf: Any = None, *rest: Any, **more: Any) -> str:
        calls.append((master, dict(conf or {}), more))
        return "context"

    monkeypatch.setattr(nncontext, "started", started)
    return calls


def test_modes_become_masters_and_settings(asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    conf = {"spark.executor.instances": 3, "spark.executor.cores": 2, "spark.executor.memory": "4g", "a": "b"}
    for name in ("HADOOP_CONF_DIR", "HADOOP_USER_NAME"):  # which the function sets, and monkeypatch takes back
        monkeypatch.setenv(name, "/etc/hadoop")
    nncontext.init_nncontext(conf, cluster_mode="yarn-client", penv_archive="env.tar.gz", hadoop_user_name="me")
    nncontext.init_nncontext(conf, cluster_mode="standalone", master="spark://host:7077")
    nncontext.init_nncontext(conf, cluster_mode="standalone")
    nncontext.init_nncontext(conf, cluster_mode="K8S", master="k8s://host", container_image="image")
    nncontext.init_nncontext(cluster_mode="local")
    assert [master for master, _, _ in asked] == [
        "yarn",
        "spark://host:7077",
        "local-cluster[3,2,4096]",
        "k8s://host",
        "local[2]",
    ]
    yarn = asked[0][1]
    assert yarn["spark.archives"] == "env.tar.gz#python_env" and yarn["a"] == "b"
    assert yarn["spark.pyspark.python"] == "./python_env/bin/python"
    assert yarn["spark.executor.instances"] == 3 and yarn["spark.dynamicAllocation.enabled"] == "false"
    assert asked[1][1]["spark.cores.max"] == "6" and asked[3][1]["spark.kubernetes.container.image"] == "image"
    SparkRunner().init_spark_on_local("*", {"c": "d"})
    assert asked[-1][:2] == ("local[*]", {"c": "d"})


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HADOOP_CONF_DIR", raising=False)
    monkeypatch.setattr(clusters.SparkContext, "_active_spark_context", None)
    with pytest.raises(ArgumentError, match='must be "spark-submit", "local"'):
        nncontext.init_nncontext(cluster_mode="mesos")
    with pytest.raises(ArgumentError, match="give hadoop_conf="):
        nncontext.init_nncontext(cluster_mode="yarn-client")
    for mode, more in (("yarn-cluster", {}), ("k8s-cluster", {"master": "k8s://host", "container_image": "image"})):
        with pytest.raises(UnsupportedError, match="--deploy-mode cluster"):
            nncontext.init_nncontext(cluster_mode=mode, **more)
    with pytest.raises(ArgumentError, match="like '2g'"):
        clusters.local_cluster(1, 1, "lots")


def test_the_running_context_is_taken(spark_local: Any) -> None:
    context = spark_local.sparkContext
    assert nncontext.init_nncontext("name") is nncontext.init_nncontext(cluster_mode="local") is context
    assert nncontext.getOrCreateSparkContext(appName="other") is nncontext.init_spark_on_local(2) is context
    context.setLogLevel("ERROR")


def test_switches_and_arguments() -> None:
    nncontext.ZooContext.log_output = True
    assert nncontext.ZooContext.log_output and nncontext.ZooContext.barrier_mode
    nncontext.ZooContext.log_output = False
    assert "--py-files a.py --jars b.jar" in gen_submit_args(1, "1g", 2, 3, "4g", "a.py", "b.jar")
    assert enrich_conf_for_spark({"x": 1}, 1, "1g", 2, 3, "4g")["spark.executor.cores"] == "3"
    assert nncontext.init_spark_conf({"spark.app.name": "n"}).get("spark.app.name") == "n"
