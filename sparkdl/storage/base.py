"""What all kinds of storage share: the check before a start, names of unfinished files, errors."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sparkdl.errors import ArgumentError, MissingFileError, StorageError
from sparkdl.storage.paths import without_credentials
from sparkdl.types import Buffer, Content, Storage


def check_writable(storage: Storage, argument: str) -> None:
    """Writes a file and removes it again: the one test that every file system answers truly.

    Args:
        argument: how the user gave the directory, e.g. "log_dir".

    Raises:
        ArgumentError: if that fails.
    """
    probe = part_name()
    try:
        storage.write(probe, b"sparkdl")
        storage.delete(probe)
    except StorageError as error:
        raise ArgumentError(
            f"{argument} {storage.location!r} cannot be written to ({error.reason}); give a directory in which the "
            "driver may make files."
        ) from error


def buffers(content: Content) -> Sequence[Buffer]:
    """Content as a sequence of buffers."""
    return [content] if isinstance(content, (bytes, bytearray, memoryview)) else content


def joined(content: Content) -> Buffer:
    """Content as one buffer."""
    parts = buffers(content)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def part_name() -> str:
    """A new name for a file that is not whole yet; `whole` leaves it out."""
    return f".{secrets.token_hex(8)}.part"


def whole(names: Iterable[str]) -> list[str]:
    """The names of whole files and folders, sorted."""
    return sorted(name for name in names if not (name.startswith(".") and name.endswith(".part")))


@contextmanager
def storage_errors(verb: str, path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns an OSError into a StorageError that names the path and says why, without credentials.

    Args:
        verb: what cannot be done with the file: "read", "written", "listed", "removed".
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        reason = reason_of(error)
        kind = MissingFileError if isinstance(error, FileNotFoundError) else StorageError
        raise kind(f"{without_credentials(os.fspath(path))!r} cannot be {verb}: {reason}", reason) from error


def reason_of(error: Exception) -> str:
    """What an exception says, in one line and without credentials."""
    said = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
    return without_credentials(said.splitlines()[0].rstrip("."))
