"""Writes checkpoints on the driver while the training goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from sparkdl.errors import StorageError
from sparkdl.spark.threads import spark_thread
from sparkdl.train.checkpoint_folder import CheckpointFolder

logger = logging.getLogger("sparkdl")
# How long the end of a run waits for its last checkpoint.
LAST_SECONDS = 600.0


class CheckpointWriter:
    """Writes encoded states on a thread of its own. A context manager: its end waits for the last one.

    A checkpoint that cannot be written (a full disk) is warned of, and costs nothing but itself. Where states come
    faster than they can be written, the newest one counts and those between are left out, unless the folder wants all;
    that of the end leaves none out, as none follows it.

    Args:
        folder: where they go.
        description: JSON values that every checkpoint holds (the model, its variables).
        last: seconds that `close` waits.
    """

    def __init__(self, folder: CheckpointFolder, description: Mapping[str, Any], last: float = LAST_SECONDS) -> None:
        self._last = last
        self._folder = folder
        self._description = description
        self._changed = threading.Condition()
        self._waiting: list[tuple[bytes, dict[str, Any]]] = []
        self._closed = self._warned = False
        self._thread: threading.Thread | None = None

    @property
    def location(self) -> str:
        """The directory, for messages."""
        return self._folder.location

    def submit(self, payload: bytes, *, finished: bool = False, **info: Any) -> None:
        """Takes an encoded state to be written; `finished` for the last one of a training."""
        with self._changed:
            late = bool(self._waiting) and not self._folder.wants_all and not finished
            if late and not self._warned:
                self._warned = True
                logger.warning(
                    "checkpoints are left out, because %s takes longer to write one than there is from one to the "
                    "next: give Checkpoint a larger every=.",
                    self.location,
                )
            self._waiting = [*([] if late else self._waiting), (payload, info)]
            self._changed.notify()
            if self._thread is None:
                self._thread = spark_thread(self._run)
                self._thread.start()

    def close(self) -> None:
        """Returns when the newest is written, or has failed, or its store hangs; safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(self._last)
            if thread.is_alive():
                logger.warning("the last checkpoint is not written: %s did not take it in time.", self.location)

    def __enter__(self) -> CheckpointWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                items, self._waiting = self._waiting, []
            if not items:
                return
            for item in items:
                self._write(*item)

    def _write(self, payload: bytes, info: dict[str, Any]) -> None:
        try:
            name = self._folder.write(payload, **self._description, **info)
            if name is not None:
                logger.info("checkpoint %s written to %s.", name, self.location)
        except StorageError as error:
            logger.warning("a checkpoint could not be written (%s); the training goes on without it.", error)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here must not end the training
            what = f"{type(error).__name__}: {error}"
            logger.warning("a checkpoint could not be written (%s); the training goes on without it.", what)
