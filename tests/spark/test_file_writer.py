"""Files that are written aside: in order, with patience for a store that fails for a while."""

from __future__ import annotations

import threading
import time

import pytest
from pyspark.sql import SparkSession

from sparkdl.errors import StorageError
from sparkdl.spark.file_writer import WAITING, FileWriter

pytestmark = pytest.mark.spark


def test_files_are_written_in_order_and_all_by_the_end(spark_local: SparkSession) -> None:
    written: list[tuple[str, bytes]] = []
    with FileWriter(lambda path, content: written.append((path, content))) as files:
        for number in range(20):
            files.submit("file", bytes([number]))
    assert written == [("file", bytes([number])) for number in range(20)]
    files.check()
    files.close()


def test_a_failure_is_told_at_once_and_raised_at_the_end(
    spark_local: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    def write(path: str, content: bytes) -> None:
        if path == "bad":
            raise StorageError("'bad' cannot be written: the disk is full")
        if path == "worse":
            raise KeyError("worse")

    with FileWriter(write) as files:
        for path in ("bad", "good", "worse"):
            files.submit(path, b"")
    with pytest.raises(StorageError, match="'bad' cannot be written: the disk is full"):
        files.check()
    assert "the disk is full" in caplog.text and "KeyError: 'worse'" in caplog.text


def test_a_file_that_can_be_written_later_is_forgiven(spark_local: SparkSession) -> None:
    tries = []

    def write(path: str, content: bytes) -> None:
        tries.append(path)
        if len(tries) == 1:
            raise StorageError("no answer")

    with FileWriter(write) as files:
        files.submit("file", b"1")
        files.submit("file", b"2")
    files.check()


def test_who_brings_files_waits_when_too_many_wait(spark_local: SparkSession) -> None:
    go = threading.Event()
    files = FileWriter(lambda path, content: go.wait(10) and None)
    bringing = threading.Thread(target=lambda: [files.submit("file", b"") for _ in range(WAITING + 2)])
    bringing.start()
    time.sleep(0.2)
    assert bringing.is_alive()
    go.set()
    bringing.join(10)
    files.close()
    assert not bringing.is_alive()


def test_a_store_that_hangs_holds_nobody_up_for_ever(
    spark_local: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    go = threading.Event()
    files = FileWriter(lambda path, content: go.wait(30) and None, patience=0.1, last=0.2)
    for number in range(WAITING + 1):
        files.submit(f"file {number}", b"")
    assert f"'file {WAITING}' cannot be written: {WAITING} files before it wait" in caplog.text
    started = time.monotonic()
    files.close()
    assert time.monotonic() - started < 10
    assert "'file 0' cannot be written: its store did not take it within 0.2 s." in caplog.text
    go.set()
    with pytest.raises(StorageError, match=f"file {WAITING}"):
        files.check()


def test_no_thread_is_made_where_there_is_no_file() -> None:
    before = threading.active_count()
    with FileWriter(lambda path, content: None) as files:
        assert threading.active_count() == before
    files.check()
