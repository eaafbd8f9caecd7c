"""The small functions of `util.common` and of its neighbours."""

from __future__ import annotations

import logging
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark import SparkConf

from sparkdl.bigdl.util import common, engine
from sparkdl.bigdl.util.file_utils import set_core_number
from sparkdl.errors import UnsupportedError


def test_random_numbers_are_those_of_bigdl() -> None:
    rng = common.RNG()
    rng.set_seed(100)
    expected = [0.15434049, 0.16711557, 0.12783694, 0.14120464, 0.14245176]
    np.testing.assert_allclose(rng.uniform(0.1, 0.2, [2, 3]).reshape(-1)[:5], expected, rtol=1e-6)


def test_java_is_refused_in_a_sentence() -> None:
    with pytest.raises(UnsupportedError, match="callBigDlFunc cannot call 'testTensor'"):
        common.callBigDlFunc("float", "testTensor", 1)
    with pytest.raises(UnsupportedError, match="no activation 'swish'"):
        common.get_activation_by_name("swish")
    common.JavaCreator.add_creator_class("com.example.Api")
    assert "com.example.Api" in common.JavaCreator.get_creator_class()
    assert common.JavaCreator.instance("float", None) is common.JavaCreator.instance("float", None)


def test_settings_of_the_script_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_FILES", "a.zip")
    conf = common.create_spark_conf().setMaster("local[3]").set("spark.speculation", "true")
    assert isinstance(conf, SparkConf)
    assert (conf.get("spark.master"), conf.get("spark.speculation")) == ("local[3]", "true")
    assert conf.get("spark.shuffle.reduceLocality.enabled") == "false"
    assert str(conf.get("spark.serializer")).endswith("JavaSerializer")
    assert conf.get("spark.submit.pyFiles") == "a.zip"
    common.extend_spark_driver_cp(conf, "a.jar")
    common.extend_spark_driver_cp(conf, "b.jar")
    assert conf.get("spark.driver.extraClassPath") == "b.jar:a.jar"


def test_settings_of_a_file_on_the_path_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "python-api.zip", "w") as archive:
        archive.writestr("spark-bigdl.conf", "# of the cluster\n\nspark.executorEnv.MARK   one two\n")
    (tmp_path / "broken.zip").write_bytes(b"no archive")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "broken.zip"), str(tmp_path / "python-api.zip"), *sys.path])
    assert common.get_bigdl_conf()["spark.executorEnv.MARK"] == "one two"
    assert common.get_bigdl_conf()["spark.speculation"] == "false"
    assert common.create_spark_conf().get("spark.executorEnv.MARK") == "one two"


def test_the_running_context_is_found(spark_local: Any, tmp_path: Path) -> None:
    context = spark_local.sparkContext
    assert common.get_spark_context() is common.get_spark_context(SparkConf().setAppName("other")) is context
    common.init_engine()
    common.redire_spark_logs()
    common.show_bigdl_info_logs()
    assert logging.getLogger("sparkdl").level == logging.INFO
    logging.getLogger("sparkdl").setLevel(logging.NOTSET)
    assert common.get_node_and_core_number() == (1, 2)
    set_core_number(3)
    assert common.get_node_and_core_number() == (1, 3)
    set_core_number(2)
    samples = common.to_sample_rdd(np.arange(6.0).reshape(3, 2), np.array([1, 2, 3]), 2)
    assert samples.getNumPartitions() == 2
    assert [sample.label.to_ndarray().item() for sample in samples.collect()] == [1, 2, 3]
    file = tmp_path / "lines.txt"
    file.write_text("first\nsecond\n")
    assert common.text_from_path(str(file)) == "first"
    local = Path(common.get_local_file(f"file://{file}"))
    assert local.read_text() == file.read_text() and common.get_local_file(str(file)) == str(file)
    local.unlink()


def test_versions_and_spark_sources() -> None:
    assert engine.compare_version("2.10", "2.9") == 1
    assert not engine.is_spark_below_2_2() and engine.is_spark_below_ver("99.0") and engine.exist_pyspark()
    with pytest.warns(UserWarning, match="unset SPARK_HOME"):
        engine.check_spark_source_conflict("/opt/spark", "/usr/lib/pyspark/__init__.py")
