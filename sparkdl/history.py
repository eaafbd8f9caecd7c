"""What a run leaves behind: Keras's history, and where the time went."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger("sparkdl")
PHASES = ("reading", "waiting", "compute", "exchange", "update", "validation", "callbacks", "checkpoint")


def describe_logs(logs: Mapping[str, Any]) -> str:
    """Logs on one line; of a metric with a value per class, all of them; what is no number as it is.

    Example:
        >>> describe_logs({"loss": 0.12346, "f1_score": [0.5, 1.0]})
        'loss=0.1235, f1_score=[0.5 1]'
    """
    return ", ".join(f"{name}={_brief(value)}" for name, value in logs.items())


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return f"[{' '.join(map(_brief, value))}]"
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


@dataclass
class History:
    """The record of one `fit`, shaped like `keras.callbacks.History`, with timings and counts.

    Attributes:
        history: for each logged name the list of its values, one per epoch.
        epoch: the numbers of the epochs that ran, from 0.
        epoch_seconds: how long each took on worker 0, its validation included.
        logged: for each logged name the numbers of the epochs of its values: not all with `validation_freq`.
        params: what Keras's callbacks call params (epochs, steps, verbose), plus workers and batch size.
        timings: one dict per worker, in rank order: seconds per phase ("reading" the rows from Spark,
            "waiting" for a batch, "compute", "exchange" of gradients and weights, "update",
            "validation", "callbacks", capturing a "checkpoint"), "training" (seconds of all steps), "steps" and "rows".
        seconds: wall seconds of the whole call, as seen by the driver.
        attempts: how often the training was started (1 without failures).
        choices: what was left open and chosen: by argument ("precision", "jit_compile", ...; "update" for whether XLA
            compiles that of the weights) what was "chosen", the "reason", and the figures that were measured.

    Example:
        >>> history = History()
        >>> history.append(0, {"loss": 0.5})
        >>> history.history
        {'loss': [0.5]}
    """

    history: dict[str, list[float]] = field(default_factory=dict)
    epoch: list[int] = field(default_factory=list)
    epoch_seconds: list[float] = field(default_factory=list)
    logged: dict[str, list[int]] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    timings: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    attempts: int = 1
    choices: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checkpoints may not say which epochs the values are of; none of those is forgotten then."""
        for name, values in self.history.items():
            self.logged.setdefault(name, self.epoch[: len(values)])

    def append(self, epoch: int, logs: Mapping[str, float], seconds: float = 0.0) -> None:
        """Adds the logs of an epoch, and how long it took."""
        self.epoch.append(epoch)
        self.epoch_seconds.append(seconds)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
            self.logged.setdefault(name, []).append(epoch)

    def choose(self, argument: str, choice: Mapping[str, Any]) -> None:
        """Notes what was chosen for an argument, and says it in the log."""
        self.choices[argument] = dict(choice)
        logger.info("%s", choice["reason"])

    def until(self, epochs: int) -> History:
        """The record of the epochs before number `epochs`, as a copy."""
        logs = {name: list(values) for name, values in self.history.items()}
        logged = {name: list(epochs) for name, epochs in self.logged.items()}
        copy = History(logs, list(self.epoch), list(self.epoch_seconds), logged)
        copy.truncate(epochs)
        return copy

    def truncate(self, epochs: int) -> None:
        """Forgets epochs from number `epochs` on (a new attempt will run them again)."""
        kept = sum(epoch < epochs for epoch in self.epoch)
        del self.epoch[kept:]
        del self.epoch_seconds[kept:]
        for name, values in self.history.items():
            logged = self.logged[name]
            kept = sum(epoch < epochs for epoch in logged)
            del values[kept:], logged[kept:]

    @property
    def phases(self) -> dict[str, float]:
        """Mean seconds per worker and phase: the first thing to read when a run is slow."""
        if not self.timings:
            return {}
        return {phase: sum(timing.get(phase, 0.0) for timing in self.timings) / len(self.timings) for phase in PHASES}

    @property
    def rows_per_second(self) -> float:
        """Training rows per second over all workers, counting only the time of the steps."""
        seconds = max((timing.get("training", 0.0) for timing in self.timings), default=0.0)
        return sum(timing.get("rows", 0.0) for timing in self.timings) / seconds if seconds else 0.0

    def __repr__(self) -> str:
        last = describe_logs({name: values[-1] for name, values in self.history.items() if values})
        phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.phases.items() if seconds >= 0.05)
        return f"<History: {len(self.epoch)} epochs; {last}; {self.rows_per_second:,.0f} rows/s; {phases}>"
