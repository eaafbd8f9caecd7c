"""The local file system, under the contract of all storage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from storage_contract import StorageContract

from sparkdl.errors import StorageError
from sparkdl.storage import local
from sparkdl.storage.local import LocalStorage


class TestLocal(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> LocalStorage:
        return LocalStorage(tmp_path / "a directory")

    @pytest.fixture
    def unwritable(self, tmp_path: Path) -> LocalStorage:
        (tmp_path / "file").touch()
        return LocalStorage(tmp_path / "file" / "directory")

    def all_names(self, storage: LocalStorage) -> list[str]:
        return os.listdir(storage.location)


class TestLocalWithNames(TestLocal):
    """As on file systems, such as NFS, that have no files without a name."""

    @pytest.fixture(autouse=True)
    def _names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(local, "_NAMELESS", 0)


WRITES_FOR_EVER = """
import itertools, sys
from sparkdl.storage.local import LocalStorage

class Content(list):
    def __iter__(self):
        yield b"begun"
        print("writing", flush=True)
        yield from itertools.repeat(bytes(1000), 10_000_000)

LocalStorage(sys.argv[1]).write("file", Content())
"""


@pytest.mark.skipif(not local._NAMELESS, reason="Linux alone has files without a name")
def test_a_writer_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITES_FOR_EVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "writing\n"
        writer.kill()
    assert os.listdir(tmp_path) == []


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    storage = LocalStorage(tmp_path)
    storage.write("file", b"before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="file' cannot be written: No space left on device") as caught:
        storage.write("file", b"after")
    assert caught.value.reason == "No space left on device"
    assert os.listdir(tmp_path) == ["file"]
    assert storage.read("file") == b"before"


def test_a_link_to_a_folder_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.write("folder/file", b"x")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    storage.delete("link")
    assert storage.list() == ["folder"] and storage.read("folder/file") == b"x"


def test_an_empty_path_is_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    LocalStorage("").write("file", b"x")
    assert (tmp_path / "file").read_bytes() == b"x"
