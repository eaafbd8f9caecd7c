"""An S3 server and fsspec's memory, under the contract of all storage."""

from __future__ import annotations

import builtins
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow import fs

sys.path.insert(0, str(Path(__file__).parent))
from storage_contract import StorageContract

from sparkdl.errors import ArgumentError, MissingExtraError, MissingFileError, StorageError
from sparkdl.storage.arrow import ArrowStorage, open_file_system


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server with a bucket that is called `bucket`."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"{host}:{port}"
    open_s3(address).create_dir("bucket")
    yield address
    server.stop()


def open_s3(address: str) -> fs.S3FileSystem:
    return fs.S3FileSystem(
        access_key="KEY",
        secret_key="SECRET",
        region="us-east-1",
        endpoint_override=address,
        scheme="http",
        allow_bucket_creation=True,
    )


def url(address: str, path: str) -> str:
    return f"s3://KEY:SECRET@{path}?region=us-east-1&scheme=http&endpoint_override={address}"


class TestS3(StorageContract):
    @pytest.fixture
    def storage(self, server: str, request: pytest.FixtureRequest) -> ArrowStorage:
        return ArrowStorage(url(server, f"bucket/a directory/{request.node.name}"))

    @pytest.fixture
    def unwritable(self, server: str) -> ArrowStorage:
        return ArrowStorage(url(server, "no-such-bucket/directory"))

    def all_names(self, storage: ArrowStorage) -> list[str]:
        return all_names(storage)


class TestMemory(StorageContract):
    @pytest.fixture
    def storage(self) -> Iterator[ArrowStorage]:
        storage = ArrowStorage("memory://a directory/runs")
        yield storage
        storage.delete("")

    @pytest.fixture
    def unwritable(self) -> ArrowStorage:
        ArrowStorage("memory://").write("file", b"")
        return ArrowStorage("memory://file/directory")

    def all_names(self, storage: ArrowStorage) -> list[str]:
        return all_names(storage)


def all_names(storage: ArrowStorage) -> list[str]:
    selector = fs.FileSelector(storage._root, allow_not_found=True)
    return [info.base_name for info in storage._files.get_file_info(selector)]


class Replaced:
    """Files of a store in which an object is replaced by others of the same size: the second time while it is read."""

    def __init__(self, *versions: tuple[str, bytes]) -> None:
        self.versions = list(versions)

    def open_input_file(self, path: str) -> Any:
        tag, content = self.versions.pop(0)
        metadata = {"ETag": tag.encode()}
        file = SimpleNamespace(size=lambda: 3, metadata=lambda: metadata, read=lambda: content)
        return nullcontext(file)


def test_an_object_that_was_replaced_while_it_was_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ArrowStorage("memory://runs")
    # Opened and read, then looked at again: what was read between two versions may be a part of another object.
    opened = Replaced(("one", b"par"), ("two", b""), ("two", b"new"), ("two", b""))
    monkeypatch.setattr(storage, "_files", opened)
    assert storage.read("file") == b"new"
    assert opened.versions == []


def test_secrets_of_a_url_are_in_no_message(server: str) -> None:
    storage = ArrowStorage(url(server, "bucket/runs"))
    assert storage.location == "s3://bucket/runs"
    with pytest.raises(MissingFileError) as missing:
        storage.read("absent")
    with pytest.raises(StorageError) as refused:
        ArrowStorage(url(server, "no-such-bucket/runs")).write("file", b"")
    for said in (str(missing.value), str(refused.value), missing.value.reason):
        assert "KEY" not in said.replace("NO_SUCH_KEY", "") and "SECRET" not in said


def test_names_of_hadoop_lead_to_the_same_objects(server: str) -> None:
    ArrowStorage(url(server, "bucket/shared")).write("file", b"x")
    assert ArrowStorage(url(server, "bucket/shared").replace("s3://", "s3a://")).read("file") == b"x"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nonsense://a/b", "nonsense"),
        ("s3://bucket/a?nonsense=1", "nonsense"),
    ],
)
def test_what_nobody_knows_is_refused(path: str, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        open_file_system(path)


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"'memory'.*sparkdl\[fsspec\]"):
        open_file_system("memory://runs")


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "paramiko":
            raise ImportError("No module named 'paramiko'")
        return find(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"'sftp://host/runs' cannot be opened by fsspec: .*paramiko"):
        open_file_system("sftp://user:word@host/runs")


def test_a_store_that_cannot_be_opened_is_said_in_a_sentence() -> None:
    if "HADOOP_HOME" in os.environ:
        pytest.skip("there may be a libhdfs")
    with pytest.raises(StorageError, match="file system of 'hdfs://name/runs' cannot be opened: ") as caught:
        open_file_system("hdfs://name/runs")
    assert "\n" not in caught.value.reason
