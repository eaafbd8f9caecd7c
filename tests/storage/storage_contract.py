"""What every `Storage` promises, whatever is behind it. A test class per kind gives the fixtures."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from sparkdl.errors import ArgumentError, MissingFileError, StorageError
from sparkdl.storage.base import check_writable
from sparkdl.types import Content, Storage

LARGE = 20_000_000


class StorageContract:
    """The suite. `storage` is an empty directory; `unwritable` one of the same kind that takes no files."""

    def test_what_is_written_is_read(self, storage: Storage) -> None:
        for name, content in {"a": b"", "b c.txt": b"text", "deep/er/ä%20#?": bytes(range(256))}.items():
            assert not storage.exists(name)
            storage.write(name, content)
            assert storage.exists(name)
            assert storage.read(name) == content

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (bytearray(b"one"), b"one"),
            (memoryview(np.arange(3.0)), np.arange(3.0).tobytes()),
            ([b"one", memoryview(np.ones((2, 2), "float32")), bytearray()], b"one" + np.ones(4, "float32").tobytes()),
            ([], b""),
        ],
        ids=["bytearray", "array", "sequence", "nothing"],
    )
    def test_content_may_be_any_buffer_or_several(self, storage: Storage, content: Content, expected: bytes) -> None:
        storage.write("file", content)
        assert storage.read("file") == expected

    def test_a_large_file(self, storage: Storage) -> None:
        content = np.random.default_rng(0).bytes(LARGE)
        storage.write("large", [content[: LARGE // 3], memoryview(content)[LARGE // 3 :]])
        assert storage.read("large") == content

    def test_names_are_listed_by_folder(self, storage: Storage) -> None:
        for name in ("runs/b", "runs/a/1", "runs/a/2", "top"):
            storage.write(name, b"x")
        assert storage.list() == ["runs", "top"]
        assert storage.list("runs") == ["a", "b"]
        assert storage.list("runs/a") == ["1", "2"]
        assert storage.list("absent") == []
        assert storage.list("top") == []

    def test_what_is_deleted_is_gone_and_the_rest_stays(self, storage: Storage) -> None:
        for name in ("a/1", "a/2", "b/1", "b/2"):
            storage.write(name, b"x")
        storage.delete("a/1")
        assert storage.list("a") == ["2"] and not storage.exists("a/1")
        storage.delete("b")
        assert storage.list("b") == [] and not storage.exists("b/1")
        assert storage.read("a/2") == b"x"

    def test_deleting_what_is_not_there_is_no_error(self, storage: Storage) -> None:
        storage.delete("absent")
        storage.delete("no/such/folder")

    def test_a_missing_file_is_named(self, storage: Storage) -> None:
        storage.write("there", b"x")
        with pytest.raises(MissingFileError, match="absent' cannot be read: ") as caught:
            storage.read("folder/absent")
        assert storage.location in str(caught.value)
        assert isinstance(caught.value, FileNotFoundError)
        assert "\n" not in str(caught.value)

    def test_a_reader_sees_the_old_content_or_the_new(self, storage: Storage) -> None:
        contents = [bytes([number]) * (200_000 + 300_000 * (number % 2)) for number in range(10)]
        storage.write("file", contents[0])
        written = 0
        seen: list[bytes] = []
        failures: list[BaseException] = []

        def write_on() -> None:
            nonlocal written
            try:
                while len(seen) < 20 or written < 10:
                    storage.write("file", contents[written % 10])
                    written += 1
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)

        writer = threading.Thread(target=write_on)
        writer.start()
        while writer.is_alive():
            seen.append(storage.read("file"))
            assert seen[-1] in contents
            assert storage.list() == ["file"]
        writer.join()
        assert failures == []
        assert storage.read("file") == contents[(written - 1) % 10]

    def test_many_threads_may_write(self, storage: Storage) -> None:
        def write(number: int) -> None:
            storage.write(f"folder/{number}", bytes([number]))

        run_together([lambda number=number: write(number) for number in range(6)])
        assert [storage.read(f"folder/{number}") for number in range(6)] == [bytes([number]) for number in range(6)]

    def test_content_that_is_none_changes_nothing(self, storage: Storage) -> None:
        storage.write("file", b"before")
        with pytest.raises(TypeError):
            storage.write("file", [b"part of it", 3])  # type: ignore[list-item]
        assert storage.read("file") == b"before"
        assert self.all_names(storage) == ["file"]

    def test_a_folder_is_no_file(self, storage: Storage) -> None:
        storage.write("folder/file", b"x")
        with pytest.raises(StorageError, match="folder' cannot be read"):
            storage.read("folder")

    def test_a_writable_directory_passes_and_stays_empty(self, storage: Storage) -> None:
        check_writable(storage, "log_dir")
        assert self.all_names(storage) == []

    def test_an_unwritable_directory_is_refused_in_a_sentence(self, unwritable: Storage) -> None:
        with pytest.raises(
            ArgumentError, match=r"log_dir '.+' cannot be written to \(.+\); give a directory"
        ) as caught:
            check_writable(unwritable, "log_dir")
        assert unwritable.location in str(caught.value)
        assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)

    def all_names(self, storage: Storage) -> list[str]:
        """All that is in the directory, files that are not whole included."""
        raise NotImplementedError


def run_together(jobs: list[Callable[[], None]]) -> None:
    """Runs each job in a thread of its own, and waits for all."""
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
