"""Shows the driver that a worker's process is alive, and the worker (`Channel.lost`) that the driver is."""

from __future__ import annotations

import threading

from sparkdl.errors import CollectiveError
from sparkdl.spark.rows import ToDriver

HEARTBEAT_SECONDS = 1.0


class Heartbeat:
    """Sends a sign of life every second, from a thread. A context manager.

    A process that is stopped, swapped out or on a host that is gone says nothing, while one that computes for
    minutes still does: so the driver need not take a slow step for a lost worker.
    """

    def __init__(self, channel: ToDriver) -> None:
        self._channel = channel
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sparkdl-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(HEARTBEAT_SECONDS):
            try:
                self._channel.send("alive", {})
            except CollectiveError:
                return
