"""What the driver hears of a fit and when, for those who disturb it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from sparkdl.spark.attempt import Monitor

LOGGER = logging.getLogger("sparkdl")


@dataclass
class Attempt:
    """One attempt: the ear of the driver, and when (`time.monotonic`) what was heard for the first time."""

    monitor: Monitor
    heard: dict[str, float] = field(default_factory=dict)

    @property
    def lost(self) -> bool:
        """Whether the driver knows that it is lost."""
        return self.monitor.failed.is_set() or bool(self.monitor.noticed) or bool(self.monitor.failures)

    @property
    def port(self) -> int:
        """Where the driver listens to the workers of this attempt."""
        if self.monitor.hub is None:
            raise RuntimeError("the attempt has not begun")
        return int(self.monitor.hub.port)


class Watch(logging.Handler):
    """Notes the times of messages and log records, and changes nothing. A context manager, for one fit.

    Args:
        say: called with each kind of message that is the first of its kind in an attempt.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        super().__init__(logging.INFO)
        self.attempts: list[Attempt] = []
        self.records: list[tuple[float, str]] = []
        self.ended = threading.Event()
        self._say = say

    def __enter__(self) -> Watch:
        receive = Monitor.receive

        def received(monitor: Monitor, rank: int, kind: str, header: dict[str, Any], payload: bytes) -> None:
            self._note(monitor, kind)
            receive(monitor, rank, kind, header, payload)

        self._patch = mock.patch.object(Monitor, "receive", received)
        self._patch.start()
        self._level = LOGGER.level
        LOGGER.setLevel(logging.INFO)
        LOGGER.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        LOGGER.removeHandler(self)
        LOGGER.setLevel(self._level)
        self._patch.stop()

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a log record."""
        self.records.append((time.monotonic(), record.getMessage()))

    def _note(self, monitor: Monitor, kind: str) -> None:
        if not self.attempts or self.attempts[-1].monitor is not monitor:
            self.attempts.append(Attempt(monitor))
        heard = self.attempts[-1].heard
        if kind not in heard:
            heard[kind] = time.monotonic()
            if self._say is not None:
                self._say(kind)

    def first(self, words: str, since: float = 0.0) -> float | None:
        """When the first log record with these words came."""
        return next((when for when, text in self.records if words in text and when >= since), None)

    def text(self) -> str:
        """All log records, a line for each."""
        return "\n".join(text for _, text in self.records)

    def until(self, condition: Callable[[], Any], seconds: float) -> bool:
        """Waits for something to become true; gives up when the fit has ended, or after so many seconds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.ended.is_set() or time.monotonic() > deadline:
                return bool(condition())
            time.sleep(0.01)
        return True
