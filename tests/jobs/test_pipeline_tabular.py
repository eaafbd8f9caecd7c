"""The comparison on tumours as a program: its table, and the pipeline that it saves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.jobs.programs import run_here


def test_the_network_stands_beside_spark_ml(spark_local: Any, tmp_path: Path) -> None:
    options = ("--epochs", 25, "--master", "local[2]", "--output", tmp_path / "pipeline")
    printed = run_here("pipeline_tabular.py", *options, folder=tmp_path)
    rows = dict(re.findall(r"^(\w+) +(0\.\d+ +0\.\d+ +0\.\d+) +[\d.]+ +[\d.]+$", printed, re.MULTILINE))
    found = {name: [float(number) for number in numbers.split()] for name, numbers in rows.items()}
    assert list(found) == ["DLClassifier", "LogisticRegression", "GBTClassifier"]
    auc, accuracy, log_loss = found["DLClassifier"]
    assert auc > 0.97 and accuracy > 0.93 and log_loss < 0.25
    assert auc > found["LogisticRegression"][0] - 0.02
    training, testing = map(int, re.search(r"(\d+) tumours to train on, (\d+) to test", printed).groups())
    assert training + testing == 569
    assert any((tmp_path / "pipeline" / "stages").glob("2_DLClassifier_*/model.keras"))
