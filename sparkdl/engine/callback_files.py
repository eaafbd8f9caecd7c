"""Files that callbacks write: made on worker 0 in a temporary folder, written by the driver where the user said."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from sparkdl.storage.paths import join, local_path, split

# Where each class writes, and whether that is a folder.
PATHS: tuple[tuple[type, str, bool], ...] = (
    (keras.callbacks.ModelCheckpoint, "filepath", False),
    (keras.callbacks.CSVLogger, "filename", False),
    (keras.callbacks.TensorBoard, "log_dir", True),
)
# How a class that is not Keras's says the same.
WRITES = "writes"


def path_attribute(callback: Any) -> tuple[str, bool] | None:
    """The attribute that holds the path a callback writes to, local or a URL, and whether it is a folder.

    Example:
        >>> path_attribute(keras.callbacks.CSVLogger("log.csv")), path_attribute(keras.callbacks.History())
        (('filename', False), None)
    """
    for kind, attribute, folder in PATHS:
        if isinstance(callback, kind):
            return attribute, folder
    return getattr(type(callback), WRITES, None)


def divide(path: str, folder: bool) -> tuple[str, str]:
    """The deepest folder that is surely written to, and the rest of the path: all from the first `{` of a template.

    Example:
        >>> divide("runs/{epoch}/model-{loss}.keras", False), divide("hdfs://name/logs", True)
        (('runs', '{epoch}/model-{loss}.keras'), ('hdfs://name/logs', ''))
    """
    base, rest = (path, "") if folder else split(path)
    while "{" in base:
        base, name = split(base)
        rest = join(name, rest)
    return base, rest


def folders_of(callbacks: Sequence[Any]) -> dict[int, str]:
    """The folders that callbacks write to, by position in the list.

    Example:
        >>> folders_of([keras.callbacks.History(), keras.callbacks.CSVLogger("runs/log.csv")])
        {1: 'runs'}
    """
    found = {number: path_attribute(callback) for number, callback in enumerate(callbacks)}
    return {
        number: divide(getattr(callbacks[number], where[0]), where[1])[0] for number, where in found.items() if where
    }


def remote_folders(callbacks: Sequence[Any]) -> dict[str, str]:
    """The folders that callbacks write to in remote storage, and the class of a callback that does.

    Example:
        >>> remote_folders([keras.callbacks.CSVLogger("hdfs://name/runs/log.csv"), keras.callbacks.CSVLogger("l.csv")])
        {'hdfs://name/runs': 'CSVLogger'}
    """
    folders = folders_of(callbacks)
    return {
        folder: type(callbacks[number]).__name__ for number, folder in folders.items() if local_path(folder) is None
    }


def unwritable(callback: Any) -> str | None:
    """The local path that a callback is to write to and that this process cannot write; None if there is none."""
    found = path_attribute(callback)
    local = local_path(getattr(callback, found[0])) if found else None
    if found is None or local is None:
        return None
    path = os.path.abspath(local)
    parent = Path(divide(path, found[1])[0])
    while not parent.exists():
        parent = parent.parent
    occupied = os.path.isdir(path) != found[1] and os.path.exists(path)
    writable = parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
    if found[1] or not os.path.exists(path):
        return None if writable and not occupied else path
    return None if writable and not occupied and os.access(path, os.W_OK) else path


def read_local(path: str) -> bytes | None:
    """The content of a local file, or None where there is none."""
    local = local_path(path)
    return Path(local).read_bytes() if local is not None and os.path.isfile(local) else None


def existing_contents(callbacks: Sequence[Any], read: Callable[[str], bytes | None] = read_local) -> dict[int, bytes]:
    """What is in the files that callbacks go on with (CSVLogger with append=True), by position in the list.

    Args:
        callbacks: Keras callbacks.
        read: gives the content of a file, or None where there is none.
    """
    contents = {}
    for number, callback in enumerate(callbacks):
        if isinstance(callback, keras.callbacks.CSVLogger) and callback.append:
            content = read(callback.filename)
            if content is not None:
                contents[number] = content
    return contents


class CallbackFiles:
    """Redirects the callbacks' files into a folder and tells what was written there.

    Args:
        callbacks: worker 0's callbacks; their paths are changed.
        folder: an existing temporary folder.
        contents: what files already hold, by position in the list.
    """

    def __init__(self, callbacks: Sequence[Any], folder: str, contents: Mapping[int, bytes]) -> None:
        self._callbacks = callbacks
        self._folders: dict[int, Path] = {}
        self._seen: dict[Path, tuple[int, int]] = {}
        for number, callback in enumerate(callbacks):
            found = path_attribute(callback)
            if found is None:
                continue
            here = Path(folder, str(number))
            here.mkdir()
            moved = here / divide(getattr(callback, found[0]), found[1])[1]
            setattr(callback, found[0], str(moved))
            self._folders[number] = here
            if number in contents:
                moved.write_bytes(contents[number])
                self._seen[moved] = _version(moved)

    def collect(self) -> list[tuple[int, str, bytes]]:
        """New and changed files since the last call: number of the callback, path below its folder, content."""
        for callback in self._callbacks:
            if isinstance(callback, keras.callbacks.TensorBoard):
                for writer in callback._writers.values():
                    writer.flush()
        return [(number, *found) for number, here in self._folders.items() for found in self._changed(here)]

    def _changed(self, here: Path) -> Iterable[tuple[str, bytes]]:
        for path in sorted(here.rglob("*")):
            if path.is_file() and self._seen.get(path) != _version(path):
                self._seen[path] = _version(path)
                yield path.relative_to(here).as_posix(), path.read_bytes()


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
