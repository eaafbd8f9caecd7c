"""`python -m sparkdl doctor`: what the driver and every executor have, what is wrong, and what to change."""

from __future__ import annotations

import secrets
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

import pyspark.cloudpickle
from py4j.protocol import Py4JError
from pyspark import BarrierTaskContext, SparkContext
from pyspark.errors import PySparkException

from sparkdl.collective.certificate import Identity
from sparkdl.errors import ClusterError, CollectiveError, MissingExtraError
from sparkdl.spark import inspection, memory
from sparkdl.spark.cluster import check_dynamic_allocation, driver_address, wait_for_slots
from sparkdl.spark.encryption import identity_of_run
from sparkdl.spark.inspection import FOREIGN, MISSING, PACKAGES, inspect_process, shadowed

Report = dict[str, str]
GIGABYTE = 2**30
# TensorFlow alone takes 0.6 GB in each worker; below this a model and its data hardly fit.
WORKER_BYTES = 1.2 * GIGABYTE
SECONDS = 30.0
# The rest may differ in the last digits, these decide what a model computes and how it is shipped.
SAME_EVERYWHERE = ("sparkdl", "tensorflow", "keras")
SHIP = "give all nodes the driver's environment (spark-submit --archives environment.tar.gz#environment with "


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and what to change."""

    level: Literal["error", "warning"]
    text: str


@dataclass(slots=True)
class Examination:
    """What was found: a report of the driver, one of every task slot, and what is wrong."""

    master: str
    driver: Report
    slots: int = 0
    workers: list[Report] = field(default_factory=list)
    sockets: str = "not tried"
    findings: list[Finding] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether nothing stands in the way of a training."""
        return all(finding.level != "error" for finding in self.findings)


def examine(context: SparkContext) -> Examination:
    """Looks at the driver and at all executors at once; runs two Spark jobs.

    Args:
        context: the Spark to look at.
    """
    result = Examination(context.master, inspect_process())
    try:
        check_dynamic_allocation(context)
        barrier = True
    except ClusterError as error:
        result.findings.append(Finding("error", str(error)))
        barrier = False
    result.slots = wait_for_slots(context, None)
    if result.slots:
        _ask_workers(context, result, barrier)
    for check in CHECKS:
        result.findings.extend(check(result))
    if barrier and result.workers and _same_package(result):
        _try_sockets(context, result)
    return result


def _ask_workers(context: SparkContext, result: Examination, barrier: bool) -> None:
    slots = context.parallelize(range(result.slots), result.slots)
    with _by_value(inspection, memory):
        # In a barrier stage every slot runs one task, so that no executor is left out.
        tasks = slots.barrier().mapPartitions(_report) if barrier else slots.mapPartitions(_report)
        try:
            result.workers = tasks.collect()
        except (Py4JError, PySparkException) as error:
            result.findings.append(Finding("error", f"no Python task ran on the executors: {_reason(error)}"))


def _report(items: Iterable[int]) -> Iterator[Report]:
    yield inspect_process(items)


@contextmanager
def _by_value(*modules: ModuleType) -> Iterator[None]:
    """Ships the code of modules with the task: executors may lack sparkdl, which is one of the things to find out."""
    shipped = (*modules, sys.modules[__name__])
    for module in shipped:
        pyspark.cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in shipped:
            pyspark.cloudpickle.unregister_pickle_by_value(module)


