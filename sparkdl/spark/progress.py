"""The progress of a run, on the driver: a bar, a line per epoch, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Literal

from tqdm.auto import tqdm

from sparkdl.history import describe_logs
from sparkdl.spark.display import harmless

Verbosity = Literal["auto", 0, 1, 2]


class Progress:
    """Shows epochs and steps while the stage runs.

    Args:
        epochs: number of the last epoch.
        verbose: 0 silent, 1 or "auto" a bar per epoch, 2 a line per epoch: as in Keras.
    """

    title = "the progress"

    def __init__(self, epochs: int, verbose: Verbosity) -> None:
        self.broken = False
        self.epochs = epochs
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self._bar: Any = None
        self._epoch = -1
        self._started = time.monotonic()

    @harmless
    def step(self, epoch: int, step: int, steps: int, rows: int, rows_per_second: float, loss: float) -> None:
        """Moves the bar."""
        if self.verbose != 1:
            return
        if self._bar is None or epoch != self._epoch:
            self.close()
            self._epoch = epoch
            self._bar = tqdm(
                total=steps,
                desc=f"Epoch {epoch + 1}/{self.epochs}",
                unit="step",
                file=sys.stdout,
                dynamic_ncols=True,
                bar_format="{desc} {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}",
            )
        self._bar.n = step
        self._bar.set_postfix_str(f"loss={loss:.4f}, {rows_per_second:,.0f} rows/s")

    @harmless
    def epoch(self, epoch: int, logs: Mapping[str, float], seconds: float) -> None:
        """Ends the bar of an epoch with its logs."""
        text = describe_logs(logs)
        if self.verbose == 2:
            tqdm.write(f"Epoch {epoch + 1}/{self.epochs} - {seconds:.1f}s - {text}", file=sys.stdout)
        if self.verbose == 1 and self._bar is not None:
            self._bar.n = self._bar.total
            self._bar.set_postfix_str(text, refresh=False)
            self.close()

    @harmless
    def close(self) -> None:
        """Ends the bar where it stands."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
