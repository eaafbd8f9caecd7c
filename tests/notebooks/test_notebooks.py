"""Every notebook runs from top to bottom, shows what it promises, and is committed without outputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def texts(cell: Any) -> str:
    """All text that a cell has put out."""
    parts = []
    for output in cell.get("outputs", ()):
        parts.append(output.get("text", ""))
        parts.append(output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


@pytest.fixture(scope="module")
def quickstart() -> Any:
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    client = NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    client.execute(env={**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"})
    return notebook


@pytest.mark.spark
def test_quickstart_learns_the_digits(quickstart: Any) -> None:
    scores = next(texts(cell) for cell in quickstart.cells if cell.source.startswith("scores = sdl.evaluate"))
    assert float(scores.split("'accuracy': ")[1].split("}")[0].split(",")[0]) > 0.9


@pytest.mark.spark
def test_quickstart_draws_the_curves(quickstart: Any) -> None:
    images = [
        output
        for cell in quickstart.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert len(images) == 1


@pytest.mark.spark
def test_quickstart_shows_a_helpful_error(quickstart: Any) -> None:
    shown = next(texts(cell) for cell in quickstart.cells if "except DataError" in cell.source)
    assert shown.startswith("DataError: ")
    assert "'pixel'" in shown
    assert "did you mean 'pixels'" in shown
