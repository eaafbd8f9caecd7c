"""A directory of checkpoints: the complete states of a run, each in one sealed file."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from typing import Any, Literal

from sparkdl.errors import ArgumentError, DataError, StorageError
from sparkdl.storage.paths import AnyPath, path_text
from sparkdl.train.checkpoint import seal, unseal
from sparkdl.types import Storage, TrainingState

logger = logging.getLogger("sparkdl")
_NAME = re.compile(r"checkpoint-(\d{6,})-[0-9a-f]+\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """Asks `fit` for checkpoints: give it in `callbacks=[...]`, and `resume=path` to go on from the newest.

    A checkpoint is the complete state of the run (weights, statistics, the optimizer's state, the position in the
    epoch, sums of metrics, seeds, what callbacks remember, history), in one file that is there as a whole or not
    at all. The training goes on while it is written.

    Attributes:
        path: a directory, local on the driver (a `pathlib.Path` will do) or of any file system that Spark knows
            (`hdfs://`, `s3a://`, ...).
        every: "epoch", a number of steps, or "asked": when a callback adds "capture" to a set `wanted` of its own.
        keep: how many of the newest are kept; None for all.

    Raises:
        ArgumentError: for a value that makes no sense.

    Example:
        >>> Checkpoint("hdfs:///models/digits", every=500)
        Checkpoint(path='hdfs:///models/digits', every=500, keep=3)
    """

    path: AnyPath
    every: int | Literal["epoch", "asked"] = "epoch"
    keep: int | None = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", path_text(self.path, "Checkpoint(path=)"))
        if self.every not in ("epoch", "asked") and not _is_count(self.every):
            raise ArgumentError(f'Checkpoint(every=) must be "epoch" or a number of steps, received {self.every!r}.')
        if self.keep is not None and not _is_count(self.keep):
            raise ArgumentError(f"Checkpoint(keep=) must be a number of at least 1 or None, received {self.keep!r}.")

    @property
    def directory(self) -> str:
        """`path` as text."""
        return os.fspath(self.path)

    def folder(self, storage: Storage) -> CheckpointFolder:
        """What writes the states into the directory."""
        return CheckpointFolder(storage, self.keep)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


class CheckpointFolder:
    """Writes and finds the checkpoints of one directory.

    Files are numbered in the order of writing, and carry the id of the attempt that made them.

    Args:
        storage: the directory.
        keep: how many of the newest are kept; None for all.

    Attributes:
        wants_all: whether no state may be left out where they come faster than they can be written.
    """

    wants_all = False

    def __init__(self, storage: Storage, keep: int | None = None) -> None:
        self._storage = storage
        self._keep = keep
        self._next: int | None = None

    @property
    def location(self) -> str:
        """The directory, for messages."""
        return self._storage.location

    def names(self) -> list[str]:
        """The files, newest first."""
        found = ((_NAME.fullmatch(name), name) for name in self._storage.list())
        numbered = [(int(match[1]), name) for match, name in found if match is not None]
        return [name for _, name in sorted(numbered, reverse=True)]

    def write(self, payload: bytes, **info: Any) -> str | None:
        """Writes an encoded state, and removes what is older than `keep`; returns the file's name.

        Folders of other kinds return None where they have that state already.

        Args:
            payload: of `encode_state`; its `info` names the generation.
            info: more JSON values for the state's `info`.

        Raises:
            StorageError: it cannot be written; what was there before is still there.
        """
        if self._next is None:
            newest = self.names()[:1]
            self._next = 1 + (int(_NAME.fullmatch(newest[0])[1]) if newest else 0)  # type: ignore[index]
        name = f"checkpoint-{self._next:06d}-{info['generation']}.safetensors"
        self._storage.write(name, seal(payload, **info))
        self._next += 1
        if self._keep is not None:
            self._forget(self._keep)
        return name

    def _forget(self, kept: int) -> None:
        try:
            for old in self.names()[kept:]:
                self._storage.delete(old)
        except StorageError as error:
            logger.warning("old checkpoints in %s could not be removed: %s", self.location, error)

    def read(self, name: str) -> TrainingState:
        """One checkpoint.

        Raises:
            DataError: it is truncated or altered.
            StorageError: it cannot be read.
        """
        return unseal(self._storage.read(name))

    def newest(self) -> tuple[str, TrainingState] | None:
        """The newest checkpoint that is whole, with a warning for each newer one that is not; None in an empty folder.

        Raises:
            DataError: there are some, and none can be used.
        """
        names, errors = self.names(), []
        for name in names:
            try:
                return name, self.read(name)
            except (DataError, StorageError) as error:
                logger.warning("checkpoint %s in %s cannot be used and is passed over: %s", name, self.location, error)
                errors.append(error)
        if errors:
            raise DataError(
                f"none of the {len(names)} checkpoints in {self.location!r} can be used: give another directory, or "
                f"begin anew without resume=; of the newest: {errors[0]}"
            )
        return None
