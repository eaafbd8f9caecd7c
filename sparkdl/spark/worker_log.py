"""Warnings of a worker, told where somebody reads them: in the driver's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sparkdl.spark.rows import ToDriver


class DriverHandler(logging.Handler):
    """Sends what is logged to the driver, which logs it as a warning of this worker."""

    def __init__(self, channel: ToDriver) -> None:
        super().__init__(logging.WARNING)
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        try:
            self._channel.send("say", {"text": self.format(record)})
        except Exception:  # noqa: BLE001 - as handlers do: a log that cannot be written fails nothing
            self.handleError(record)


@contextmanager
def warnings_told(channel: ToDriver) -> Iterator[None]:
    """In this block warnings of sparkdl go to the driver, and no longer to the executor's log."""
    logger, handler = logging.getLogger("sparkdl"), DriverHandler(channel)
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
