"""What a job tells at its end: tables of text, and the history as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

PHASES = ("reading", "waiting", "compute", "exchange", "update", "validation", "callbacks", "checkpoint")


def confusion_matrix(pairs: Iterable[tuple[int, int, int]], classes: int) -> np.ndarray:
    """Counts (classes, classes), row = true class, from (true, predicted, count) triples."""
    matrix = np.zeros((classes, classes), np.int64)
    for true, predicted, count in pairs:
        matrix[true, predicted] += count
    return matrix


def recalls(matrix: np.ndarray) -> list[float | None]:
    """Share of each true class that was predicted right; None for a class without rows."""
    return [int(matrix[i, i]) / total if total else None for i, total in enumerate(matrix.sum(1).tolist())]


def accuracy(matrix: np.ndarray) -> float:
    """Share of all rows that were predicted right."""
    return float(np.trace(matrix)) / max(int(matrix.sum()), 1)


def confusion_table(matrix: np.ndarray, names: Sequence[str]) -> str:
    """The confusion matrix as a text table, with the recall of each class; zeros are shown as dots."""
    width = max(4, *(len(name) for name in names), len(str(int(matrix.max(initial=0))))) + 1
    label = max(len("true"), *(len(name) for name in names))
    shares = recalls(matrix)
    head = f"{'true':>{label}} │" + "".join(f"{name:>{width}}" for name in names) + " │  recall"
    rule = "─" * (label + 1) + "┼" + "─" * (width * len(names) + 1) + "┼" + "─" * 8
    rows = [
        f"{name:>{label}} │"
        + "".join(f"{int(count) or '·':>{width}}" for count in matrix[i])
        + f" │ {'–' if (share := shares[i]) is None else f'{share:.1%}':>7}"
        for i, name in enumerate(names)
    ]
    total = int(matrix.sum())
    last = f"{int(np.trace(matrix)):,} of {total:,} right: accuracy {accuracy(matrix):.4f}"
    return "\n".join([f"{'':>{label}} │ {'predicted':^{width * len(names) - 1}} │", head, rule, *rows, rule, last])


def timing_lines(history: Any) -> list[str]:
    """What the run's time was spent on, from a `sparkdl.History`."""
    workers = len(history.timings)
    steps = max((timing.get("steps", 0) for timing in history.timings), default=0)
    training = max((timing.get("training", 0.0) for timing in history.timings), default=0.0)
    phases = [(name, history.phases.get(name, 0.0)) for name in PHASES]
    shown = " · ".join(f"{name} {seconds:.1f}" for name, seconds in phases if seconds >= 0.05)
    return [
        f"{history.rows_per_second:,.0f} rows/s in training steps ({int(steps):,} steps in {training:.1f} s, "
        f"{workers} worker{'s' * (workers != 1)})",
        f"{history.seconds:.1f} s for the whole fit; seconds per worker by phase: {shown or 'under 0.05 each'}",
    ]


def write_history(path: Path, history: Any, scores: dict[str, float]) -> None:
    """Writes curves, scores and timings as JSON."""
    record = {
        "history": {name: [float(value) for value in values] for name, values in history.history.items()},
        "scores": {name: float(value) for name, value in scores.items()},
        "timings": [{name: float(value) for name, value in timing.items()} for timing in history.timings],
        "rows_per_second": history.rows_per_second,
        "seconds": history.seconds,
    }
    path.write_text(json.dumps(record, indent=2) + "\n")
