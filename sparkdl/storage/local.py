"""The local file system as a `Storage`."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from sparkdl.storage.base import buffers, part_name, storage_errors, whole
from sparkdl.types import Content

_NAMELESS = getattr(os, "O_TMPFILE", 0) if os.path.isdir("/proc/self/fd") else 0


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
                _write_synced(part, content)
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


def _write_synced(part: Path, content: Content) -> None:
    """Writes a new file; where Linux can, it has no name until it is whole, so that a kill leaves nothing behind."""
    try:
        descriptor = os.open(part.parent, _NAMELESS | os.O_WRONLY, 0o666) if _NAMELESS else None
    except OSError:  # NFS and others have no files without a name
        descriptor = None
    with open(part, "xb") if descriptor is None else open(descriptor, "wb") as file:
        file.writelines(buffers(content))
        file.flush()
        os.fsync(file.fileno())
        if descriptor is not None:
            # Any directory's descriptor makes Python call linkat, which alone follows the link in /proc.
            os.link(f"/proc/self/fd/{descriptor}", part, src_dir_fd=descriptor, follow_symlinks=True)


def _sync(directory: Path) -> None:
    """A new name counts only when its directory is on the disk too."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
