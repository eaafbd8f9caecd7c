"""Temporary folders: gone when they are closed, and when their process is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparkdl.storage import temporary
from sparkdl.storage.temporary import TemporaryFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(temporary.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def janitors():
    """The processes that this one has started and that run, or were not waited for."""
    tasks = Path("/proc/self/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]


def test_closing_leaves_neither_folder_nor_process_nor_descriptor(place):
    descriptors, processes = len(os.listdir("/proc/self/fd")), janitors()
    folder = TemporaryFolder("sparkdl-a b'-")
    assert os.stat(folder.name).st_mode & 0o777 == 0o700 and folder.name.startswith(f"{place}/sparkdl-a b'-")
    Path(folder.name, "file").write_text("text")
    folder.close()
    folder.close()
    assert list(place.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == descriptors and janitors() == processes


def test_a_forked_process_that_holds_the_pipe_holds_up_nobody(place, monkeypatch):
    monkeypatch.setattr(temporary, "JANITOR_SECONDS", 0.2)
    folder = TemporaryFolder("sparkdl-")
    held = os.dup(folder._janitor.stdin.fileno())  # as a child that was forked without exec has it
    processes = len(janitors())
    folder.close()
    assert list(place.iterdir()) == [] and len(janitors()) == processes - 1
    os.close(held)


def test_what_was_removed_or_replaced_by_the_user_is_no_error():
    folder = TemporaryFolder("sparkdl-")
    os.rmdir(folder.name)
    folder.close()


def test_a_folder_that_cannot_be_made_leaves_no_process(place, monkeypatch):
    monkeypatch.setattr(temporary.tempfile, "tempdir", str(place / "absent"))
    processes = janitors()
    with pytest.raises(FileNotFoundError):
        TemporaryFolder("sparkdl-")
    assert janitors() == processes


PROGRAM = """
import pathlib, sys
from sparkdl.storage.temporary import TemporaryFolder
folder = TemporaryFolder("sparkdl-")
inner = pathlib.Path(folder.name, "inner")
inner.mkdir()
(inner / "file").write_text("text")
print(folder.name, folder._janitor.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["kill", "terminate", "exit"])
def test_however_the_process_ends_nothing_is_left(place, end):
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(place)}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as process:
        name, janitor = process.stdout.readline().split()
        assert Path(name, "inner", "file").exists()
        process.stdin.close() if end == "exit" else getattr(process, end)()
        process.wait(10)
        deadline = time.monotonic() + 10
        while (list(place.iterdir()) or Path(f"/proc/{janitor}/exe").exists()) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert list(place.iterdir()) == []
    assert not Path(f"/proc/{janitor}/exe").exists()
