from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdl.collective import segment
from sparkdl.collective.segment import SLOTS, SMALLEST_SLOT, Layout, attach, create


@given(st.integers(2, 40), st.integers(1, 20).map(lambda pages: 4096 * pages))
def test_nothing_overlaps(workers, slot_bytes):
    layout = Layout(workers, slot_bytes)
    ranges = [(0, 32), (layout.bell, layout.bell + 4)]
    for rank in range(workers):
        ranges += [(layout.posted(rank), layout.posted(rank) + 8), (layout.taken(rank), layout.taken(rank) + 8)]
        ranges += [(layout.bed(rank), layout.bed(rank) + 4)]
        ranges += [(layout.answer(rank), layout.answer(rank) + 32)]
        ranges += [(layout.slot(rank, slot), layout.slot(rank, slot) + slot_bytes) for slot in range(SLOTS)]
    ranges.sort()
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(ranges))
    assert ranges[-1][1] == layout.size
    assert all(layout.slot(rank, 0) % 4096 == 0 for rank in range(workers))


def test_two_maps_see_the_same_bytes(tmp_path):
    path, layout, memory = create(str(tmp_path), 2)
    other = attach(path, layout)
    memory[100] = 7
    assert other[100] == 7 and path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_blocks * 512 >= layout.size, "the memory must be there before anybody writes"
    path.unlink()
    assert attach(path, layout) is None


def test_another_size_is_refused(tmp_path):
    path, _, _ = create(str(tmp_path), 2)
    assert attach(path, Layout(3, SMALLEST_SLOT)) is None


def fake_room(monkeypatch, free):
    class Room:
        f_bavail, f_frsize = free // 4096, 4096

    monkeypatch.setattr(segment.os, "statvfs", lambda directory: Room)


def test_slots_shrink_to_the_room_there_is(tmp_path, monkeypatch):
    fake_room(monkeypatch, 64 << 20)
    _, layout, memory = create(str(tmp_path), 8)
    assert len(memory) == layout.size <= 16 << 20
    assert layout.slot_bytes == 1 << 18
    fake_room(monkeypatch, 1 << 20)
    assert create(str(tmp_path), 8) is None


def test_a_full_file_system_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(descriptor, offset, length):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(segment.os, "posix_fallocate", full)
    assert create(str(tmp_path), 2) is None
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("change", [("bell.available", lambda: False), ("boot_id", lambda: "")])
def test_without_a_bell_or_a_boot_id_there_is_no_segment(tmp_path, monkeypatch, change):
    monkeypatch.setattr(f"sparkdl.collective.segment.{change[0]}", change[1])
    assert create(str(tmp_path), 2) is None
    assert create("/nowhere", 2) is None
