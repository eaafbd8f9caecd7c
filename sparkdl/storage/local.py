"""The local file system as a `Storage`."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from sparkdl.storage.base import buffers, part_name, storage_errors, whole
from sparkdl.types import Content


class LocalStorage:
    """A directory of this machine. What `write` has written survives a crash of the machine.

    Args:
        directory: it is made when the first file is written; "" is the working directory.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     storage = LocalStorage(folder)
        ...     storage.write("runs/first", b"content")
        ...     storage.list(), storage.read("runs/first")
        (['runs'], b'content')
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.location = os.fspath(directory) or os.curdir
        self._root = Path(directory)

    def read(self, name: str) -> bytes:
        """See `Storage`."""
        with storage_errors("read", self._root / name):
            return (self._root / name).read_bytes()

    def write(self, name: str, content: Content) -> None:
        """See `Storage`."""
        target = self._root / name
        part = target.with_name(part_name())
        with storage_errors("written", target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with part.open("xb") as file:
                    file.writelines(buffers(content))
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(target)
                _sync(target.parent)
            except BaseException:
                part.unlink(missing_ok=True)
                raise

    def list(self, folder: str = "") -> list[str]:
        """See `Storage`."""
        with storage_errors("listed", self._root / folder), suppress(FileNotFoundError, NotADirectoryError):
            return whole(os.listdir(self._root / folder))
        return []

    def delete(self, name: str) -> None:
        """See `Storage`."""
        target = self._root / name
        with storage_errors("removed", target), suppress(FileNotFoundError, NotADirectoryError):
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink()

    def exists(self, name: str) -> bool:
        """See `Storage`."""
        with storage_errors("read", self._root / name):
            return (self._root / name).exists()


def _sync(directory: Path) -> None:
    """A new name counts only when its directory is on the disk too."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
