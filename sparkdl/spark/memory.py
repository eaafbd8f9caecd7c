"""How much memory a Python worker may use: the container's real limit, not the JVM's heap."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from sparkdl.errors import ClusterError

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
STORE_SHARE = 0.4
TENSORFLOW_BYTES = 600 << 20  # resident after import, measured with TensorFlow 2.21
# What a worker maps beside what is resident (libraries, stacks, arenas), measured with TensorFlow 2.21: with 3072 MB of
# address space it ended in its first step, with 3500 MB it trained.
MAPPED_BYTES = 2800 << 20


def memory_limit() -> int:
    """Bytes that all workers of this host share: the smaller of physical memory and the container's limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in map(Path, CGROUP_LIMITS):
        if path.exists() and path.read_text().strip().isdigit():
            limits.append(int(path.read_text()))
    return min(limits)


def process_limit() -> int:
    """Bytes of address space that this process alone may map; 0 where nothing limits it.

    Spark limits each Python process so to `spark.executor.pyspark.memory` divided by `spark.executor.cores` (by one
    where that is not set); whoever shares the host has a limit of its own.
    """
    address_space = resource.getrlimit(resource.RLIMIT_AS)[0]
    return max(0, address_space)


def worker_share(host: int, process: int, workers_on_host: int) -> int:
    """Bytes that one worker may have resident.

    Args:
        host: `memory_limit` there.
        process: `process_limit` there.
        workers_on_host: number of workers that share the host's memory.

    Example:
        >>> worker_share(8 << 30, 0, 2) >> 20, worker_share(8 << 30, 4 << 30, 2) >> 20
        (4096, 1296)
    """
    share = host // max(1, workers_on_host)
    return min(share, max(0, process - MAPPED_BYTES)) if process else share


def raise_limit(process: int, needed: int) -> str:
    """What to change where it is the limit of the process that is too low."""
    return (
        f"its process may map {process >> 20} MB, of which TensorFlow's libraries and threads take "
        f"{MAPPED_BYTES >> 20} MB beside: leave spark.executor.pyspark.memory (which Spark divides by "
        f"spark.executor.cores) and ulimit -v unset, or raise them to "
        f"{needed + MAPPED_BYTES >> 20} MB for each worker or more"
    )


def store_limit(workers_on_host: int) -> int:
    """Bytes that the rows of one worker may take in memory before they are spilled to files."""
    return int(worker_share(memory_limit(), process_limit(), workers_on_host) * STORE_SHARE)


def check_memory(rows: int, weights: int, workers: int, workers_on_host: int) -> None:
    """What a worker is sure to need fits into its share of the host's memory.

    Args:
        rows: bytes of rows that are held in memory.
        weights: bytes of all trainable weights.
        workers: number of workers (each holds two optimizer slots for its share of the weights).
        workers_on_host: number of workers that share this host's memory.

    Raises:
        ClusterError: with the sum, and what to change.
    """
    parts = {
        "TensorFlow": TENSORFLOW_BYTES,
        "rows": rows,
        "weights and gradients": 3 * weights,
        "optimizer": 2 * weights // workers,
    }
    host, process = memory_limit(), process_limit()
    needed, share = sum(parts.values()), worker_share(host, process, workers_on_host)
    if needed <= share:
        return
    listed = ", ".join(f"{name} {size >> 20} MB" for name, size in parts.items())
    if share < host // max(1, workers_on_host):
        spill = ", or set memory_limit= so that rows spill to disk" if rows else ""
        raise ClusterError(
            f"a worker needs at least {needed >> 20} MB ({listed}), but {raise_limit(process, needed)}{spill}."
        )
    raise ClusterError(
        f"a worker needs at least {needed >> 20} MB ({listed}), but the host or container gives each of its "
        f"{workers_on_host} workers {share >> 20} MB: raise spark.executor.memoryOverhead (Python lives outside the "
        f"JVM's heap), use fewer workers per host, or set memory_limit= so that rows spill to disk."
    )
