"""Runs the attempts of a fit: the one recovery path, owned by the driver."""

from __future__ import annotations

import functools
import inspect
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sparkdl.collective.channel import Hub
from sparkdl.errors import CancelledError, DataError, SparkDLError, WorkerError
from sparkdl.spark.arrow_batches import arrow_batches_of
from sparkdl.spark.assignment import Assignment
from sparkdl.spark.attempt import Failure, Monitor, Outlets, run_stage
from sparkdl.spark.checkpoint_writer import CheckpointWriter
from sparkdl.spark.cluster import Context, available_workers, driver_address, is_stopped, resource_profile
from sparkdl.spark.connect import ConnectContext
from sparkdl.spark.failures import (
    PROCESS_ENDED,
    cancellation,
    executor_was_lost,
    gist,
    hint,
    own_error,
    worker_was_lost,
)
from sparkdl.spark.frames import Prepared
from sparkdl.spark.rows import SCHEMA, deliver
from sparkdl.spark.vigil import SESSION_STOPPED, Vigil
from sparkdl.spark.worker import run_on_arrow, run_on_rows
from sparkdl.train.checkpoint import encode_state
from sparkdl.types import TrainingState

logger = logging.getLogger("sparkdl")
# Spark runs no task at all for a plan that it knows to be empty.
NO_ROWS = "fit was given no rows to train on: check the filters and joins of the data."


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its newest complete state, and an error where it did not reach its end."""

    state: TrainingState | None
    labels: dict[str, list[str]]
    error: BaseException | None = None


@dataclass(frozen=True)
class Attempts:
    """What all attempts of a run share on the driver.

    Attributes:
        context: the Spark context.
        prepare: gives the rows for a number of workers (a later attempt may have fewer).
        max_failures: how many lost workers are survived.
        outlets: where what the workers tell goes to.
    """

    context: Context
    prepare: Callable[[int], Prepared]
    max_failures: int
    outlets: Outlets


def launch(
    run: Attempts,
    prepared: Prepared,
    assignment: Assignment,
    start: TrainingState,
    known_labels: Mapping[str, list[str]] | None = None,
) -> Outcome:
    """Runs attempts until one ends the training, fails for a reason of its own, or too many were lost.

    Whatever ends them, a key of the user's too, the newest state is not lost with it.

    Args:
        prepared: the rows for the first attempt.
        assignment: of the first attempt.
        start: the model's arrays, what its optimizer has learnt, and the state of an earlier run to go on from.
        known_labels: what that run knew of its string labels.
    """
    wanted = assignment.plan.workers
    monitor = Monitor(start, run.outlets, wanted, known_labels=known_labels or {})
    before: Failure | None = None
    error: BaseException | None = None
    try:
        for attempt in range(run.max_failures + 1):
            run.outlets.history.attempts = attempt + 1
            said = run_attempt(run.context, prepared, assignment, monitor)
            run.outlets.progress.close()
            last = attempt == run.max_failures
            if has_trained(monitor, assignment) or (error := final_error(run, said, monitor, before, last)):
                break
            before = monitor.primary_failure
            logger.warning("attempt %d was lost: %s", attempt + 1, lost_because(said, monitor))
            assignment, monitor = next_attempt(run, assignment, monitor, wanted)
            prepared = run.prepare(assignment.plan.workers)
            logger.warning("starting again on %d worker(s) %s", assignment.plan.workers, where(monitor))
    except BaseException as raised:  # noqa: BLE001 - the caller raises it, once the state is safe
        error = raised
    run.outlets.history.timings = [monitor.timings[rank] for rank in sorted(monitor.timings)]
    return Outcome(monitor.state, monitor.labels, error)


def has_trained(monitor: Monitor, assignment: Assignment) -> bool:
    """Whether the training of an attempt reached its end."""
    return len(monitor.timings) == assignment.plan.workers and monitor.primary_failure is None


def final_error(run: Attempts, said: str, monitor: Monitor, before: Failure | None, last: bool) -> SparkDLError | None:
    """Why there is no attempt after one that did not reach the end; None where there is.

    Args:
        said: what Spark said of the failure.
        before: what ended the attempt before.
        last: whether no more may be lost.
    """
    if how := cancelled_from_outside(run.context, said, monitor):
        return cancelled_error(how, run.outlets.checkpoints)
    failure = monitor.primary_failure
    if failure is not None and (not failure.may_pass or failure.repeats(before) or last):
        return failure.exception()
    if error := never_began(said, monitor):
        return error
    if not last:
        return None
    reason = lost_because(said, monitor)
    return WorkerError(f"the training was lost {run.max_failures + 1} times, the last time with: {reason}")


def cancelled_from_outside(context: Context, said: str, monitor: Monitor) -> str:
    """How somebody else than this program's own supervision ended an attempt; empty where nobody did.

    Spark cancels stages by itself when it has lost an executor, and this driver cancels the job of workers that are
    lost; both may go well another time. What an operator cancels must not come back.
    """
    if is_stopped(context):
        return SESSION_STOPPED
    return "" if monitor.ended else cancellation(said)


def cancelled_error(how: str, checkpoints: CheckpointWriter | None) -> CancelledError:
    """What the user reads, and where the run can be taken up again."""
    goes_on = (
        "with callbacks=[Checkpoint(path)] another run could go on from its newest state with resume=path"
        if checkpoints is None
        else f"give resume={checkpoints.location!r} to go on from its newest checkpoint, where there is one"
    )
    return CancelledError(
        f"the Spark job of this training was cancelled from outside ({how}), so it is not started again: {goes_on}."
    )


def never_began(said: str, monitor: Monitor) -> SparkDLError | None:
    """The error where no worker began, for a reason that another attempt would meet again."""
    if monitor.heard or monitor.noticed or executor_was_lost(said):
        return None
    if not said:
        return DataError(NO_ROWS)
    # Rows are made before: of a file that cannot be decoded, say.
    return own_error(said) or WorkerError(f"the job failed before any worker began: {gist(said)}{hint(said)}")


def lost_because(said: str, monitor: Monitor) -> str:
    """Why an attempt was lost, as far as anybody has said it."""
    if monitor.primary_failure is not None:
        return str(monitor.primary_failure.exception()).splitlines()[0]
    if monitor.noticed:
        return monitor.noticed
    if monitor.left and not executor_was_lost(said):
        return f"the process of worker {monitor.left[0]} ended without a word{hint(PROCESS_ENDED)}"
    if said:
        return gist(said)
    return "; ".join(failure.message for failure in monitor.failures) or "a worker left without a word"


def run_attempt(context: Context, prepared: Prepared, assignment: Assignment, monitor: Monitor) -> str:
    """Starts the hub and the barrier stage; returns what Spark said where the stage failed."""
    if isinstance(context, ConnectContext) and not context.reachable:
        return run_unheard(context, prepared, assignment, monitor)
    host, bind = driver_address(context)
    plan = assignment.plan
    hears = (monitor.receive, monitor.disconnected)
    with Hub(bind, assignment.secret, plan.generation, *hears, plan.workers, assignment.identity) as hub:
        monitor.hub = hub
        assignment = replace(assignment, address=(host, hub.port), blocks=prepared.blocks, spec=prepared.spec)
        profile = resource_profile(context, plan.cores_per_worker)
        vigil = Vigil(context, hub, monitor, plan, profile)
        return run_stage(
            context, f"sparkdl-{plan.generation}", barrier_job(prepared, assignment, profile), monitor, vigil
        )


def run_unheard(context: ConnectContext, prepared: Prepared, assignment: Assignment, monitor: Monitor) -> str:
    """An attempt whose workers cannot reach the driver: what they have to tell are the rows of their job."""
    start = context.add_file(encode_state(monitor.start))
    assignment = replace(assignment, address=None, start=start, blocks=prepared.blocks, spec=prepared.spec)
    profile = resource_profile(context, assignment.plan.cores_per_worker)
    rows: list[Any] = []
    job = barrier_job(prepared, assignment, profile, rows)
    said = run_stage(context, f"sparkdl-{assignment.plan.generation}", job, monitor, lambda: "")
    deliver(rows, monitor.receive)
    if cancellation(said):
        return said
    if said and worker_was_lost(said):
        monitor.noticed = gist(said)
    elif said:
        error = own_error(said) or WorkerError(f"a worker failed: {gist(said)}{hint(said)}")
        monitor.failures.append(Failure(0, type(error).__name__, str(error), said, "", "", secondary=False))
    return said


def barrier_job(
    prepared: Prepared, assignment: Assignment, profile: Any, rows: list[Any] | None = None
) -> Callable[[], Any]:
    """The Spark job of an attempt; it returns no rows where everything goes over the socket.

    Args:
        rows: gets them where there is no socket.
    """
    if prepared.frame is None:
        rdd: Any = prepared.rdd
        rdd = rdd.withResources(profile) if profile is not None else rdd
        return rdd.barrier().mapPartitions(functools.partial(run_on_rows, assignment)).collect
    session = prepared.frame.sparkSession
    training = profiled_stage(prepared.frame, functools.partial(run_on_arrow, assignment), profile)

    def job() -> None:
        with arrow_batches_of(session, prepared.batch_rows):
            collected = training.collect()
        if rows is not None:
            rows.extend(collected)

    return job


def profiled_stage(frame: Any, task: Callable[..., Any], profile: Any) -> Any:
    """The barrier stage over a DataFrame, with a resource profile or the default one; to be collected."""
    if profile is None:
        return frame.mapInArrow(task, SCHEMA, barrier=True)
    if "profile" in inspect.signature(frame.mapInArrow).parameters:
        return frame.mapInArrow(task, SCHEMA, barrier=True, profile=profile)
    # Spark 3.5 has profiles of RDDs alone; this one is of the same stage.
    return frame.mapInArrow(task, SCHEMA, barrier=True).rdd.withResources(profile)


def next_attempt(run: Attempts, assignment: Assignment, lost: Monitor, wanted: int) -> tuple[Assignment, Monitor]:
    """A new generation, on as many of the wanted workers as the cluster has now, from the newest complete state.

    Executors that come back get some seconds to do so: with the same number of workers the run ends with the
    same bytes as if nothing had happened.
    """
    plan = assignment.plan
    workers = available_workers(run.context, wanted, plan.cores_per_worker)
    chosen = run.outlets.history.choices.get("precision", {}).get("chosen", plan.precision)
    plan = replace(plan, generation=secrets.token_hex(8), workers=workers, precision=chosen)
    start = lost.start
    if (newest := lost.state) is not None:
        # Of what the last attempt began with, only the model: the middle of an epoch has arrays that its end has not.
        model = {name: array for name, array in start.arrays.items() if name.startswith("model/")}
        start = TrainingState({**model, **newest.arrays}, newest.info)
    run.outlets.history.truncate(int(start.info.get("epoch", plan.initial_epoch)))
    labels = lost.labels or lost.known_labels
    return replace(assignment, plan=plan), Monitor(start, run.outlets, workers, lost.newest, labels)


def where(monitor: Monitor) -> str:
    """Where an attempt begins, in words."""
    info = monitor.start.info
    if "epoch" not in info:
        return "from the beginning"
    if info["step"]:
        return f"from step {info['step']} of epoch {info['epoch'] + 1}"
    return f"from the end of epoch {info['epoch']}"
