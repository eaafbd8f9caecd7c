"""How much memory a Python worker may use: the container's real limit, not the JVM's heap."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from sparkdl.errors import ClusterError

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
STORE_SHARE = 0.4
TENSORFLOW_BYTES = 600 << 20  # resident after import, measured with TensorFlow 2.21


def memory_limit() -> int:
    """Bytes: the smallest of physical memory, the container's limit and the process's own limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in map(Path, CGROUP_LIMITS):
        if path.exists() and path.read_text().strip().isdigit():
            limits.append(int(path.read_text()))
    address_space = resource.getrlimit(resource.RLIMIT_AS)[0]
    if address_space > 0:
        limits.append(address_space)
    return min(limits)


def store_limit(workers_on_host: int) -> int:
    """Bytes that the rows of one worker may take in memory before they are spilled to files."""
    return int(memory_limit() * STORE_SHARE / max(1, workers_on_host))


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
    needed, share = sum(parts.values()), memory_limit() // max(1, workers_on_host)
    if needed <= share:
        return
    listed = ", ".join(f"{name} {size >> 20} MB" for name, size in parts.items())
    raise ClusterError(
        f"a worker needs at least {needed >> 20} MB ({listed}), but the host or container gives each of its "
        f"{workers_on_host} workers {share >> 20} MB: raise spark.executor.memoryOverhead (Python lives outside the "
        f"JVM's heap), use fewer workers per host, or set memory_limit= so that rows spill to disk."
    )
