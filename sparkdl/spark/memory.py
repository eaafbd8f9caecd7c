"""How much memory a Python worker may use: the container's real limit, not the JVM's heap."""

from __future__ import annotations

import os
import resource
from pathlib import Path

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
STORE_SHARE = 0.4


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
