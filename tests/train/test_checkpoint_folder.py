from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from sparkdl.errors import ArgumentError, DataError, StorageError
from sparkdl.storage.local import LocalStorage
from sparkdl.train.checkpoint import encode_state, seal, unseal
from sparkdl.train.checkpoint_folder import Checkpoint, CheckpointFolder
from sparkdl.types import TrainingState

STATE = TrainingState({"weights": np.arange(5, dtype=np.float32), "rate": np.array(0.5)}, {"epoch": 2, "step": 0})
SEALED = b"".join(seal(encode_state(STATE), history={"loss": [0.5]}))


def filled(path: Path, count: int, keep: int | None = None) -> CheckpointFolder:
    folder = CheckpointFolder(LocalStorage(path), keep)
    for epoch in range(count):
        folder.write(encode_state(TrainingState(STATE.arrays, {"epoch": epoch})), generation="abc")
    return folder


def test_a_sealed_state_holds_all_and_opens_as_safetensors(tmp_path: Path) -> None:
    state = unseal(SEALED)
    assert state.info == {"epoch": 2, "step": 0, "history": {"loss": [0.5]}}
    assert state.arrays["rate"].shape == ()
    (tmp_path / "file").write_bytes(SEALED)
    np.testing.assert_array_equal(load_file(tmp_path / "file")["weights"], STATE.arrays["weights"])


@settings(max_examples=300)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_every_changed_byte_is_noticed(position: int, change: int) -> None:
    altered = bytearray(SEALED)
    altered[position] ^= change
    with pytest.raises(DataError):
        unseal(bytes(altered))


@settings(max_examples=100)
@given(st.integers(0, len(SEALED) - 1))
def test_every_truncation_is_noticed(length: int) -> None:
    with pytest.raises(DataError):
        unseal(SEALED[:length])


def test_what_was_not_sealed_is_no_checkpoint() -> None:
    with pytest.raises(DataError, match="checksum"):
        unseal(encode_state(STATE))


def test_the_newest_are_kept(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("the user's")
    folder = filled(tmp_path, 5, keep=2)
    assert [unseal((tmp_path / name).read_bytes()).info["epoch"] for name in folder.names()] == [4, 3]
    again = filled(tmp_path, 1, keep=2)  # another run in the same directory: its first one is the newest
    name, state = again.newest()
    assert (name, state.info["epoch"]) == ("checkpoint-000006-abc.safetensors", 0)
    assert (tmp_path / "notes.txt").exists()


def test_an_old_one_that_cannot_be_removed_is_warned_of_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = filled(tmp_path, 2, keep=2)

    def refuse(name: str) -> None:
        raise StorageError("no permission to delete")

    monkeypatch.setattr(folder._storage, "delete", refuse)
    payload = encode_state(TrainingState({"weights": np.ones(2)}, {"epoch": 9}))
    assert folder.write(payload, generation="abc") == "checkpoint-000003-abc.safetensors"
    assert "old checkpoints in" in caplog.text and "no permission to delete" in caplog.text


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = filled(tmp_path, 3)
    newest, second = (tmp_path / name for name in folder.names()[:2])
    newest.write_bytes(newest.read_bytes()[:-7])
    with caplog.at_level(logging.WARNING, "sparkdl"):
        name, state = folder.newest()
    assert (tmp_path / name, state.info["epoch"]) == (second, 1)
    assert newest.name in caplog.text and "truncated or altered" in caplog.text


def test_an_empty_folder_has_none_and_one_of_damaged_files_is_an_error(tmp_path: Path) -> None:
    assert CheckpointFolder(LocalStorage(tmp_path / "missing")).newest() is None
    folder = filled(tmp_path, 1)
    (tmp_path / folder.names()[0]).write_bytes(b"")
    with pytest.raises(DataError, match="none of the 1 checkpoints"):
        folder.newest()


@pytest.mark.parametrize("arguments", [{"every": 0}, {"every": "step"}, {"every": True}, {"keep": 0}, {"every": 1.5}])
def test_senseless_arguments_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match=next(iter(arguments))):
        Checkpoint("runs", **arguments)


@pytest.mark.parametrize("path", ["", None, 5])
def test_a_checkpoint_needs_a_path(path: object) -> None:
    with pytest.raises(ArgumentError, match=r"Checkpoint\(path=\) must be a path or a URL"):
        Checkpoint(path)  # type: ignore[arg-type]


def test_a_path_may_be_one_of_pathlib() -> None:
    assert Checkpoint(Path("runs/a")) == Checkpoint("runs/a")
