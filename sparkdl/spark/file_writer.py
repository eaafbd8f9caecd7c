"""Writes the files of a run on the driver, in their order, on a thread of its own."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable

from sparkdl.errors import StorageError
from sparkdl.spark.threads import spark_thread

logger = logging.getLogger("sparkdl")
# Files that wait, the one that is being written among them; when there are more, who brings them waits too, rather than
# to fill the memory of the driver. Not for ever: the workers are not heard meanwhile.
WAITING = 5
PATIENCE_SECONDS = 30.0
# How long the end of a run waits for one file.
LAST_SECONDS = 600.0


class FileWriter:
    """A slow, hanging or failing store must neither hold up the workers nor end a training: files are written aside.

    A file that cannot be written is told at once, and forgiven if it can be written later (the same path, after
    the next epoch); `check` raises what is not. A context manager: its end waits for all files, while the store writes.

    Args:
        write: writes content to a path or URL.
        patience: seconds that `submit` waits where too many files do.
        last: seconds that `close` waits for each.
    """

    def __init__(
        self, write: Callable[[str, bytes], None], patience: float = PATIENCE_SECONDS, last: float = LAST_SECONDS
    ) -> None:
        self._write = write
        self._patience = patience
        self._last = last
        self._failed: dict[str, StorageError] = {}
        self._changed = threading.Condition()
        self._waiting: list[tuple[str, bytes]] = []
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, path: str, content: bytes) -> None:
        """Takes a file to be written; called from one thread at a time."""
        if self._thread is None:
            self._thread = spark_thread(self._run)
            self._thread.start()
        with self._changed:
            if self._changed.wait_for(functools.partial(self._fewer_than, WAITING), self._patience):
                self._waiting.append((path, content))
                self._changed.notify_all()
            else:
                self._fail(path, f"{WAITING} files before it wait for the store, and none was written in time")

    def close(self) -> None:
        """Returns when all files are written, or have failed; safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            while left := len(self._waiting):
                if not self._changed.wait_for(functools.partial(self._fewer_than, left), self._last):
                    for path, _ in self._waiting:
                        self._fail(path, f"its store did not take it within {self._last:g} s")
                    self._waiting.clear()

    def _fewer_than(self, count: int) -> bool:
        return len(self._waiting) < count

    def check(self) -> None:
        """To be called when the writer is closed.

        Raises:
            StorageError: for the first path whose newest content could not be written.
        """
        for error in self._failed.values():
            raise error

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                path, content = self._waiting[0]
            why = self._try(path, content)
            with self._changed:
                if self._waiting:  # or `close` has given it up
                    self._waiting.pop(0)
                    self._failed.pop(path, None)
                    if why is not None:
                        self._fail(path, why)
                self._changed.notify_all()

    def _try(self, path: str, content: bytes) -> StorageError | str | None:
        """What went wrong; None where the file is written."""
        try:
            self._write(path, content)
        except StorageError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the thread must go on, or `close` would wait for nothing
            return f"{type(error).__name__}: {error}"
        return None

    def _fail(self, path: str, why: StorageError | str) -> None:
        error = why if isinstance(why, StorageError) else StorageError(f"{path!r} cannot be written: {why}.")
        logger.warning("%s", error)
        self._failed[path] = error
