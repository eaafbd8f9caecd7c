from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdl.collective import segment
from sparkdl.collective.segment import SLOTS, Layout, attach, create

ROOT = Path(__file__).parents[2]


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


@pytest.fixture
def made():
    """A segment for two workers; its descriptor is closed after the test."""
    one = create(2)
    yield one
    try:
        one.close_descriptor()
    except OSError:
        pass  # the test did


def run(program, *arguments):
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)


def test_two_maps_see_the_same_bytes(made):
    other = attach(made.place, made.layout)
    made.memory[100] = 7
    assert other[100] == 7
    assert os.fstat(made.descriptor).st_blocks * 512 >= made.layout.size, "the memory must be there before it is used"


ATTACHES = """
import sys
from sparkdl.collective.segment import Layout, attach
memory = attach(sys.argv[1], Layout(2, int(sys.argv[2])))
memory[200] = memory[100] + 1
"""


def test_another_process_sees_it_too(made):
    made.memory[100] = 7
    with run(ATTACHES, made.place, str(made.layout.slot_bytes)) as process:
        assert process.wait(30) == 0
    assert made.memory[200] == 8


def test_nobody_attaches_after_the_descriptor_was_closed_and_the_memory_stays(made):
    other = attach(made.place, made.layout)
    made.close_descriptor()
    assert attach(made.place, made.layout) is None
    made.memory[5] = 9
    assert other[5] == 9


CREATES = """
import sys
from sparkdl.collective.segment import create
made = create(2)
print(made.place, flush=True)
sys.stdin.read()
"""


def test_nothing_is_left_of_a_process_that_is_killed_before_others_have_attached(tmp_path):
    def names():
        return {path for folder in ("/dev/shm", "/tmp") for path in Path(folder).glob("sparkdl-*")}

    before = names()
    with run(CREATES) as process:
        place = process.stdout.readline().strip()
        memory = attach(place, Layout(2, segment.SLOT_BYTES))
        assert memory is not None and names() == before
        process.kill()
        process.wait()
    assert attach(place, Layout(2, segment.SLOT_BYTES)) is None and names() == before


def test_another_size_is_refused(made):
    assert attach(made.place, Layout(3, segment.SLOT_BYTES)) is None


def test_what_is_no_segment_is_not_opened(made, tmp_path, monkeypatch):
    """The place comes from another worker, and may be any file of anybody where processes are numbered differently."""
    file = tmp_path / "file"
    file.write_bytes(bytes(made.layout.size))
    reading, writing = os.pipe()
    other = os.open(file, os.O_RDWR)
    foreign = os.memfd_create("another program's")
    os.truncate(foreign, made.layout.size)
    own = f"/proc/{os.getpid()}/fd"
    opened = []
    monkeypatch.setattr(segment.os, "open", lambda *arguments: opened.append(arguments))
    descriptors = (reading, writing, other, foreign)
    for place in (
        str(file),
        f"{own}/../exe",
        f"{made.place}/",
        f"{made.place}\n",
        "",
        *(f"{own}/{d}" for d in descriptors),
    ):
        assert attach(place, made.layout) is None
    assert opened == []
    for descriptor in descriptors:
        os.close(descriptor)


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("call", ["posix_fallocate", "memfd_create"])
def test_without_room_there_is_no_segment_and_nothing_stays_open(monkeypatch, call):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = open_descriptors()
    monkeypatch.setattr(segment.os, call, full)
    assert create(2) is None
    assert open_descriptors() == before


@pytest.mark.parametrize("change", [("bell.available", lambda: False), ("boot_id", lambda: "")])
def test_without_a_bell_or_a_boot_id_there_is_no_segment(monkeypatch, change):
    monkeypatch.setattr(f"sparkdl.collective.segment.{change[0]}", change[1])
    assert create(2) is None
