"""Files that callbacks write: made on worker 0 in a temporary folder, written by the driver where the user said."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

# Where each class writes, and whether that is a folder.
PATHS: tuple[tuple[type, str, bool], ...] = (
    (keras.callbacks.ModelCheckpoint, "filepath", False),
    (keras.callbacks.CSVLogger, "filename", False),
    (keras.callbacks.TensorBoard, "log_dir", True),
)


def path_attribute(callback: Any) -> tuple[str, bool] | None:
    """The attribute that holds the local path a callback writes to, and whether it is a folder.

    Example:
        >>> path_attribute(keras.callbacks.CSVLogger("log.csv")), path_attribute(keras.callbacks.History())
        (('filename', False), None)
    """
    for kind, attribute, folder in PATHS:
        if isinstance(callback, kind) and "://" not in getattr(callback, attribute):
            return attribute, folder
    return None


def target_folder(path: str, folder: bool) -> str:
    """The deepest folder that is surely written to: the path up to the first `{` of a template.

    Example:
        >>> target_folder("runs/{epoch}/model-{loss}.keras", False), target_folder("logs", True)
        ('runs', 'logs')
    """
    base = path if folder else os.path.dirname(path)
    while "{" in base:
        base = os.path.dirname(base)
    return base


def unwritable(callback: Any) -> str | None:
    """The path that a callback is to write to and that this process cannot write; None if there is none."""
    found = path_attribute(callback)
    if found is None:
        return None
    path = os.path.abspath(getattr(callback, found[0]))
    parent = Path(target_folder(path, found[1]))
    while not parent.exists():
        parent = parent.parent
    occupied = os.path.isdir(path) != found[1] and os.path.exists(path)
    writable = parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
    if found[1] or not os.path.exists(path):
        return None if writable and not occupied else path
    return None if writable and not occupied and os.access(path, os.W_OK) else path


def existing_contents(callbacks: Sequence[Any]) -> dict[int, bytes]:
    """What is in the files that callbacks go on with (CSVLogger with append=True), by position in the list."""
    contents = {}
    for number, callback in enumerate(callbacks):
        if isinstance(callback, keras.callbacks.CSVLogger) and callback.append and path_attribute(callback):
            path = Path(callback.filename)
            if path.is_file():
                contents[number] = path.read_bytes()
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
        self._folders: list[tuple[Path, str]] = []
        self._seen: dict[Path, tuple[int, int]] = {}
        for number, callback in enumerate(callbacks):
            found = path_attribute(callback)
            if found is None:
                continue
            path = getattr(callback, found[0])
            base = target_folder(path, found[1])
            here = Path(folder, str(number))
            here.mkdir()
            moved = here / path[len(base) :].lstrip(os.sep)
            setattr(callback, found[0], str(moved))
            self._folders.append((here, base))
            if number in contents:
                moved.write_bytes(contents[number])
                self._seen[moved] = _version(moved)

    def collect(self) -> list[tuple[str, bytes]]:
        """New and changed files since the last call: the path the user meant, and the content."""
        for callback in self._callbacks:
            if isinstance(callback, keras.callbacks.TensorBoard):
                for writer in callback._writers.values():
                    writer.flush()
        return [found for here, base in self._folders for found in self._changed(here, base)]

    def _changed(self, here: Path, base: str) -> Iterable[tuple[str, bytes]]:
        for path in sorted(here.rglob("*")):
            if path.is_file() and self._seen.get(path) != _version(path):
                self._seen[path] = _version(path)
                yield os.path.join(base, str(path.relative_to(here))), path.read_bytes()


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def write_file(path: str, content: bytes) -> None:
    """Writes a file so that nobody ever sees a part of it, and makes its folder if needed.

    Raises:
        OSError: if it cannot be written.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_files(files: Iterable[tuple[str, bytes]]) -> None:
    """Writes what `CallbackFiles.collect` gave."""
    for path, content in files:
        write_file(path, content)
