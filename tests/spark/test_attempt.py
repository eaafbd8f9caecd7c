"""What the driver makes of the messages of an attempt's workers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sparkdl.history import History
from sparkdl.spark.attempt import Monitor, Outlets
from sparkdl.types import TrainingState


@pytest.fixture
def written() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def monitor(written: list[tuple[str, bytes]]) -> Monitor:
    files = SimpleNamespace(submit=lambda path, content: written.append((path, content)))
    outlets = Outlets(SimpleNamespace(), History(), files, {1: "hdfs://name/runs"})  # type: ignore[arg-type]
    return Monitor(TrainingState({}, {}), outlets)


def test_files_of_callbacks_go_into_their_folders(monitor: Monitor, written: list[tuple[str, bytes]]) -> None:
    monitor.receive(0, "file", {"callback": 1, "path": "3/m.keras"}, b"content")
    assert written == [("hdfs://name/runs/3/m.keras", b"content")]


@pytest.mark.parametrize("path", ["../m.keras", "/etc/cron.d/job", "a/../../b", "", "a//b", "..\\b", "."])
def test_and_nowhere_else(monitor: Monitor, written: list[tuple[str, bytes]], path: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a file below 'hdfs://name/runs'"):
        monitor.receive(0, "file", {"callback": 1, "path": path}, b"content")
    with pytest.raises(KeyError):
        monitor.receive(0, "file", {"callback": 0, "path": "m.keras"}, b"content")
    assert written == []
