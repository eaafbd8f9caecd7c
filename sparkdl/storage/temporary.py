"""Temporary folders that are gone after the process that made them, also where it was killed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

# Waits for the end of what it reads, of which nothing is ever written, and removes the folder.
_JANITOR = 'read -r _; exec rm -rf -- "$1"'


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
        >>> with TemporaryFolder("sparkdl-example-") as folder:
        ...     Path(folder, "file").write_text("text")
        4
        >>> Path(folder).exists()
        False
    """

    def __init__(self, prefix: str) -> None:
        self.name = tempfile.mkdtemp(prefix=prefix)
        try:
            self._janitor = subprocess.Popen(
                ["/bin/sh", "-c", _JANITOR, "sparkdl-janitor", self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            Path(self.name).rmdir()
            raise

    def close(self) -> None:
        """Removes the folder and ends its janitor; safe to call twice."""
        shutil.rmtree(self.name, ignore_errors=True)
        self._janitor.communicate()

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *_: object) -> None:
        self.close()
