"""A real HDFS, and Hadoop's view of the local disk, under the contract of all storage."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parents[1] / "storage"))
from storage_contract import StorageContract

from sparkdl.errors import ArgumentError, StorageError
from sparkdl.spark import hadoop
from sparkdl.spark.hadoop import HadoopStorage, hadoop_knows
from sparkdl.spark.storage import read_file, storage_for, write_file
from sparkdl.storage.local import LocalStorage

pytestmark = pytest.mark.spark


def all_names(storage: HadoopStorage) -> list[str]:
    path = storage._path("")
    files = path.getFileSystem(storage._settings)
    return [status.getPath().getName() for status in files.listStatus(path)] if files.exists(path) else []


class TestHdfs(StorageContract):
    @pytest.fixture
    def storage(self, spark_local: SparkSession, hdfs: str, request: pytest.FixtureRequest) -> HadoopStorage:
        return HadoopStorage(f"{hdfs}/a directory/{request.node.name}", spark_local.sparkContext)

    @pytest.fixture
    def unwritable(self, spark_local: SparkSession, hdfs: str) -> HadoopStorage:
        write_file(f"{hdfs}/file", b"", spark_local)
        return HadoopStorage(f"{hdfs}/file/directory", spark_local.sparkContext)

    def all_names(self, storage: HadoopStorage) -> list[str]:
        return all_names(storage)


class TestFile(StorageContract):
    """`file:` through Hadoop; `storage_for` takes the shorter way."""

    @pytest.fixture
    def storage(self, spark_local: SparkSession, tmp_path: Path) -> HadoopStorage:
        return HadoopStorage(f"file://{tmp_path}/a directory", spark_local.sparkContext)

    @pytest.fixture
    def unwritable(self, spark_local: SparkSession, tmp_path: Path) -> HadoopStorage:
        (tmp_path / "file").touch()
        return HadoopStorage(f"file://{tmp_path}/file/directory", spark_local.sparkContext)

    def all_names(self, storage: HadoopStorage) -> list[str]:
        return all_names(storage)


def test_files_are_where_spark_finds_them(spark_local: SparkSession, hdfs: str) -> None:
    storage_for(f"{hdfs}/lines", spark_local).write("part", b"one\ntwo\n")
    assert sorted(row.value for row in spark_local.read.text(f"{hdfs}/lines").collect()) == ["one", "two"]


def test_links_of_viewfs_are_followed(spark_local: SparkSession, hdfs: str) -> None:
    settings = spark_local.sparkContext._jsc.hadoopConfiguration()
    settings.set("fs.viewfs.mounttable.tests.link./runs", f"{hdfs}/behind")
    try:
        storage = storage_for("viewfs://tests/runs", spark_local)
        for content in (b"old", b"new"):
            storage.write("a/file", content)
        assert storage.read("a/file") == read_file(f"{hdfs}/behind/a/file", spark_local) == b"new"
        assert storage.list("a") == ["file"]
    finally:
        settings.unset("fs.viewfs.mounttable.tests.link./runs")


@pytest.mark.parametrize("kind", ["an object store", "no contexts"])
def test_files_are_replaced_where_no_rename_overwrites(
    spark_local: SparkSession, hdfs: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "an object store":
        monkeypatch.setattr(hadoop, "_OBJECT_STORES", {"hdfs"})
        monkeypatch.setattr(HadoopStorage, "_replace", None)
    else:
        monkeypatch.setattr(HadoopStorage, "_has_contexts", lambda self: False)
    storage = HadoopStorage(f"{hdfs}/{kind}", spark_local.sparkContext)
    for content in (b"old", b"new"):
        storage.write("a/file", content)
        assert storage.read("a/file") == content
    assert [all_names(storage), storage.list("a")] == [["a"], ["file"]]


def test_the_root_of_a_file_system(spark_local: SparkSession, hdfs: str) -> None:
    write_file(f"{hdfs}/top", b"x", spark_local)
    assert read_file(f"{hdfs}/top", spark_local.sparkContext) == b"x"
    assert "top" in storage_for(hdfs, spark_local).list()


def test_a_file_system_that_nobody_serves_is_an_error_in_time(spark_local: SparkSession) -> None:
    settings = spark_local.sparkContext._jsc.hadoopConfiguration()
    settings.set("ipc.client.connect.max.retries", "1")
    started = time.monotonic()
    try:
        with pytest.raises(StorageError, match="'hdfs://127.0.0.1:9/a' cannot be written: ConnectException"):
            write_file("hdfs://127.0.0.1:9/a", b"", spark_local)
    finally:
        settings.unset("ipc.client.connect.max.retries")
    assert time.monotonic() - started < 20


def test_a_path_of_this_machine_never_goes_through_hadoop(spark_local: SparkSession, tmp_path: Path) -> None:
    for path in (str(tmp_path), f"file://{tmp_path}", f"file:{tmp_path}"):
        storage = storage_for(path, spark_local)
        assert isinstance(storage, LocalStorage) and storage.location == str(tmp_path)


def test_hadoop_is_asked_first_and_then_pyarrow(spark_local: SparkSession) -> None:
    context = spark_local.sparkContext
    assert hadoop_knows("hdfs", context) and hadoop_knows("viewfs", context)
    assert not hadoop_knows("memory", context)
    write_file("memory://asked/file", b"x", spark_local)
    assert read_file("memory://asked/file") == b"x"
    with pytest.raises(ArgumentError, match="nonsense"):
        storage_for("nonsense://a/b", spark_local)


def test_temporary_files_are_removed(
    spark_local: SparkSession, hdfs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    storage: Any = storage_for(f"{hdfs}/temporary", spark_local)
    storage.write("file", b"x")
    storage.read("file")
    with pytest.raises(StorageError):
        storage.read("absent")
    with pytest.raises(StorageError):
        storage.write("file/below", b"x")
    assert list(tmp_path.iterdir()) == []
