"""One attempt of a run, seen from the driver: a barrier stage, and a hub that hears its workers."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sparkdl import errors
from sparkdl.collective.channel import Hub
from sparkdl.history import History
from sparkdl.spark.checkpoint_writer import CheckpointWriter
from sparkdl.spark.cluster import Context, is_stopped
from sparkdl.spark.connect import ConnectContext
from sparkdl.spark.failures import may_pass
from sparkdl.spark.file_writer import FileWriter
from sparkdl.spark.progress import Progress
from sparkdl.spark.recording import Recording
from sparkdl.spark.threads import spark_thread
from sparkdl.storage.paths import join_below
from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.types import TrainingState

logger = logging.getLogger("sparkdl")
TROUBLE_SECONDS = 1.0


@dataclass(frozen=True)
class Failure:
    """What a worker said before it ended. `secondary` where it only lost a peer, `own` where `kind` is sparkdl's."""

    rank: int
    kind: str
    message: str
    traceback: str
    host: str
    place: str
    secondary: bool
    own: bool = True

    @property
    def may_pass(self) -> bool:
        """Whether another attempt may not meet it again."""
        return may_pass(self.kind)

    def repeats(self, before: Failure | None) -> bool:
        """Whether it is what ended an earlier attempt, at the same place: then it is no accident."""
        return before is not None and (self.kind, self.place) == (before.kind, before.place)

    def exception(self) -> errors.SparkDLError:
        """The exception for the user: sparkdl's own as they are, others with their traceback."""
        if self.own:
            return getattr(errors, self.kind)(self.message)
        where = f"worker {self.rank} on host {self.host} failed {self.place}"
        return errors.WorkerError(f"{where}: {self.kind}: {self.message}\n\n{self.traceback}")


@dataclass(frozen=True)
class Outlets:
    """Where what the workers tell goes to, whichever attempt they belong to.

    Attributes:
        progress: shown while the run goes on.
        history: filled while it goes on.
        files: writes the files of callbacks.
        folders: where those files go, by the callback's position; what leads out of them is refused.
        recording: TensorBoard event files, where they are asked for.
        checkpoints: writes the states that the user wants to keep.
    """

    progress: Progress
    history: History
    files: FileWriter
    folders: Mapping[int, str] = field(default_factory=dict)
    recording: Recording | None = None
    checkpoints: CheckpointWriter | None = None


