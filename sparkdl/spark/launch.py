"""Runs the attempts of a fit: the one recovery path, owned by the driver."""

from __future__ import annotations

import functools
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pyspark import SparkContext

from sparkdl.collective.channel import Hub
from sparkdl.errors import WorkerError
from sparkdl.history import History
from sparkdl.spark.assignment import Assignment
from sparkdl.spark.attempt import Monitor, run_stage
from sparkdl.spark.cluster import choose_workers, driver_address, resource_profile
from sparkdl.spark.frames import Prepared
from sparkdl.spark.progress import Progress
from sparkdl.spark.recording import Recording
from sparkdl.spark.worker import run_on_arrow, run_on_rows
from sparkdl.types import TrainingState

logger = logging.getLogger("sparkdl")


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its newest complete state, and an error where it did not reach its end."""

    state: TrainingState | None
    labels: dict[str, list[str]]
    error: Exception | None = None


def launch(
    context: SparkContext,
    prepare: Callable[[int], Prepared],
    assignment: Assignment,
    start: TrainingState,
    history: History,
    progress: Progress,
    max_failures: int,
    recording: Recording | None = None,
) -> Outcome:
    """Runs attempts until one ends the training, fails for a reason of its own, or too many were lost.

    Args:
        prepare: gives the rows for a number of workers (a later attempt may have fewer).
        start: the model's arrays, and the state to go on from.
        max_failures: how many lost workers are survived.
    """
    monitor = Monitor(start, progress, history, recording)
    for attempt in range(max_failures + 1):
        history.attempts = attempt + 1
        said = run_attempt(context, prepare(assignment.plan.workers), assignment, monitor)
        progress.close()
        primary = [failure for failure in monitor.failures if not failure.secondary]
        if primary:
            return Outcome(monitor.state, monitor.labels, primary[0].exception())
        if not monitor.failures and len(monitor.timings) == assignment.plan.workers:
            history.timings = [monitor.timings[rank] for rank in sorted(monitor.timings)]
            return Outcome(monitor.state, monitor.labels)
        reason = said or "; ".join(failure.message for failure in monitor.failures) or "a worker left without a word"
        if attempt == max_failures:
            break
        assignment, monitor = next_attempt(context, assignment, monitor)
        logger.warning("attempt %d was lost (%s); starting again %s", attempt + 1, reason[:300], where(monitor))
    lost = WorkerError(f"the training was lost {max_failures + 1} times, the last time with: {reason}")
    return Outcome(monitor.state, monitor.labels, lost)


def run_attempt(context: SparkContext, prepared: Prepared, assignment: Assignment, monitor: Monitor) -> str:
    """Starts the hub and the barrier stage; returns what Spark said where the stage failed."""
    host, bind = driver_address(context)
    plan = assignment.plan
    with Hub(bind, assignment.secret, plan.generation, monitor.receive, monitor.disconnected) as hub:
        monitor.hub = hub
        assignment = replace(assignment, address=(host, hub.port), blocks=prepared.blocks, spec=prepared.spec)
        job = barrier_job(prepared, assignment, resource_profile(context, plan.cores_per_worker))
        return run_stage(context, f"sparkdl-{plan.generation}", job, monitor)


def barrier_job(prepared: Prepared, assignment: Assignment, profile: Any) -> Callable[[], Any]:
    """The Spark job of an attempt; it returns no rows, for everything goes over the socket."""
    if prepared.frame is None:
        rdd = prepared.rdd.withResources(profile) if profile is not None else prepared.rdd
        return rdd.barrier().mapPartitions(functools.partial(run_on_rows, assignment)).collect
    options = {"profile": profile} if profile is not None else {}
    task = functools.partial(run_on_arrow, assignment)
    return prepared.frame.mapInArrow(task, "rank int", barrier=True, **options).collect


def next_attempt(context: SparkContext, assignment: Assignment, lost: Monitor) -> tuple[Assignment, Monitor]:
    """A new generation, on as many workers as the cluster has now, from the newest complete state."""
    plan = assignment.plan
    possible, _ = choose_workers(context, None, plan.cores_per_worker)
    plan = replace(plan, generation=secrets.token_hex(8), workers=min(plan.workers, possible))
    start = lost.start
    if lost.state is not None:
        start = TrainingState({**start.arrays, **lost.state.arrays}, lost.state.info)
        lost.history.truncate(int(lost.state.info["epoch"]))
    else:
        lost.history.truncate(plan.initial_epoch)
    monitor = Monitor(start, lost.progress, lost.history, lost.recording, state=lost.state)
    return replace(assignment, plan=plan), monitor


def where(monitor: Monitor) -> str:
    """Where an attempt begins, in words."""
    if monitor.state is None:
        return "from the beginning"
    return f"from the end of epoch {monitor.state.info['epoch']}"
