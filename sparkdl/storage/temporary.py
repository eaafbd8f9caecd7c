"""Temporary folders that are gone after the process that made them, also where it was killed."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile

# Waits for the end of what it reads, of which nothing is ever written, and removes the folder.
_JANITOR = 'read -r _; exec rm -rf -- "$1"'
JANITOR_SECONDS = 2.0


class TemporaryFolder:
    """A folder of this user alone. A context manager.

    Python removes temporary folders when it exits, but not when it is killed. Here a shell, in a session of its own
    so that it outlives this one, waits until the pipe from this process closes, which the kernel sees to, and
    removes the folder if it is still there.

    Args:
        prefix: of its name.

    Attributes:
        name: its path.

    Example:
        >>> from pathlib import Path
        >>> with TemporaryFolder("sparkdl-example-") as folder:
        ...     Path(folder, "file").write_text("text")
        4
        >>> Path(folder).exists()
        False
    """

    def __init__(self, prefix: str) -> None:
        self.name = os.path.join(tempfile.gettempdir(), prefix + secrets.token_hex(8))
        # The janitor comes first, so that there is no moment at which the folder has none.
        self._janitor = subprocess.Popen(
            ["/bin/sh", "-c", _JANITOR, "sparkdl-janitor", self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        try:
            os.mkdir(self.name, 0o700)
        except BaseException:
            self._dismiss()
            raise

    def close(self) -> None:
        """Removes the folder and ends its janitor; safe to call twice."""
        shutil.rmtree(self.name, ignore_errors=True)
        self._dismiss()

    def _dismiss(self) -> None:
        try:
            self._janitor.communicate(timeout=JANITOR_SECONDS)
        except subprocess.TimeoutExpired:  # a process that this one has forked holds the pipe, and may do so for ever
            self._janitor.kill()
            self._janitor.communicate()

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *_: object) -> None:
        self.close()
