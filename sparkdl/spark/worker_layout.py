"""How many workers, of how many threads each: chosen from the model's size, memory, and a few timed steps."""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark import SparkContext

from sparkdl.engine.cache import Recent
from sparkdl.engine.layout_speed import LayoutTrial, time_layout
from sparkdl.errors import ModelError
from sparkdl.spark.cluster import Context, is_local, task_slots, worker_slots
from sparkdl.spark.connect import ConnectContext
from sparkdl.spark.memory import STORE_SHARE, TENSORFLOW_BYTES, memory_limit
from sparkdl.train.cost import BYTES, MEASURED, Cluster, exchange_seconds
from sparkdl.train.forecast import SLICED_COPIES, WHOLE_COPIES
from sparkdl.types import TrainingState

logger = logging.getLogger("sparkdl")
# Models of fewer parameters are fastest with one thread per worker, and their exchange costs little: nothing is timed.
SMALL_MODEL = 2_000_000
# More threads are taken only where they save at least this share of a step.
MARGIN = 0.05
# Task slots of a worker that are tried, beside all of an executor: each costs some seconds.
DIVISIONS = (1, 2, 4, 8)
_MOST_KNOWN = 64


@dataclass(frozen=True)
class WorkerLayout:
    """Workers on all executors, and threads of each."""

    workers: int
    cores: int

    def __str__(self) -> str:
        return f"{self.workers} x {self.cores}"


