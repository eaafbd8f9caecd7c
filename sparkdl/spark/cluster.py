"""What the cluster offers, and whether it can run a barrier stage of so many workers: checked before a start."""

from __future__ import annotations

import re
import time
from typing import Any, TypeAlias

from py4j.protocol import Py4JNetworkError
from pyspark import RDD, SparkContext
from pyspark.sql import SparkSession

from sparkdl.errors import ClusterError
from sparkdl.spark.arguments import no_data
from sparkdl.spark.connect import ConnectContext, is_connect

Context: TypeAlias = SparkContext | ConnectContext

# How long executors that are still starting are waited for: the first one, and then the others.
FIRST_EXECUTOR_SECONDS, REGISTRATION_SECONDS = 60.0, 10.0
# How long a run that was lost waits for the executors it had: a cluster manager needs that long to start new ones, and
# a run with fewer workers stays smaller to its end.
RETURN_SECONDS = 30.0


def task_slots(context: SparkContext, profile: Any = None) -> int:
    """Tasks that can run at the same time now (of a `resource_profile`; the default one where None)."""
    scala = context._jsc.sc()
    manager = scala.resourceProfileManager()
    java_profile = manager.defaultResourceProfile() if profile is None else profile._java_resource_profile
    manager.addResourceProfile(java_profile)  # Spark counts for those it knows
    return int(scala.maxNumConcurrentTasks(java_profile))


def worker_slots(context: Context, slots: int, cores: int) -> int:
    """Workers of so many cores that can run at the same time in these task slots: one cannot span two executors."""
    profile = resource_profile(context, cores)
    if profile is None or isinstance(context, ConnectContext):
        return slots // -(-cores // cores_per_task(context))
    return task_slots(context, profile)


def context_of(data: Any) -> Context:
    """The Spark context behind a DataFrame or an RDD; what stands for it in Spark Connect.

    Raises:
        ArgumentError: for anything else.
    """
    if isinstance(data, RDD):
        return data.context
    session = getattr(data, "sparkSession", None)
    if is_connect(session):
        return ConnectContext(session)
    if not isinstance(session, SparkSession):
        raise no_data("data", data)
    return session.sparkContext


def is_stopped(context: Context) -> bool:
    """Whether the session has ended, or its JVM has, so that Spark can be asked for nothing more."""
    if isinstance(context, ConnectContext):
        return bool(context.session.is_stopped)
    try:
        return context._jsc is None or bool(context._jsc.sc().isStopped())
    except (Py4JNetworkError, ConnectionError):
        return True


def is_local(context: Context) -> bool:
    """Whether driver and executor are one JVM (`local[...]`, not `local-cluster`)."""
    return re.match(r"local(\[|$)", context.master) is not None


def cores_per_task(context: Context) -> int:
    """`spark.task.cpus`."""
    return int(context.getConf().get("spark.task.cpus", "1"))


