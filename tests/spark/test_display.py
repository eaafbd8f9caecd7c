"""What only shows a run may fail without ending it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sparkdl.spark.progress import Progress
from sparkdl.spark.recording import Recording


class Pipe:
    """Standard output that nobody reads any more."""

    def __init__(self) -> None:
        self.tries = 0

    def write(self, text: str) -> int:
        self.tries += 1
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("verbose", [1, 2])
def test_progress_that_nobody_reads_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, verbose: int
) -> None:
    pipe = Pipe()
    monkeypatch.setattr(sys, "stdout", pipe)
    progress = Progress(3, verbose)  # type: ignore[arg-type]
    for epoch in range(3):
        progress.step(epoch, 1, 1, 10, 5.0, 0.5)
        progress.epoch(epoch, {"loss": 0.5}, 1.0)
    progress.close()
    assert pipe.tries == 1
    assert caplog.text.count("the progress cannot be shown any more (BrokenPipeError") == 1


def test_event_files_that_cannot_be_written_are_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recording = Recording(tmp_path, SimpleNamespace())  # type: ignore[arg-type]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    recording._training.scalar = full  # type: ignore[method-assign]
    for epoch in range(2):
        recording.epoch(epoch, {"loss": 0.5, "note": "no number"}, 0.1)  # type: ignore[dict-item]
    recording.close()
    assert caplog.text.count("No space left on device") == 1
    assert "the training goes on without it" in caplog.text
