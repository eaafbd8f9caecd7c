"""The local file system, under the contract of all storage."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from storage_contract import StorageContract

from sparkdl.errors import StorageError
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
