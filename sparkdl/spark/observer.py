"""Tells the driver how a run goes on, from worker 0."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from sparkdl.errors import CollectiveError
from sparkdl.spark.rows import ToDriver
from sparkdl.train.checkpoint import encode_state
from sparkdl.types import TrainingState

STEP_MESSAGES_PER_SECOND = 5
# The driver holds the newest complete state in memory: of every epoch, unless that took more than this share
# of the time, and of the middle of an epoch that is longer than this.
CAPTURE_SHARE = 0.05
CAPTURE_SECONDS = 600.0


class ChannelObserver:
    """Implements `train.run.Observer` over the channel to the driver. Only rank 0 speaks.

    States are encoded and sent by a thread, while the training goes on; one at a time, so that there is never
    more than one copy of the state on its way.

    Args:
        channel: to the driver.
        rank: this worker's number.
        runner: the callbacks, where there are any.
    """

    def __init__(self, channel: ToDriver, rank: int, runner: Any = None) -> None:
        self._channel = channel
        self._rank = rank
        self._runner = runner
        self._next_step = 0.0
        self._since = (0.0, 0)
        self._captured = time.monotonic()
        self._cost: float | None = None
        self._thread = ThreadPoolExecutor(1, "sparkdl-state")
        self._sending: Future[None] | None = None

    def step(self, epoch: int, step: int, steps: int, rows: int, loss: float) -> None:
        """See `train.run.Observer`."""
        if self._channel.lost:
            raise CollectiveError("The driver is gone: nobody is left to train for.")
        if self._rank != 0:
            return
        now = time.monotonic()
        if step == 1 or not self._since[0]:
            self._since = (now, -rows)  # its own time lies before
        self._since = (self._since[0], self._since[1] + rows)
        if now < self._next_step and step < steps:
            return
        self._next_step = now + 1 / STEP_MESSAGES_PER_SECOND
        speed = self._since[1] / max(now - self._since[0], 1e-9) if self._since[1] else 0.0
        header = {"epoch": epoch, "step": step, "steps": steps, "rows": rows, "rows_per_second": speed, "loss": loss}
        self._channel.send("step", header)

    def epoch(self, epoch: int, logs: Mapping[str, float], seconds: float, learning_rate: float) -> None:
        """See `train.run.Observer`."""
        if self._rank == 0:
            told = {name: np.asarray(value).tolist() for name, value in logs.items()}
            header = {"epoch": epoch, "logs": told, "seconds": seconds, "learning_rate": learning_rate}
            self._channel.send("epoch", header)
            self._send_files()

    def wants_state(self, in_epoch: bool) -> bool:
        """See `train.run.Observer`."""
        since = time.monotonic() - self._captured
        if in_epoch:
            return since > CAPTURE_SECONDS
        return self._cost is None or since > self._cost / CAPTURE_SHARE

    def state(self, state: TrainingState, due: bool, seconds: float) -> None:
        """See `train.run.Observer`."""
        started = time.monotonic()
        arrays = dict(state.arrays)
        if self._runner is not None:
            self._send_files()
            arrays["callbacks"] = np.frombuffer(self._runner.encoded_state(), np.uint8)
        self._finish_sending()
        self._sending = self._thread.submit(self._send, TrainingState(arrays, state.info), due)
        self._captured = time.monotonic()
        self._cost = seconds + self._captured - started

    def close(self) -> None:
        """Returns when everything was sent; safe to call twice.

        Raises:
            CollectiveError: the driver is gone.
        """
        try:
            self._finish_sending()
        finally:
            self._thread.shutdown()

    def _send(self, state: TrainingState, due: bool) -> None:
        self._channel.send("state", {"due": due, **state.info}, encode_state(state))

    def _finish_sending(self) -> None:
        if self._sending is not None:
            sending, self._sending = self._sending, None
            sending.result()

    def _send_files(self) -> None:
        for number, path, content in self._runner.collect_files() if self._runner is not None else ():
            self._channel.send("file", {"callback": number, "path": path}, content)
