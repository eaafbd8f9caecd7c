"""What one task of the barrier stage does: rows in, training, reports to the driver."""

from __future__ import annotations

import importlib
import platform
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import BarrierTaskContext

from sparkdl.collective.channel import Channel
from sparkdl.collective.rendezvous import connect
from sparkdl.data.store import PartitionStore
from sparkdl.errors import CollectiveError
from sparkdl.spark.agreement import agree_on_strings, check_labels, check_rows
from sparkdl.spark.assignment import Assignment
from sparkdl.spark.memory import check_memory, store_limit
from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.train.loop import train
from sparkdl.train.run import Run
from sparkdl.train.timing import PhaseClock
from sparkdl.types import Collective, TrainingPlan, TrainingState

STEP_MESSAGES_PER_SECOND = 5
STATE_SECONDS = 20.0


def run_on_arrow(assignment: Assignment, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The function for `mapInArrow(barrier=True)`; yields nothing: results go over the socket."""
    run_task(assignment, batches)
    return iter(())


def run_on_rows(assignment: Assignment, items: Iterable[Any]) -> Iterator[Any]:
    """The function for `rdd.barrier().mapPartitions`."""
    run_task(assignment, items)
    return iter(())


def run_task(assignment: Assignment, items: Iterable[Any]) -> None:
    """Trains as one worker. Failures are told to the driver, which raises them; the task itself ends well,
    so that Spark neither repeats it nor throws its Python process away."""
    context = BarrierTaskContext.get()
    rank = context.partitionId()
    plan = assignment.plan
    with ExitStack() as stack:
        channel = stack.enter_context(
            Channel.connect(
                assignment.address, assignment.secret, plan.generation, rank, plan.deadline, assignment.identity
            )
        )
        channel.send("hello", {})
        # TensorFlow takes seconds to load; let it do so while rows arrive and workers meet.
        threading.Thread(target=importlib.import_module, args=("sparkdl.spark.build",), daemon=True).start()
        place = ["while reading its rows"]
        try:
            timings = _train(assignment, items, context, channel, stack, place)
            channel.send("done", {"timings": timings})
        except Exception as error:  # noqa: BLE001 - the driver raises it
            channel.send("failed", describe_failure(error, place[0]))


def describe_failure(error: BaseException, place: str) -> dict[str, Any]:
    """The header of a "failed" message; see `attempt.Failure`."""
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "traceback": "".join(traceback.format_exception(error)),
        "host": platform.node(),
        "place": place,
        "secondary": isinstance(error, CollectiveError),
    }


def _train(
    assignment: Assignment,
    items: Iterable[Any],
    context: BarrierTaskContext,
    channel: Channel,
    stack: ExitStack,
    place: list[str],
) -> dict[str, float]:
    plan, rank, clock = assignment.plan, context.partitionId(), PhaseClock()
    hosts = [info.address.rsplit(":", 1)[0] for info in context.getTaskInfos()]
    with clock("reading"):
        limit = plan.memory_limit or store_limit(hosts.count(hosts[rank]))
        store = stack.enter_context(PartitionStore(assignment.spec, limit, plan.spill_directory))
        for block in assignment.blocks(items):
            store.append(block)
        store.freeze()
    place[0] = "while meeting the other workers"
    collective = connect(
        rank=rank,
        size=plan.workers,
        gather=context.allGather,
        secret=assignment.secret,
        generation=plan.generation,
        deadline=plan.deadline,
        host=hosts[rank],
        identity=assignment.identity,
    )
    stack.callback(collective.close)
    place[0] = "while checking its rows"
    if plan.validation_split:
        store.split(plan.validation_split, plan.seed)
    check_rows(store, collective)
    if labels := agree_on_strings(store, collective, assignment.strings):
        channel.send("labels", labels)
    check_labels(store, collective, assignment.classes)
    held = 0 if store.on_disk else store.nbytes
    check_memory(held, assignment.weight_bytes, plan.workers, hosts.count(hosts[rank]))
    place[0] = "while building the model"
    run, state = _build(assignment, store, collective, channel, stack, clock)
    try:
        train(run, state)
    finally:
        place[0] = run.place
    return clock.seconds


def _build(
    assignment: Assignment,
    store: PartitionStore,
    collective: Collective,
    channel: Channel,
    stack: ExitStack,
    clock: PhaseClock,
) -> tuple[Run, TrainingState | None]:
    from sparkdl.spark.build import build_callbacks, build_replica

    plan = assignment.plan
    if collective.rank == 0:
        channel.send("want_start", {})
        payload = channel.receive(plan.deadline)[2]
    else:
        payload = b""
    start = decode_state(collective.broadcast(payload))
    replica, updater = build_replica(assignment, start, collective)
    runner = stack.enter_context(build_callbacks(assignment, replica, updater, start)) if collective.rank == 0 else None
    observer = ChannelObserver(channel, plan, collective.rank, runner)
    run = Run(
        plan,
        replica,
        updater,
        collective,
        store.view(0),
        store.view(1) if assignment.validates else None,
        observer,
        clock,
        runner,
    )
    return run, (start if "weights" in start.arrays else None)


@dataclass
class ChannelObserver:
    """Tells the driver how the run goes on. Only rank 0 speaks."""

    channel: Channel
    plan: TrainingPlan
    rank: int
    runner: Any = None
    _next: float = 0.0
    _last_state: float = 0.0
    _since: tuple[float, int] = (0.0, 0)

    def step(self, epoch: int, step: int, steps: int, rows: int, loss: float) -> None:
        """See `train.run.Observer`."""
        now = time.monotonic()
        if self.rank != 0:
            return
        if step == 1 or not self._since[0]:
            self._since = (now, 0)
        self._since = (self._since[0], self._since[1] + rows)
        if now < self._next and step < steps:
            return
        self._next = now + 1 / STEP_MESSAGES_PER_SECOND
        speed = self._since[1] / max(now - self._since[0], 1e-9) if step > 1 else 0.0
        header = {"epoch": epoch, "step": step, "steps": steps, "rows": rows, "rows_per_second": speed, "loss": loss}
        self.channel.send("step", header)

    def epoch(self, epoch: int, logs: Mapping[str, float], seconds: float, learning_rate: float) -> None:
        """See `train.run.Observer`."""
        if self.rank == 0:
            told = {name: np.asarray(value).tolist() for name, value in logs.items()}
            header = {"epoch": epoch, "logs": told, "seconds": seconds, "learning_rate": learning_rate}
            self.channel.send("epoch", header)
            self._send_files()

    def wants_state(self) -> bool:
        """See `train.run.Observer`."""
        return time.monotonic() - self._last_state > STATE_SECONDS

    def state(self, state: TrainingState) -> None:
        """See `train.run.Observer`."""
        self._last_state = time.monotonic()
        arrays = dict(state.arrays)
        if self.runner is not None:
            self._send_files()
            arrays["callbacks"] = np.frombuffer(self.runner.encoded_state(), np.uint8)
        self.channel.send("state", {}, encode_state(TrainingState(arrays, state.info)))

    def _send_files(self) -> None:
        for path, content in self.runner.collect_files() if self.runner is not None else ():
            self.channel.send("file", {"path": path}, content)
