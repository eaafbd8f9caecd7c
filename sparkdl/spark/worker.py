"""What one task of the barrier stage does: rows in, training, reports to the driver."""

from __future__ import annotations

import functools
import importlib
import platform
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pyarrow as pa
from pyspark import BarrierTaskContext

from sparkdl.collective.channel import Channel
from sparkdl.collective.rendezvous import connect
from sparkdl.data.augment import BatchTransform
from sparkdl.data.store import TRAIN, VALIDATION, PartitionStore
from sparkdl.errors import CollectiveError, SparkDLError
from sparkdl.spark.agreement import (
    agree_on_fingerprint,
    agree_on_strings,
    check_labels,
    check_rows,
    warn_of_changed_rows,
)
from sparkdl.spark.assignment import Assignment
from sparkdl.spark.heartbeat import Heartbeat
from sparkdl.spark.memory import check_memory, store_limit
from sparkdl.spark.observer import ChannelObserver
from sparkdl.spark.rows import RowChannel, ToDriver
from sparkdl.spark.worker_log import warnings_told
from sparkdl.train.checkpoint import decode_state
from sparkdl.train.loop import train
from sparkdl.train.run import Run, plan_epochs
from sparkdl.train.timing import PhaseClock
from sparkdl.types import Collective, TrainingState

# The driver looks once a second who is missing, and tells it: it must notice before those who wait for the missing.
DRIVER_FIRST = 10.0


