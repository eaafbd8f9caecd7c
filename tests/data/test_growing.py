"""Arrays that grow: in memory, without mremap, on disk, on a full disk."""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdl.data import growing
from sparkdl.data.growing import GrowingArray
from sparkdl.errors import DataError

PARTS = [np.arange(count * 3, dtype="int64").reshape(count, 3) for count in (1, 0, 70_000, 5, 90_000)]


class WithoutMremap(mmap.mmap):
    """Anonymous memory as it is on platforms that cannot resize it."""

    def resize(self, newsize: int) -> None:
        raise SystemError("mmap: resizing not available--no mremap()")


@pytest.mark.parametrize("mremap", [True, False])
def test_rows_survive_growing(monkeypatch: pytest.MonkeyPatch, mremap: bool) -> None:
    if not mremap:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        monkeypatch.setattr(growing, "_anonymous", lambda size: WithoutMremap(-1, size, flags=flags))
    rows = GrowingArray((3,), "int64")
    for part in PARTS:
        rows.append(part)
    rows.trim()
    np.testing.assert_array_equal(rows.array(), np.concatenate(PARTS))
    assert rows.nbytes == 160_006 * 24 and not rows.on_disk


@given(spill_after=st.integers(0, 5))
def test_rows_survive_the_move_to_disk_at_any_time(spill_after: int) -> None:
    rows = GrowingArray((3,), "float32")
    for index, part in enumerate(PARTS):
        if index == spill_after:
            rows.spill(None)
        rows.append(part[:200])
    if spill_after == len(PARTS):
        rows.spill(None)
    rows.spill(None)
    rows.trim()
    np.testing.assert_array_equal(rows.array(), np.concatenate([part[:200] for part in PARTS]))
    assert rows.on_disk
    rows.close()


def test_views_outlive_the_array(tmp_path: Path) -> None:
    rows = GrowingArray((), "int16")
    rows.append(np.arange(10))
    rows.spill(str(tmp_path))
    view = rows.array()
    rows.close()
    assert view.tolist() == list(range(10)) and rows.rows == 0


def test_rows_without_elements() -> None:
    rows = GrowingArray((0,), "float32")
    rows.append(np.empty((4, 0), "float32"))
    assert rows.array().shape == (4, 0)


def test_a_full_disk_is_told_before_anything_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    rows = GrowingArray((), "int64")
    rows.append(np.arange(10))
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=f"cannot be spilled to '{tmp_path}' .No space left.*spill_directory"):
        rows.spill(str(tmp_path))