@dataclass
class Monitor:
    """Collects what the workers send; runs on the hub's thread.

    Attributes:
        start: what the workers begin with.
        outlets: where it goes to.
        workers: how many there are in this attempt.
        newest: the newest complete state, encoded.
        known_labels: what an earlier attempt or run, which goes on, knew of its string labels.
        left: the workers whose processes ended without a word, in that order.
        failed: set when a worker has failed or is gone.
        noticed: what nobody said and the driver saw: a silent worker, missing slots.
        ended: whether the driver itself has cancelled the job.
    """

    start: TrainingState
    outlets: Outlets
    workers: int
    newest: bytes | None = None
    known_labels: Mapping[str, list[str]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    timings: dict[int, dict[str, float]] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    heard: set[int] = field(default_factory=set)
    met: dict[int, str] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)
    failed: threading.Event = field(default_factory=threading.Event)
    noticed: str = ""
    ended: bool = False
    hub: Hub | None = None

    @property
    def primary_failure(self) -> Failure | None:
        """The first failure that is not the loss of a peer."""
        return next((failure for failure in self.failures if not failure.secondary), None)

    @property
    def state(self) -> TrainingState | None:
        """The newest complete state."""
        return None if self.newest is None else decode_state(self.newest)

    def receive(self, rank: int, kind: str, header: dict[str, Any], payload: bytes) -> None:
        """Dispatches one message."""
        self.heard.add(rank)
        getattr(self, f"_on_{kind}")(rank, header, payload)

    def disconnected(self, rank: int) -> None:
        """A worker's connection has ended; only an end before its "done" or "failed" means anything."""
        if rank not in self.timings and not any(failure.rank == rank for failure in self.failures):
            self.left.append(rank)
            self.failed.set()

    def _on_alive(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        """The hub has noted the time."""

    def _on_hello(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        """That it was heard is all there is to it."""

    def _on_meet(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        """Gives everybody's text to everybody, when the last one has come."""
        self.met[rank] = header["text"]
        if self.hub is None or len(self.met) < self.workers:
            return
        told = {"texts": [self.met[other] for other in range(self.workers)]}
        for other in self.met:
            with contextlib.suppress(errors.CollectiveError):  # who is gone has ended the attempt already
                self.hub.send(other, "met", told)

    def _on_want_start(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        if self.hub is not None:
            self.hub.send(rank, "start", {}, encode_state(self.start))

    def _on_step(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.outlets.progress.step(**header)
        if self.outlets.recording is not None:
            self.outlets.recording.step(header)

    def _on_epoch(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.outlets.history.append(header["epoch"], header["logs"], header["seconds"])
        self.outlets.progress.epoch(header["epoch"], header["logs"], header["seconds"])
        if self.outlets.recording is not None:
            self.outlets.recording.epoch(header["epoch"], header["logs"], header["learning_rate"])

    def _on_state(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.newest = payload
        if header["due"] and self.outlets.checkpoints is not None:
            past = self.outlets.history.until(header["epoch"])
            kept = {name: getattr(past, name) for name in ("history", "epoch", "epoch_seconds", "logged")}
            told = {"generation": header["generation"], "past": kept, "labels": self.labels}
            self.outlets.checkpoints.submit(payload, finished=header["finished"], **told)
        if self.outlets.recording is not None and self.outlets.recording.histograms:
            self.outlets.recording.state(decode_state(payload))

    def _on_file(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        folder = self.outlets.folders[header["callback"]]
        self.outlets.files.submit(join_below(folder, header["path"]), payload)

    def _on_say(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        logger.warning("worker %d: %s", rank, header["text"])

    def _on_chosen(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        for argument, choice in header.items():
            self.outlets.history.choose(argument, choice)

    def _on_labels(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.labels.update(header)
        for column, words in self.known_labels.items():
            if header.get(column, words) != words:
                text = (
                    f"label column {column!r} has the values {header[column]} now and had {words} when the run "
                    "began, so that class numbers would mean something else: go on with the same rows."
                )
                self.failures.append(Failure(rank, "DataError", text, "", "", "", secondary=False))
                self.failed.set()

    def _on_failed(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.failures.append(Failure(rank=rank, **header))
        if not header["secondary"]:
            self.failed.set()

    def _on_done(self, rank: int, header: dict[str, Any], payload: bytes) -> None:
        self.timings[rank] = header["timings"]


def run_stage(
    context: Context,
    group: str,
    job: Callable[[], None],
    monitor: Monitor,
    trouble: Callable[[], str],
    grace: float = 5.0,
) -> str:
    """Runs a Spark job that trains, in a thread of its own, and cancels it when a worker has failed.

    Ctrl-C, or the cancellation of a notebook cell, ends the stage too.

    Args:
        trouble: asked every second; anything it says ends the stage and becomes `monitor.noticed`.
        grace: seconds that workers get to end by themselves after one has failed.

    Returns:
        what Spark said of the job's failure; empty where the job ended well.
    """
    said: list[str] = []

    def body() -> None:
        try:
            context.setJobGroup(group, "sparkdl training", interruptOnCancel=True)
            job()
        except Exception as error:  # noqa: BLE001 - whatever Spark raises is reported by the caller
            said.append(str(error))

    thread = spark_thread(body, context.session if isinstance(context, ConnectContext) else None)
    thread.start()
    asked = time.monotonic()
    try:
        while thread.is_alive() and not monitor.noticed and not monitor.failed.wait(0.05):
            thread.join(0.05)
            if time.monotonic() > asked + TROUBLE_SECONDS:
                monitor.noticed, asked = trouble(), time.monotonic()
        thread.join(grace if monitor.failed.is_set() else 0.0 if monitor.noticed else None)
    finally:
        if thread.is_alive() and not is_stopped(context):
            monitor.ended = True
            context.cancelJobGroup(group)
            thread.join(30.0)
    return said[0] if said else ""
