"""The telemetry job in BigDL's way, with its code of 2018: it trains and evaluates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.jobs.programs import run_here


def test_old_code_trains_a_model_that_foresees_failures(spark_local: Any, tmp_path: Path) -> None:
    small = ("--devices", 400, "--length", 24, "--hidden", 16, "--epochs", 8, "--batch-size", 40, "--logs", tmp_path)
    printed = run_here("bigdl_failure_lstm.py", *small, folder=tmp_path)
    told = re.search(r"Loss from ([\d.]+) to ([\d.]+) in (\d+) iterations; best validation ([\d.]+)", printed)
    assert float(told[2]) < float(told[1])
    assert int(told[3]) == 8 * 7  # 280 rows in minibatches of 40
    found = re.search(r"Evaluated result: ([\d.]+), total_num: 60, method: Top1Accuracy", printed)
    assert float(found[1]) > 0.6
    assert list((tmp_path / "failure-lstm" / "train").iterdir())
