"""One attempt of a run, seen from the driver: a barrier stage, and a hub that hears its workers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pyspark import InheritableThread, SparkContext

from sparkdl import errors
from sparkdl.collective.channel import Hub
from sparkdl.history import History
from sparkdl.spark.file_writer import FileWriter
from sparkdl.spark.progress import Progress
from sparkdl.spark.recording import Recording
from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.types import TrainingState

logger = logging.getLogger("sparkdl")


@dataclass(frozen=True)
class Failure:
    """What a worker said before it ended. `secondary` where it only lost a peer."""

    rank: int
    kind: str
    message: str
    traceback: str
    host: str
    place: str
    secondary: bool

    def exception(self) -> errors.SparkDLError:
        """The exception for the user: sparkdl's own as they are, others with their traceback."""
        own = getattr(errors, self.kind, None)
        if isinstance(own, type) and issubclass(own, errors.SparkDLError):
            return own(self.message)
        where = f"worker {self.rank} on host {self.host} failed {self.place}"
        return errors.WorkerError(f"{where}: {self.kind}: {self.message}\n\n{self.traceback}")


@dataclass
class Monitor:
    """Collects what the workers send; runs on the hub's thread."""

    start: TrainingState
    progress: Progress
    history: History
    files: FileWriter
    recording: Recording | None = None
    state: TrainingState | None = None
    failures: list[Failure] = field(default_factory=list)
    timings: dict[int, dict[str, float]] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    heard: set[int] = field(default_factory=set)
    failed: threading.Event = field(default_factory=threading.Event)
    hub: Hub | None = None

    def receive(self, rank: int, kind: str, header: dict[str, Any], payload: bytes) -> None:
        """Dispatches one message."""
        self.heard.add(rank)
        getattr(self, f"_on_{kind}")(rank, header, payload)

    def disconnected(self, rank: int) -> None:
        """A worker's connection has ended; only an end before its "done" or "failed" means anything."""
        if rank not in self.timings and not any(failure.rank == rank for failure in self.failures):
            self.failed.set()

    def _on_hello(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        """That it was heard is all there is to it."""

    def _on_want_start(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        if self.hub is not None:
            self.hub.send(rank, "start", {}, encode_state(self.start))

    def _on_step(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.progress.step(**header)
        if self.recording is not None:
            self.recording.step(header)

    def _on_epoch(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.history.append(header["epoch"], header["logs"])
        self.progress.epoch(header["epoch"], header["logs"], header["seconds"])
        if self.recording is not None:
            self.recording.epoch(header["epoch"], header["logs"], header["learning_rate"])

    def _on_state(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.state = decode_state(payload)
        if self.recording is not None:
            self.recording.state(self.state)

    def _on_file(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.files.submit(header["path"], payload)

    def _on_say(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        logger.warning("worker %d: %s", rank, header["text"])

    def _on_labels(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.labels.update(header)

    def _on_failed(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.failures.append(Failure(rank=rank, **header))
        if not header["secondary"]:
            self.failed.set()

    def _on_done(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.timings[rank] = header["timings"]


def run_stage(context: SparkContext, group: str, job: Callable[[], None], monitor: Monitor, grace: float = 5.0) -> str:
    """Runs a Spark job that trains, in a thread of its own, and cancels it when a worker has failed.

    Ctrl-C, or the cancellation of a notebook cell, ends the stage too.

    Args:
        grace: seconds that workers get to end by themselves after one has failed.

    Returns:
        what Spark said of the job's failure; empty where the job ended well.
    """
    said: list[str] = []

    def body() -> None:
        context.setJobGroup(group, "sparkdl training", interruptOnCancel=True)
        try:
            job()
        except Exception as error:  # noqa: BLE001 - whatever Spark raises is reported by the caller
            said.append(str(error))

    thread = InheritableThread(target=body, daemon=True)
    thread.start()
    try:
        while thread.is_alive() and not monitor.failed.wait(0.05):
            thread.join(0.05)
        thread.join(grace if monitor.failed.is_set() else None)
    finally:
        if thread.is_alive():
            context.cancelJobGroup(group)
            thread.join(30.0)
    return said[0] if said else ""
