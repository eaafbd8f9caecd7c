"""The scripts in BigDL's way under the alias: they train, and say how good they have become."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sparkdl.bigdl.install import install
from tests.jobs.programs import JOBS, run_here

FOLDER = JOBS / "bigdl"
# Epochs, and what the result says at least (the loss of the autoencoder: at most).
SCRIPTS = {
    "logistic_regression": (7, 0.8),
    "mlp": (5, 0.85),
    "cnn": (4, 0.85),
    "rnn": (6, 0.7),
    "lstm": (6, 0.7),
    "bidirectional": (4, 0.8),
    "autoencoder": (6, 0.2),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_learn_digits(name: str, spark_local: Any, tmp_path: Path) -> None:
    install()
    epochs, wanted = SCRIPTS[name]
    printed = run_here(f"bigdl/{name}.py", "--epochs", epochs, "--logs", tmp_path, folder=tmp_path)
    result = re.search(r"Evaluated result: ([\d.]+), total_num: (\d+), method: (\w+)", printed)
    assert result is not None, printed
    found = float(result[1])
    assert found <= wanted if name == "autoencoder" else found >= wanted
    assert int(result[2]) >= 360 or result[3] == "Loss"
    assert any((tmp_path / name / "train").iterdir()) and any((tmp_path / name / "validation").iterdir())


def test_every_script_is_tried() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} - {"kit"} == set(SCRIPTS)
