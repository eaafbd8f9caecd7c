"""Writes the files of a run on the driver, in their order, on a thread of its own."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from sparkdl.errors import StorageError
from sparkdl.spark.threads import spark_thread

logger = logging.getLogger("sparkdl")
# Files that wait; when there are more, who brings them waits too, rather than to fill the memory of the driver.
WAITING = 4


class FileWriter:
    """A slow or failing store must neither hold up the workers nor end a training: files are written aside.

    A file that cannot be written is told at once, and forgiven if it can be written later (the same path, after
    the next epoch); `check` raises what is not. A context manager: its end waits for all files.

    Args:
        write: writes content to a path or URL.
    """

    def __init__(self, write: Callable[[str, bytes], None]) -> None:
        self._write = write
        self._failed: dict[str, StorageError] = {}
        self._waiting: queue.Queue[tuple[str, bytes] | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None

    def submit(self, path: str, content: bytes) -> None:
        """Takes a file to be written; called from one thread at a time."""
        if self._thread is None:
            self._thread = spark_thread(self._run)
            self._thread.start()
        self._waiting.put((path, content))

    def close(self) -> None:
        """Returns when all files are written, or have failed; safe to call twice."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

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
        while (item := self._waiting.get()) is not None:
            path, content = item
            self._failed.pop(path, None)
            try:
                self._write(path, content)
            except StorageError as error:
                logger.warning("%s", error)
                self._failed[path] = error
            except Exception as error:  # noqa: BLE001 - the thread must go on, or `submit` would wait for ever
                self._failed[path] = StorageError(f"{path!r} cannot be written: {type(error).__name__}: {error}")
                logger.warning("%s", self._failed[path])