def choose_workers(context: Context, workers: int | None, cores_per_worker: int | None) -> tuple[int, int]:
    """Number of workers and of cores (threads) for each.

    Args:
        workers: None for one per task slot.
        cores_per_worker: None for `spark.task.cpus`.

    Raises:
        ClusterError: where the cluster cannot run so many at once, with what to change.
    """
    check_dynamic_allocation(context)
    cores = cores_per_worker or cores_per_task(context)
    slots_needed = -(-cores // cores_per_task(context))
    slots = wait_for_slots(context, None if workers is None else workers * slots_needed)
    possible = worker_slots(context, slots, cores)
    if possible < 1 or (workers is not None and workers > possible):
        wanted = f"workers={workers} with {cores} core(s) each" if workers else f"one worker of {cores} core(s)"
        raise ClusterError(
            f"fit needs {wanted} at the same time, but Spark at {context.master!r} has {slots} task slot(s) of "
            f"{cores_per_task(context)} core(s): use workers={max(possible, 1)} or fewer, or give the session more "
            f"executors or cores (spark.executor.instances, spark.executor.cores, local[n])."
        )
    return workers or possible, cores


def available_workers(context: Context, wanted: int, cores_per_worker: int) -> int:
    """How many of the wanted workers can run, after executors that are coming back have had some seconds.

    Raises:
        ClusterError: where none can.
    """
    slots_needed = -(-cores_per_worker // cores_per_task(context))
    slots = wait_for_slots(context, wanted * slots_needed, RETURN_SECONDS)
    possible = worker_slots(context, slots, cores_per_worker)
    if possible < 1:
        raise ClusterError(
            f"the training was lost, and Spark at {context.master!r} has {slots} task slot(s) left: at least "
            f"{slots_needed} of one executor are needed to go on."
        )
    return min(wanted, possible)


def check_dynamic_allocation(context: Context) -> None:
    """Barrier stages do not run with dynamic allocation.

    Raises:
        ClusterError: where it is on.
    """
    on = context.getConf().get("spark.dynamicAllocation.enabled", "false").lower() == "true"
    if on and not is_local(context):
        raise ClusterError(
            "spark.dynamicAllocation.enabled is true, and Spark runs no barrier stage (all workers at once) with it: "
            "start the session with spark.dynamicAllocation.enabled=false and a fixed spark.executor.instances."
        )


def wait_for_slots(context: Context, wanted: int | None, patience: float = REGISTRATION_SECONDS) -> int:
    """Task slots, after executors that are still starting have had some seconds to register.

    Args:
        wanted: slots to wait for; None for as many as the configuration promises.
        patience: seconds from one executor to the next.

    Raises:
        ClusterError: nobody tells: neither Spark (a client of Spark Connect cannot ask) nor the configuration.
    """
    if isinstance(context, ConnectContext):
        return slots_unseen(context, wanted)
    slots = task_slots(context)
    if is_local(context):
        return slots
    expected = wanted or expected_slots(context) or 1
    first = time.monotonic() + FIRST_EXECUTOR_SECONDS
    rest = time.monotonic() + patience
    while slots < expected and time.monotonic() < (rest if slots else first):
        time.sleep(0.1)
        before, slots = slots, task_slots(context)
        if slots > before:
            rest = time.monotonic() + patience
    return slots


def slots_unseen(context: ConnectContext, wanted: int | None) -> int:
    """Task slots over Spark Connect: what the configuration promises, else what is wanted."""
    slots = expected_slots(context) or wanted
    if slots is None:
        raise ClusterError(
            f"a client of Spark Connect cannot see how many task slots Spark at {context.master!r} has, and neither "
            "spark.executor.instances nor spark.cores.max says it: give workers=, for example workers=4."
        )
    return slots


def expected_slots(context: Context) -> int | None:
    """What the configuration promises; None where it does not say."""
    conf, per_task = context.getConf(), cores_per_task(context)
    local = re.match(r"local\[(\d+)", context.master)
    if local:
        return int(local[1]) // per_task
    local_cluster = re.match(r"local-cluster\[\s*(\d+)\s*,\s*(\d+)\s*,", context.master)
    if local_cluster:
        return int(local_cluster[1]) * (int(local_cluster[2]) // per_task)
    if conf.get("spark.cores.max"):
        return int(conf.get("spark.cores.max")) // per_task
    if conf.get("spark.executor.instances"):
        return int(conf.get("spark.executor.instances")) * (int(conf.get("spark.executor.cores", "1")) // per_task)
    return None


def driver_address(context: Context) -> tuple[str, str]:
    """The host name that executors use to reach the driver, and the address to listen on."""
    if isinstance(context, ConnectContext):
        return context.address, context.address
    conf = context.getConf()
    host = conf.get("spark.driver.host", "127.0.0.1")
    return host, conf.get("spark.driver.bindAddress", host)


def resource_profile(context: Context, cores: int) -> Any:
    """A profile with so many cores per task, or None where the default one will do.

    It asks nothing of executors, so Spark runs it on those that are there, on standalone clusters, YARN and Kubernetes.
    Local mode has no stage-level scheduling; there the number of workers alone decides.
    """
    if is_local(context) or cores == cores_per_task(context):
        return None
    from pyspark.resource import ResourceProfile, ResourceProfileBuilder, TaskResourceRequests

    profile = ResourceProfileBuilder().require(TaskResourceRequests().cpus(cores)).build
    if isinstance(context, ConnectContext):
        return profile
    known = context._jsc.sc().resourceProfileManager().getEquivalentProfile(profile._java_resource_profile)
    return ResourceProfile(_java_resource_profile=known.get()) if known.isDefined() else profile
