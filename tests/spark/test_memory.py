from __future__ import annotations

import pytest

from sparkdl.errors import ClusterError
from sparkdl.spark import memory


def test_a_sum_that_does_not_fit_names_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_limit", lambda: 4 << 30)
    monkeypatch.setattr(memory, "process_limit", lambda: 0)
    memory.check_memory(rows=1 << 30, weights=100 << 20, workers=2, workers_on_host=2)
    with pytest.raises(ClusterError, match=r"rows 1024 MB.*memoryOverhead"):
        memory.check_memory(rows=1 << 30, weights=100 << 20, workers=2, workers_on_host=4)


def test_the_limit_of_a_process_is_not_shared_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_limit", lambda: 64 << 30)
    monkeypatch.setattr(memory, "process_limit", lambda: 4 << 30)
    memory.check_memory(rows=100 << 20, weights=100 << 20, workers=4, workers_on_host=4)
    with pytest.raises(ClusterError, match=r"may map 4096 MB.*spark\.executor\.pyspark\.memory .*memory_limit="):
        memory.check_memory(rows=1 << 30, weights=100 << 20, workers=4, workers_on_host=4)
    assert memory.store_limit(4) < (4 << 30) - memory.MAPPED_BYTES


def test_the_limit_is_a_real_one() -> None:
    assert 100 << 20 < memory.store_limit(2) < memory.memory_limit() < 1 << 50
