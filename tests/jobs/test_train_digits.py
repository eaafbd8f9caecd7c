"""The demo as a program: what it prints and writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.programs import run_here, run_job

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("digits")
    options = ("--epochs", 5, "--batch-size", 64, "--workers", 2, "--master", "local[2]", "--output", folder / "out")
    return run_job("train_digits.py", *options, folder=folder), folder / "out"


def test_prints_the_confusion_matrix_and_scores(finished: tuple[str, Path]) -> None:
    printed, output = finished
    right, total, share = re.search(r"(\d+) of (\d+) right: accuracy ([\d.]+)", printed).groups()
    record = json.loads((output / "history.json").read_text())
    assert float(share) == pytest.approx(int(right) / int(total), abs=1e-4)
    assert record["scores"]["accuracy"] == pytest.approx(int(right) / int(total), abs=1e-6)
    assert float(share) > 0.9
    rows = re.findall(r"^ +\d │(.+)│ +([\d.]+)%$", printed, re.MULTILINE)
    assert len(rows) == 10
    counts = [[0 if cell == "·" else int(cell) for cell in row.split()] for row, _ in rows]
    assert sum(map(sum, counts)) == int(total)
    assert sum(counts[digit][digit] for digit in range(10)) == int(right)
    assert "rows/s in training steps" in printed


def test_writes_history_with_validation(finished: tuple[str, Path]) -> None:
    record = json.loads((finished[1] / "history.json").read_text())
    assert {name: len(values) for name, values in record["history"].items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy"), 5
    )
    assert record["history"]["val_loss"][-1] < record["history"]["val_loss"][0]
    assert len(record["timings"]) == 2


def test_writes_a_picture_and_the_trained_model(finished: tuple[str, Path]) -> None:
    from matplotlib import image

    picture: Any = image.imread(finished[1] / "report.png")
    assert picture.shape[0] > 700 and picture.shape[1] > 1000
    assert picture[..., :3].std() > 0.05

    import keras
    from digits import read_scikit_digits

    model = keras.models.load_model(finished[1] / "model.keras")
    digits = read_scikit_digits()
    predicted = model.predict(digits.images[..., None], verbose=0).argmax(1)
    assert (predicted == digits.labels).mean() > 0.9


def test_help_names_every_option(tmp_path: Path) -> None:
    printed = run_here("train_digits.py", "--help", folder=tmp_path)
    for option in ("--mnist", "--epochs", "--batch-size", "--workers", "--output", "--master", "--seed"):
        assert option in printed
