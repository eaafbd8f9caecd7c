"""The files of foreign models, wherever they lie: local ones as they are, remote ones as temporary copies."""

from __future__ import annotations

import importlib
import mmap
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparkdl.errors import MissingFileError, StorageError
from sparkdl.storage.base import storage_errors
from sparkdl.storage.paths import cut_query, local_path, path_text, split
from sparkdl.storage.temporary import TemporaryFolder
from sparkdl.types import Storage

PathLike = str | os.PathLike[str]
Opener = Callable[[str], Storage]

# What follows in the names of a checkpoint's files: an ending or a number of many, and not another step's digits.
_SIBLING = re.compile(r"(\..+|-\d{5}-of-\d{5})?")


def _without_spark(directory: str) -> Storage:
    # Imported where it is needed: it brings the clients of three clouds with it.
    storage: Storage = importlib.import_module("sparkdl.storage.arrow").ArrowStorage(directory)
    return storage


_open: Opener = _without_spark


def open_remote_with(opener: Opener) -> None:
    """Says how directories of other machines are opened: what runs Spark knows Hadoop's file systems too.

    Args:
        opener: from the URL of a directory to its storage.
    """
    global _open
    _open = opener


@contextmanager
def local_copy(path: PathLike, with_siblings: bool = False) -> Iterator[str]:
    """The local path of a file or folder: its own, or that of a copy which is gone after the block.

    What was mapped into memory stays readable after the block.

    Args:
        path: a path, or a URL of any storage that Spark, pyarrow or fsspec knows.
        with_siblings: the path is the beginning of the names of files, as that of a checkpoint is; they are all copied.

    Raises:
        MissingFileError: where nothing remote is there. A local path is given back unseen.
        StorageError: where it cannot be copied.

    Example:
        >>> with local_copy("file:///models/net.pb") as path:
        ...     path
        '/models/net.pb'
    """
    text = path_text(path)
    local = local_path(text)
    if local is not None:
        yield local
        return
    base, query = cut_query(text)
    directory, name = split(base.rstrip("/") + query)
    with TemporaryFolder("sparkdl-model-") as folder:
        storage = _open(directory)
        names = [name]
        if with_siblings:
            names = [
                found for found in storage.list() if found.startswith(name) and _SIBLING.fullmatch(found, len(name))
            ]
        for found in names:
            _copy(storage, found, Path(folder))
        yield os.path.join(folder, name)


def _copy(storage: Storage, name: str, folder: Path, listed: bool = False) -> None:
    target = folder / name
    inside = storage.list(name)
    if inside:
        target.mkdir(parents=True)
    for child in inside:
        _copy(storage, f"{name}/{child}", folder, listed=True)
    if not inside:
        try:
            content = storage.read(name)
        except StorageError:
            if not listed:
                raise
            return  # an empty folder, which a storage tells from a file only so
        target.write_bytes(content)


def map_file(path: PathLike) -> Any:
    """The bytes of a file: mapped into memory, or b"" where it is empty.

    Raises:
        MissingFileError: where it does not exist.
        StorageError: where it cannot be read.
    """
    with local_copy(path) as local, storage_errors("read", path_text(path)):
        try:
            with open(local, "rb") as file:
                empty = os.fstat(file.fileno()).st_size == 0
                return b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise MissingFileError(f"{path_text(path)} does not exist; give the path of a file.") from error
