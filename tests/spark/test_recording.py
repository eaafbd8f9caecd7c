from __future__ import annotations

from pathlib import Path

import pytest

from sparkdl.errors import ArgumentError
from sparkdl.spark.file_writer import FileWriter
from sparkdl.spark.recording import Recording, check_log_dir
from sparkdl.summary import read_scalars


def no_files(path: str, content: bytes) -> None:
    raise AssertionError(path)


def test_a_directory_that_cannot_be_made_is_refused_before_anything_starts() -> None:
    with pytest.raises(ArgumentError, match=r"log_dir '/dev/null/logs' cannot be written to \(Not a directory\)"):
        check_log_dir("/dev/null/logs")


@pytest.mark.parametrize("form", ["file://{}", "{}", Path])
def test_local_curves_are_written_where_they_belong(tmp_path: Path, form: str | type[Path]) -> None:
    directory = form.format(tmp_path / "logs") if isinstance(form, str) else form(tmp_path / "logs")
    recording = Recording(directory, FileWriter(no_files))
    recording.epoch(0, {"loss": 2.0, "val_loss": 3.0}, 0.1)
    recording.close()
    assert read_scalars(tmp_path / "logs" / "train", "epoch_loss") == [(0, 2.0)]
    assert read_scalars(tmp_path / "logs" / "validation", "epoch_loss") == [(0, 3.0)]


@pytest.mark.spark
def test_remote_curves_grow_with_every_epoch(spark_local: object, tmp_path: Path) -> None:
    sizes: dict[str, list[int]] = {}
    with FileWriter(lambda path, content: sizes.setdefault(path, []).append(len(content))) as files:
        recording = Recording("memory://logs", files)
        for epoch in range(3):
            recording.epoch(epoch, {"loss": 2.0}, 0.1)
        recording.close()
        recording.close()
    training, validation = sorted(sizes)
    assert training.startswith("memory://logs/train/events.out.tfevents.") and "/validation/" in validation
    assert len(sizes[training]) == 4 and sizes[training] == sorted(set(sizes[training][:3])) + sizes[training][-1:]
