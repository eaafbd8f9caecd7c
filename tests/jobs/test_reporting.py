"""Tables and JSON that the jobs write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import reporting
from sklearn.metrics import confusion_matrix, recall_score

from sparkdl.history import History


def test_confusion_matrix_and_recalls_equal_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    matrix = reporting.confusion_matrix(((t, p, 1) for t, p in zip(true, predicted, strict=True)), 4)
    np.testing.assert_array_equal(matrix, confusion_matrix(true, predicted))
    np.testing.assert_allclose(reporting.recalls(matrix), recall_score(true, predicted, average=None))
    assert reporting.accuracy(matrix) == np.mean(true == predicted)


def test_table_is_aligned_and_shows_zeros_as_dots() -> None:
    table = reporting.confusion_table(np.array([[9, 1, 0], [0, 120, 0], [0, 0, 0]]), ["a", "b", "c"])
    lines = table.splitlines()
    assert len({len(line) for line in lines[1:-1]}) == 1
    assert lines[3].split() == ["a", "│", "9", "1", "·", "│", "90.0%"]
    assert lines[5].split() == ["c", "│", "·", "·", "·", "│", "–"]
    assert lines[-1] == "129 of 130 right: accuracy 0.9923"


def history() -> History:
    timing = {"compute": 2.0, "exchange": 1.0, "training": 4.0, "steps": 10, "rows": 100}
    return History({"loss": [np.float32(0.5)]}, [0], timings=[timing, {**timing, "rows": 60}], seconds=6.0)


def test_timings_say_rate_and_phases() -> None:
    first, second = reporting.timing_lines(history())
    assert first == "40 rows/s in training steps (10 steps in 4.0 s, 2 workers)"
    assert second == "6.0 s for the whole fit; seconds per worker by phase: compute 2.0 · exchange 1.0"


def test_history_is_written_as_json(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    reporting.write_history(path, history(), {"accuracy": np.float64(0.5)})
    record = json.loads(path.read_text())
    assert record["history"] == {"loss": [0.5]}
    assert record["scores"] == {"accuracy": 0.5}
    assert record["rows_per_second"] == 40
    assert len(record["timings"]) == 2