@dataclass(frozen=True)
class Executors:
    """What a cluster offers: executors, task slots of each, and how many executors share a host's memory."""

    count: int
    slots: int
    per_host: int = 1

    def layouts(self, per_task: int) -> list[WorkerLayout]:
        """Those that use all slots, most workers first.

        Example:
            >>> [str(layout) for layout in Executors(count=3, slots=4).layouts(per_task=1)]
            ['12 x 1', '6 x 2', '3 x 4']
        """
        divisors = [number for number in range(1, self.slots + 1) if self.slots % number == 0]
        return [WorkerLayout(self.count * self.slots // number, number * per_task) for number in divisors]


@dataclass(frozen=True)
class Timed:
    """What one layout would cost.

    Attributes:
        seconds: of a step: gradient, exchange within and between hosts without the network itself, and update.
        memory: bytes that each worker needs beside its rows.
    """

    seconds: float
    memory: int


@dataclass(frozen=True)
class LayoutChoice:
    """The layout of a run, and why; by layout ("workers x threads") what was measured, where anything was."""

    chosen: WorkerLayout
    reason: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)


_known: Recent[LayoutChoice] = Recent(_MOST_KNOWN)


def executors_of(context: Context) -> Executors | None:
    """The executors; None where they are not alike, or cannot be seen (Spark Connect)."""
    if isinstance(context, ConnectContext):
        return None
    slots = task_slots(context)
    if is_local(context):
        return Executors(1, slots)
    scala = context._jsc.sc()
    count = int(scala.getExecutorIds().size())
    if count < 1 or slots < count or slots % count:
        return None
    # The driver is among them, and executors that have just come may not be: those of one host are as many at least
    # as an even spread makes them.
    blocks = scala.getExecutorMemoryStatus().keys().mkString(",").split(",")
    hosts = Counter(block.rpartition(":")[0] for block in blocks)
    return Executors(count, slots // count, max(*hosts.values(), -(-count // len(hosts))))


def layout_of_state(state: TrainingState | None, possible: Sequence[WorkerLayout]) -> LayoutChoice | None:
    """What a run that goes on takes: the layout of its checkpoint, where the cluster is as large as it was then."""
    if state is None:
        return None
    before = WorkerLayout(state.info["plan"]["workers"], state.info["plan"]["cores_per_worker"])
    if before not in possible:
        return None
    return LayoutChoice(before, f"{_words(before)} are taken, as the checkpoint's run did.")


def known_layout(state: TrainingState | None, possible: Sequence[WorkerLayout], size: int) -> LayoutChoice | None:
    """The layout of a model that needs no timing: one that goes on from a checkpoint, or a small one."""
    if known := layout_of_state(state, possible):
        return known
    if size >= SMALL_MODEL:
        return None
    return LayoutChoice(possible[0], f"{_words(possible[0])} are taken: a small model is fastest so.")


def choose_layout(
    context: SparkContext, executors: Executors, trials: Mapping[WorkerLayout, LayoutTrial], size: int, key: Any
) -> LayoutChoice | None:
    """The layout for a model, timed on an executor.

    Args:
        executors: of at least two slots each.
        trials: a trial for each of their layouts, most workers first.
        size: trainable parameters.
        key: what the figures depend on, but for the cluster: they are taken once for all models that share it.

    Returns:
        None where nothing could be timed.
    """

    def timed_choice() -> LayoutChoice:
        possible = {
            layout: trial
            for layout, trial in trials.items()
            if worker_slots(context, executors.count * executors.slots, layout.cores) == layout.workers
        }
        task = functools.partial(_time_layouts, possible, size, executors.per_host)
        try:
            timed, failure = context.parallelize([0], 1).map(task).collect()[0]
        except Exception as error:  # noqa: BLE001 - whatever Spark says: the training can do without
            timed, failure = {}, str(error).splitlines()[0]
        if failure:
            logger.warning("layouts could not be timed: %s", failure)
        if not timed:
            raise _NothingTimedError
        return decide(list(trials), timed, failure)

    try:
        return _known.get((context.applicationId, executors, key), timed_choice)
    except _NothingTimedError:  # the next training tries again
        return None


class _NothingTimedError(Exception):
    """No layout could be timed."""


def decide(layouts: Sequence[WorkerLayout], timed: Mapping[WorkerLayout, Timed], failure: str = "") -> LayoutChoice:
    """Of the layouts that fit, the one of most workers that is at most the margin slower than the fastest; pure.

    Args:
        layouts: all, most workers first.
        timed: those that fit into memory.
        failure: why one could not be timed.

    Example:
        >>> two, one = WorkerLayout(2, 1), WorkerLayout(1, 2)
        >>> decide([two, one], {two: Timed(0.103, 1 << 30), one: Timed(0.1, 1 << 30)}).chosen
        WorkerLayout(workers=2, cores=1)
        >>> decide([two, one], {one: Timed(0.1, 1 << 30)}).reason
        '1 worker(s) of 2 thread(s) are taken: more workers would not fit into memory.'
    """
    best = min(timed.values(), key=lambda one: one.seconds).seconds
    chosen = next(layout for layout in layouts if layout in timed and timed[layout].seconds <= best * (1 + MARGIN))
    if len(timed) == 1 and len(layouts) > 1:
        why = "others could not be timed" if failure else "more workers would not fit into memory"
    else:
        why = "a step takes " + ", ".join(f"{1e3 * one.seconds:.3g} ms as {name}" for name, one in timed.items())
    return LayoutChoice(
        chosen,
        f"{_words(chosen)} are taken: {why}.",
        {str(layout): one.seconds for layout, one in timed.items()},
        {str(layout): one.memory for layout, one in timed.items()},
    )


def _time_layouts(
    trials: Mapping[WorkerLayout, LayoutTrial], size: int, per_host: int, _: int
) -> tuple[dict[WorkerLayout, Timed], str]:
    """On an executor: what each layout costs that fits into memory, and why others failed.

    The one of the fewest processes is tried whatever it needs.
    """
    limit = memory_limit() * (1 - STORE_SHARE) / per_host
    needed = TENSORFLOW_BYTES + WHOLE_COPIES * BYTES * size
    found: dict[WorkerLayout, Timed] = {}
    for layout, trial in reversed(list(trials.items())):  # fewest processes first: the next need no more memory each
        if found and trial.processes * needed > limit:
            break
        try:
            speed = time_layout(trial)
        except ModelError as error:
            return found, str(error)
        needed = speed.memory + int(BYTES * size * (WHOLE_COPIES - 2 + SLICED_COPIES / trial.workers))
        if found and trial.processes * needed > limit:
            break
        cluster = Cluster(trial.workers // trial.processes, trial.processes)
        seconds = speed.compute + speed.update + exchange_seconds(size, cluster, MEASURED)
        found[layout] = Timed(seconds, needed)
    return found, ""


def _words(layout: WorkerLayout) -> str:
    return f"{layout.workers} worker(s) of {layout.cores} thread(s)"


def possible_layouts(executors: Executors | None, per_task: int) -> list[WorkerLayout]:
    """Layouts to choose among, most workers first; none where there is nothing to choose."""
    if executors is None or executors.slots < 2:
        return []
    divided = {per_task * number for number in (*DIVISIONS, executors.slots)}
    return [layout for layout in executors.layouts(per_task) if layout.cores in divided]
