"""What all data sets need: where their files must be, and BigDL's progress bar and table."""

import os
import shutil  # noqa: F401
import sys
import tempfile  # noqa: F401
import time
from collections.abc import Sequence
from typing import Any
from urllib.request import urlopen  # noqa: F401

import numpy as np  # noqa: F401

from sparkdl.errors import MissingFileError


def mkpath(name: str) -> None:
    """Makes a folder and those above it."""
    os.makedirs(name, exist_ok=True)


def maybe_download(filename: str, work_directory: str, source_url: str) -> str:
    """The path of a file of a data set.

    Raises:
        MissingFileError: it is not there. BigDL would download it; this package downloads nothing.
    """
    path = os.path.join(work_directory, filename)
    if not os.path.exists(path):
        raise MissingFileError(
            f"there is no file {path}: BigDL would have downloaded it, sparkdl downloads nothing; get {source_url} "
            f"(or a copy of it) and put it there."
        )
    return path


class Progbar:
    """A bar on the terminal, with averages.

    Args:
        target: the number of steps.
        width: of the bar, in characters.
        verbose: 1 for a bar, 2 for a line at the end, 0 for nothing.
        interval: seconds between two updates.
    """

    def __init__(self, target: int, width: int = 30, verbose: int = 1, interval: float = 0.01) -> None:
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.seen_so_far = 0
        self.sum_values: dict[str, list[float]] = {}
        self.start = time.time()
        self.last_update = 0.0

    def update(self, current: int, values: Sequence[tuple[str, float]] = [], force: bool = False) -> None:  # noqa: B006
        """Sets the number of steps done.

        Args:
            current: steps done.
            values: (name, value of the last step); averages over the steps are shown.
            force: whether to show it although the last time was just now.
        """
        for name, value in values:
            sums = self.sum_values.setdefault(name, [0.0, 0])
            sums[0] += value * (current - self.seen_so_far)
            sums[1] += current - self.seen_so_far
        self.seen_so_far = current
        done, now = current >= self.target, time.time()
        if self.verbose == 1 and (force or done or now - self.last_update >= self.interval):
            self.last_update = now
            filled = int(self.width * min(1.0, current / self.target)) if self.target > 0 else 0
            bar = "=" * filled + "." * (self.width - filled)
            sys.stdout.write(f"\r{current}/{self.target} [{bar}]{self._averages(now)}" + "\n" * done)
            sys.stdout.flush()
        elif self.verbose == 2 and done:
            sys.stdout.write(self._averages(now)[3:] + "\n")

    def add(self, n: int, values: Sequence[tuple[str, float]] = []) -> None:  # noqa: B006
        """Adds to the number of steps done."""
        self.update(self.seen_so_far + n, values)

    def _averages(self, now: float) -> str:
        said = [f"{now - self.start:.0f}s"]
        said += [f"{name}: {total / max(1, count):.4f}" for name, (total, count) in self.sum_values.items()]
        return "".join(f" - {part}" for part in said)


def display_table(rows: Sequence[Sequence[Any]], positions: Sequence[int]) -> None:
    """Writes rows to the terminal, the columns of which end at the given positions."""
    for row in rows:
        line = ""
        for item, position in zip(row, positions, strict=False):
            line = (line + str(item))[:position].ljust(position)
        sys.stdout.write(line + "\n")
