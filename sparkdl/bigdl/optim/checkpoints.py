"""Checkpoints as BigDL writes them: a file of the model and one of the optim method, numbered by iterations."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sparkdl.storage.paths import join
from sparkdl.train.checkpoint import decode_state
from sparkdl.train.checkpoint_folder import Checkpoint, CheckpointFolder
from sparkdl.types import Storage, TrainingState

Write = Callable[[str, TrainingState], str]


@dataclass(frozen=True)
class Snapshots(Checkpoint):
    """Asks `fit` for checkpoints in BigDL's form, in a folder named after the moment.

    Attributes:
        write: writes both files of a state into a folder; gives the name of the model's.
    """

    every: Any = "asked"
    keep: int | None = None
    write: Write = lambda folder, state: ""  # noqa: E731

    def folder(self, storage: Storage) -> CheckpointFolder:
        """See `Checkpoint`."""
        return SnapshotFolder(storage, join(self.directory, time.strftime("%Y%m%d_%H%M%S")), self.write)


class SnapshotFolder(CheckpointFolder):
    """The folder of one training; see `Snapshots`."""

    wants_all = True

    def __init__(self, storage: Storage, path: str, write: Write) -> None:
        super().__init__(storage)
        self._path, self._write = path, write
        self._last: int | None = None

    def write(self, payload: bytes, **info: Any) -> str | None:
        """Writes both files; None where the state is that of the files before, as at the end of a training."""
        state = decode_state(payload)
        if state.info["iteration"] == self._last:
            return None
        name = self._write(self._path, state)
        self._last = state.info["iteration"]
        return name