def run_on_arrow(assignment: Assignment, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The function for `mapInArrow(barrier=True)`.

    It yields nothing where results go over the socket, and everything that the driver must know where they cannot.
    """
    rank = BarrierTaskContext.get().partitionId()
    if assignment.address is not None:
        run_task(assignment, batches, connect_channel(assignment, assignment.address, rank))
        return iter(())
    channel = RowChannel(rank, assignment.start)
    run_task(assignment, batches, channel)
    return channel.batches()


def run_on_rows(assignment: Assignment, items: Iterable[Any]) -> Iterator[Any]:
    """The function for `rdd.barrier().mapPartitions`."""
    if assignment.address is not None:
        rank = BarrierTaskContext.get().partitionId()
        run_task(assignment, items, connect_channel(assignment, assignment.address, rank))
    return iter(())


def connect_channel(assignment: Assignment, address: tuple[str, int], rank: int) -> Channel:
    """The connection of this worker to the driver."""
    plan = assignment.plan
    return Channel.connect(address, assignment.secret, plan.generation, rank, plan.deadline, assignment.identity)


def run_task(assignment: Assignment, items: Iterable[Any], channel: ToDriver) -> None:
    """Trains as one worker. Failures are told to the driver, which raises them; the task itself ends well,
    so that Spark neither repeats it nor throws its Python process away."""
    context = BarrierTaskContext.get()
    with ExitStack() as stack:
        stack.callback(channel.close)
        channel.send("hello", {})
        stack.enter_context(Heartbeat(channel))
        if context.partitionId() == 0:  # what one worker warns of, the others do too
            stack.enter_context(warnings_told(channel))
        place = ["while reading its rows"]
        try:
            timings = _train(assignment, items, context, channel, stack, place)
            channel.send("done", {"timings": timings})
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - the driver raises it
            if not channel.suffices(error):
                raise  # to Spark, which ends the stage for all workers
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
        "own": type(error).__module__ == SparkDLError.__module__,
    }


def meeting(context: BarrierTaskContext, channel: ToDriver, deadline: float) -> Callable[[str], list[str]]:
    """What gives everybody everybody's string: the driver where it hears the workers, else Spark's barrier, which
    looks only once a second whether all have come."""
    if isinstance(channel, Channel):
        return functools.partial(gather_at_driver, channel, deadline)
    return functools.partial(gather_at_barrier, context)


def gather_at_driver(channel: Channel, deadline: float, mine: str) -> list[str]:
    """Everybody's string, through the driver.

    Raises:
        CollectiveError: the driver is gone.
    """
    channel.send("meet", {"text": mine})
    return list(channel.receive(deadline).header["texts"])


def gather_at_barrier(context: BarrierTaskContext, mine: str) -> list[str]:
    """Everybody's string, through Spark's barrier.

    Raises:
        CollectiveError: the executor of this worker or of another one is gone.
    """
    try:
        return list(context.allGather(mine))
    except Exception as error:  # noqa: BLE001 - an EOFError where the JVM was killed, what Py4J raises, ...
        raise CollectiveError(f"Spark's barrier broke off: {type(error).__name__}: {error}") from error


def _train(
    assignment: Assignment,
    items: Iterable[Any],
    context: BarrierTaskContext,
    channel: ToDriver,
    stack: ExitStack,
    place: list[str],
) -> dict[str, float]:
    plan, rank, clock = assignment.plan, context.partitionId(), PhaseClock()
    hosts = [info.address.rsplit(":", 1)[0] for info in context.getTaskInfos()]
    together = hosts.count(hosts[rank])
    # With too little address space TensorFlow fails while it is loaded, or hangs.
    check_memory(0, assignment.weight_bytes, plan.workers, together)
    # It takes seconds to load; let it do so while rows arrive and workers meet.
    threading.Thread(target=importlib.import_module, args=("sparkdl.spark.build",), daemon=True).start()
    with clock("reading"):
        store = stack.enter_context(_read(assignment, items, plan.memory_limit or store_limit(together)))
    place[0] = "while meeting the other workers"
    collective = connect(
        rank=rank,
        size=plan.workers,
        gather=meeting(context, channel, plan.deadline + DRIVER_FIRST),
        secret=assignment.secret,
        generation=plan.generation,
        deadline=plan.deadline,
        host=hosts[rank],
        identity=assignment.identity,
        precision=plan.exchange_precision,
    )
    stack.callback(collective.close)
    place[0] = "while checking its rows"
    if plan.validation_split:
        store.split(plan.validation_split, plan.seed)
    check_rows(store, collective, plan.validation_split if assignment.validates else None)
    if labels := agree_on_strings(store, collective, assignment.strings):
        channel.send("labels", labels)
    check_labels(store, collective, assignment.classes)
    held = 0 if store.on_disk else store.nbytes
    check_memory(held, assignment.weight_bytes, plan.workers, together)
    place[0] = "while building the model"
    run, state = _build(assignment, store, collective, channel, stack, clock)
    try:
        train(run, state)
    finally:
        place[0] = run.place
    run.observer.close()
    return clock.seconds


def _read(assignment: Assignment, items: Iterable[Any], limit: int) -> PartitionStore:
    """All rows of this worker, of which it holds so many bytes in memory."""
    store = PartitionStore(assignment.stored, limit, assignment.plan.spill_directory)
    try:
        for block in assignment.reader(items):
            store.append(block)
        store.freeze()
    except BaseException:
        store.close()
        raise
    return store


def _build(
    assignment: Assignment,
    store: PartitionStore,
    collective: Collective,
    channel: ToDriver,
    stack: ExitStack,
    clock: PhaseClock,
) -> tuple[Run, TrainingState | None]:
    from sparkdl.spark.build import build_callbacks, build_replica, release_models, take_precision

    stack.callback(release_models)  # when nothing refers to them any more
    plan = assignment.plan
    if collective.rank == 0:
        channel.send("want_start", {})
        payload = channel.receive(plan.deadline)[2]
    else:
        payload = b""
    start = decode_state(collective.broadcast(payload))
    training = store.view(TRAIN)
    epochs = plan_epochs(collective, training.rows, plan.batch_size)
    replica, updater = build_replica(assignment, start, collective, epochs, channel)
    runner = stack.enter_context(build_callbacks(assignment, replica, updater, start)) if collective.rank == 0 else None
    observer = ChannelObserver(channel, collective.rank, runner)
    stack.callback(observer.close)
    transform = None
    if assignment.transforms:
        transform = BatchTransform(assignment.transforms, plan.seed, plan.cores_per_worker)
    run = Run(
        plan,
        replica,
        updater,
        collective,
        training,
        epochs,
        store.view(VALIDATION) if assignment.validates else None,
        observer,
        clock,
        runner,
        agree_on_fingerprint(store, collective),
        transform=transform,
        measured=assignment.measured,
    )
    stack.callback(run.exchange.close)
    take_precision(run, replica, channel)
    goes_on = "weights" in start.arrays
    if goes_on and collective.rank == 0:
        warn_of_changed_rows(start.info, run.fingerprint)
    return run, (start if goes_on else None)
