"""The telemetry job under spark-submit: data, training, scores on held-out devices."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.jobs.programs import run_here, run_job

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    folder = tmp_path_factory.mktemp("failure")
    made = run_here("train_failure_lstm.py", "--make-data", folder / "data", "--devices", 160, folder=folder)
    small = ("--epochs", 8, "--hidden", 16, "--batch-size", 32, "--learning-rate", 0.01, "--length", 24, "--workers", 2)
    conf = ("--data", folder / "data", "--output", folder / "out")
    return made, run_job("train_failure_lstm.py", *conf, *small, folder=folder, submit=True), folder


def test_makes_several_files_of_readings(finished: tuple[str, str, Path]) -> None:
    made, _, folder = finished
    rows = int(re.search(r"Wrote ([\d,]+) readings of 160 devices, 80 of which fail", made)[1].replace(",", ""))
    files = sorted((folder / "data" / "readings").glob("*.csv"))
    assert len(files) > 1
    assert sum(len(file.read_text().splitlines()) - 1 for file in files) == rows


def test_prints_accuracy_and_auroc_beside_the_best(finished: tuple[str, str, Path]) -> None:
    _, printed, folder = finished
    scores = json.loads((folder / "out" / "history.json").read_text())["scores"]
    said = re.search(r"Held-out devices: accuracy ([\d.]+), AUROC ([\d.]+)", printed)
    best = re.search(r"Best possible: +accuracy ([\d.]+), AUROC ([\d.]+)", printed)
    for match, names in ((said, ("accuracy", "auroc")), (best, ("best_accuracy", "best_auroc"))):
        for number, name in zip(match.groups(), names, strict=True):
            assert float(number) == pytest.approx(scores[name], abs=1e-4)
    assert 0.9 < scores["best_auroc"] <= 1
    assert 0.6 < scores["auroc"] < scores["best_auroc"]


def test_devices_are_split_and_balanced(finished: tuple[str, str, Path]) -> None:
    pattern = r"([\d,]+) sequences of ([\d,]+) devices to (train on|validate|test), ([\d,]+) of them"
    found = [(how, *(int(n.replace(",", "")) for n in numbers)) for *numbers, how in _reordered(pattern, finished[1])]
    assert [row[0] for row in found] == ["train on", "validate", "test"]
    assert sum(devices for _, _, devices, _ in found) <= 160
    for _, sequences, _, failing in found:
        assert failing / sequences == pytest.approx(0.5, abs=0.1)


def _reordered(pattern: str, text: str) -> list[tuple[str, str, str, str]]:
    return [(a, b, d, c) for a, b, c, d in re.findall(pattern, text)]


def test_writes_picture_and_model(finished: tuple[str, str, Path]) -> None:
    output = finished[2] / "out"
    assert (output / "report.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (output / "model.keras").stat().st_size > 5000


def test_help_names_every_option(tmp_path: Path) -> None:
    printed = run_here("train_failure_lstm.py", "--help", folder=tmp_path)
    for option in ("--data", "--make-data", "--devices", "--seed", "--epochs", "--output", "--workers", "--master"):
        assert option in printed