def _reason(error: Exception) -> str:
    """The one line of a Java or Python traceback that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "Exception" in line]
    python = [line for line in telling if not line.startswith(("at ", "org.", "py4j.", "java.", "Caused by"))]
    return (python or telling or lines or ["unknown"])[-1][:500]


def _same_package(result: Examination) -> bool:
    return all(worker["sparkdl digest"] == result.driver["sparkdl digest"] for worker in result.workers)


def _try_sockets(context: SparkContext, result: Examination) -> None:
    from sparkdl.collective.channel import Hub

    host, bind = driver_address(context)
    secret, generation = secrets.token_bytes(32), secrets.token_hex(8)
    problems: list[str] = []
    try:
        identity = identity_of_run(context, None)
    except MissingExtraError as error:
        result.findings.append(Finding("error", str(error)))
        return
    with Hub(bind, secret, generation, lambda *_: None, workers=result.slots, identity=identity) as hub:
        call = _SocketTest((host, hub.port), secret, generation, result.slots, identity)
        tasks = context.parallelize(range(result.slots), result.slots).barrier().mapPartitions(call)
        try:
            problems = sorted({problem for problem in tasks.collect() if problem})
        except (Py4JError, PySparkException) as error:
            problems = [_reason(error)]
    reached = f"each worker reaches the driver and every other worker{', with TLS' if identity else ''}"
    result.sockets = "; ".join(problems) or reached
    for problem in problems:
        advice = "open the ports between the nodes, and set spark.driver.host to a name of the driver that they resolve"
        result.findings.append(Finding("error", f"{problem} ({advice})"))


@dataclass(frozen=True, slots=True)
class _SocketTest:
    """A barrier task that connects to the driver and to all other tasks."""

    address: tuple[str, int]
    secret: bytes = field(repr=False)
    generation: str
    size: int
    identity: Identity | None

    def __call__(self, _: Iterable[int]) -> Iterator[str]:
        from sparkdl.collective.channel import Channel

        context = BarrierTaskContext.get()
        rank, here = context.partitionId(), inspect_process()["host"]
        try:
            Channel.connect(self.address, self.secret, self.generation, rank, SECONDS, self.identity).close()
        except CollectiveError as error:
            yield f"worker {rank} on {here} does not reach the driver: {error}"
        try:
            self._meet(context)
        except CollectiveError as error:
            yield f"worker {rank} on {here} does not reach the other workers: {error}"

    def _meet(self, context: BarrierTaskContext) -> None:
        import numpy as np

        from sparkdl.collective.rendezvous import connect

        rank = context.partitionId()
        host = context.getTaskInfos()[rank].address.rsplit(":", 1)[0]
        known = (self.secret, self.generation, SECONDS, host, self.identity)
        peers = connect(rank, self.size, context.allGather, *known)
        try:
            total = peers.all_sum(np.array([rank]))[0]
            if total != sum(range(self.size)):
                raise CollectiveError(f"the ranks of {self.size} workers add up to {total}.")
        finally:
            peers.close()


def _check_package(result: Examination) -> Iterator[Finding]:
    places = shadowed(sys.path)
    if result.driver["sparkdl"] == FOREIGN:
        yield Finding("error", f"on the driver `import sparkdl` finds a foreign package in {places[0]}: uninstall it.")
    elif len(places) > 1:
        yield Finding("warning", f"on the driver several packages are named sparkdl: {places[0]} hides {places[1:]}.")
    for place in sorted({worker["sparkdl from"] for worker in result.workers if worker["sparkdl"] == FOREIGN}):
        yield Finding(
            "error",
            f"on executors a foreign package named sparkdl is in the way, in {place}: uninstall it there, or put ours "
            "before it with --py-files sparkdl.zip.",
        )


def _check_versions(result: Examination) -> Iterator[Finding]:
    driver_minor = result.driver["Python"].rsplit(".", 1)[0]
    for name in ("Python", "sparkdl", *PACKAGES):
        wanted = result.driver[name]
        other = Counter(worker[name] for worker in result.workers if worker[name] not in (wanted, FOREIGN))
        for version, count in sorted(other.items()):
            who = f"{count} of {len(result.workers)} workers"
            if name == "Python" and version.rsplit(".", 1)[0] == driver_minor:
                continue
            if version == MISSING:
                text = (
                    f"{who} have no {name}: {SHIP}spark.pyspark.python=./environment/bin/python), or install it there."
                )
                yield Finding("error", text)
            else:
                level: Literal["error", "warning"] = "error" if name in ("Python", *SAME_EVERYWHERE) else "warning"
                yield Finding(level, f"{who} have {name} {version}, the driver has {wanted}: install the same version.")
    for name in PACKAGES:
        if result.driver[name] == MISSING:
            yield Finding("error", f"the driver has no {name}: pip install sparkdl brings it.")
    if (
        result.workers
        and not _same_package(result)
        and all(w["sparkdl"] == result.driver["sparkdl"] for w in result.workers)
    ):
        yield Finding(
            "error", "executors have the same version of sparkdl with other code: ship the driver's one anew."
        )


def _check_slots(result: Examination) -> Iterator[Finding]:
    if result.slots == 0:
        yield Finding(
            "error",
            f"Spark at {result.master!r} has no free task slot: are executors running, and do other applications hold "
            "their cores (spark.cores.max, spark.executor.cores, spark.task.cpus)?",
        )
    elif result.slots == 1:
        yield Finding("warning", "there is one task slot, so fit runs one worker: more executors or cores give more.")


def _check_processors(result: Examination) -> Iterator[Finding]:
    reports = [result.driver, *result.workers]
    slow = sorted({report["host"] for report in reports if "x86_64" in report["CPU"] and "avx2" not in report["CPU"]})
    if slow:
        yield Finding("warning", f"no AVX2 on {', '.join(slow)}: TensorFlow computes several times slower there.")
    if len({worker["CPU"] for worker in result.workers}) > 1:
        text = "processors differ between workers: every step takes as long as the slowest, and the last bits differ."
        yield Finding("warning", text)


def _check_memory(result: Examination) -> Iterator[Finding]:
    per_host = Counter(worker["host"] for worker in result.workers)
    for report in {worker["host"]: worker for worker in result.workers}.values():
        name, host, process = report["host"], int(report["memory"]), int(report["memory of a process"])
        count = per_host[name]
        each = memory.worker_share(host, process, count)
        if each >= WORKER_BYTES:
            continue
        # Where TensorFlow alone has no room `fit` refuses, by the same share.
        level: Literal["error", "warning"] = "error" if each < memory.TENSORFLOW_BYTES else "warning"
        if each < host // count:
            yield Finding(level, f"on {name} a worker has no room: {memory.raise_limit(process, int(WORKER_BYTES))}.")
        else:
            yield Finding(
                level,
                f"{name} has {_size(each)} for each of its {count} workers, and TensorFlow takes 0.6 GB: give "
                "containers more memory (spark.executor.memoryOverhead) or take fewer workers.",
            )


CHECKS: tuple[Callable[[Examination], Iterator[Finding]], ...] = (
    _check_package,
    _check_versions,
    _check_slots,
    _check_processors,
    _check_memory,
)


def render(result: Examination) -> str:
    """The report as text: a table with a column for the driver and one for each kind of worker, then the findings."""
    kinds = _kinds(result.workers)
    columns = [("", ["driver", *kinds])]
    for name in result.driver:
        if name not in ("sparkdl digest",):
            columns.append(
                (name, [_shown(name, result.driver[name]), *(_shown(name, kind[name]) for kind in kinds.values())])
            )
    widths = [max(len(values[index]) for _, values in columns) for index in range(len(kinds) + 1)]
    first = max(len(name) for name, _ in columns)
    lines = [
        "  ".join([name.ljust(first), *(v.ljust(w) for v, w in zip(values, widths, strict=True))]).rstrip()
        for name, values in columns
    ]
    lines += ["", f"Spark at {result.master}: {result.slots} task slot(s)", f"sockets: {result.sockets}", ""]
    lines += [f"{finding.level}: {finding.text}" for finding in result.findings]
    lines.append("Nothing stands in the way." if result.healthy else "fit will not run before the errors are mended.")
    return "\n".join(lines) + "\n"


def _kinds(workers: list[Report]) -> dict[str, Report]:
    """Workers that differ in nothing but their host are one column."""
    groups: dict[tuple[Any, ...], list[Report]] = {}
    for worker in workers:
        groups.setdefault(tuple((k, v) for k, v in worker.items() if k != "host"), []).append(worker)
    kinds: dict[str, Report] = {}
    for group in groups.values():
        hosts = sorted({worker["host"] for worker in group})
        shown = ", ".join(hosts[:3]) + (f" and {len(hosts) - 3} more" if len(hosts) > 3 else "")
        title = f"{len(group)} worker(s)"
        kinds[title if title not in kinds else f"{title} #{len(kinds) + 1}"] = {**group[0], "host": shown}
    return kinds


def _shown(name: str, value: str) -> str:
    if name == "memory of a process" and value == "0":
        return "not limited"
    return _size(int(value)) if name.startswith("memory") else value


def _size(count: float) -> str:
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE / 10 else f"{count / 2**20:.0f} MB"
