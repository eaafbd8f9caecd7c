"""What the driver makes of the messages of an attempt's workers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from sparkdl import errors
from sparkdl.collective.channel import Channel, Hub
from sparkdl.errors import CollectiveError
from sparkdl.history import History
from sparkdl.spark.attempt import Failure, Monitor, Outlets
from sparkdl.spark.worker import describe_failure, gather_at_driver
from sparkdl.types import TrainingState


@pytest.fixture
def written() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def monitor(written: list[tuple[str, bytes]]) -> Monitor:
    files = SimpleNamespace(submit=lambda path, content: written.append((path, content)))
    outlets = Outlets(SimpleNamespace(), History(), files, {1: "hdfs://name/runs"})  # type: ignore[arg-type]
    return Monitor(TrainingState({}, {}), outlets, workers=3)


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


SECRET = b"a secret of tests that is long"


def test_workers_meet_at_the_driver_in_the_order_of_their_ranks(monitor: Monitor) -> None:
    with Hub("127.0.0.1", SECRET, "run-1", monitor.receive, monitor.disconnected, 3) as hub:
        monitor.hub = hub
        address = (hub.host, hub.port)
        channels = [Channel.connect(address, SECRET, "run-1", rank, 10.0) for rank in range(3)]
        with ThreadPoolExecutor(3) as pool:
            late_first = [pool.submit(gather_at_driver, channels[rank], 10.0, f"text {rank}") for rank in (2, 0, 1)]
            assert [future.result(10) for future in late_first] == [["text 0", "text 1", "text 2"]] * 3
        for channel in channels:
            channel.close()


def test_errors_of_others_with_names_like_ours_keep_their_traceback() -> None:
    class DataError(Exception):
        """As pandas has one."""

    theirs, ours = (describe_failure(kind("no numbers"), "in epoch 1") for kind in (DataError, errors.DataError))
    assert type(Failure(0, **ours).exception()) is errors.DataError
    raised = Failure(0, **theirs).exception()
    assert type(raised) is errors.WorkerError and "failed in epoch 1: DataError: no numbers" in str(raised)


def test_a_worker_that_does_not_come_is_not_waited_for_without_end(monitor: Monitor) -> None:
    with Hub("127.0.0.1", SECRET, "run-1", monitor.receive, monitor.disconnected, 3) as hub:
        monitor.hub = hub
        with Channel.connect((hub.host, hub.port), SECRET, "run-1", 0, 10.0) as first:
            Channel.connect((hub.host, hub.port), SECRET, "run-1", 1, 10.0).close()  # comes, and dies
            with pytest.raises(CollectiveError, match="sent nothing for 0.5 s"):
                gather_at_driver(first, 0.5, "text 0")
            assert monitor.failed.wait(10)  # whereupon the driver ends the stage
