"""Every notebook runs from top to bottom, shows what it promises, and is committed without outputs."""

from __future__ import annotations

import os
import re
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


def run(name: str) -> Any:
    """A notebook with its outputs."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    client = NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    client.execute(env={**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"})
    return notebook


def shown_by(notebook: Any, words: str) -> str:
    """What the cell with these words has put out."""
    return next(texts(cell) for cell in notebook.cells if words in cell.source)


def pictures(notebook: Any) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.fixture(scope="module")
def quickstart() -> Any:
    return run("quickstart")


@pytest.mark.spark
def test_quickstart_learns_the_digits(quickstart: Any) -> None:
    scores = shown_by(quickstart, "scores = sdl.evaluate")
    assert float(scores.split("'accuracy': ")[1].split("}")[0].split(",")[0]) > 0.9


@pytest.mark.spark
def test_quickstart_draws_the_curves(quickstart: Any) -> None:
    assert pictures(quickstart) == 1


@pytest.mark.spark
def test_quickstart_shows_a_helpful_error(quickstart: Any) -> None:
    shown = shown_by(quickstart, "except DataError")
    assert shown.startswith("DataError: ")
    assert "'pixel'" in shown
    assert "did you mean 'pixels'" in shown


@pytest.mark.spark
def test_a_model_of_others_is_looked_into_tuned_and_kept() -> None:
    notebook = run("bring_your_own_model")
    assert "sdl.load_tensorflow(" in shown_by(notebook, "sdl.inspect(path)")
    assert "the 6 frozen weights are unchanged: True" in shown_by(notebook, "sdl.freeze(body)")
    as_it_came = float(shown_by(notebook, "as_it_came = "))
    tuned = float(shown_by(notebook, "sdl.freeze(body)").split("accuracy ")[1].split(";")[0])
    assert tuned > as_it_came + 0.1
    assert pictures(notebook) == 1
    assert "|digit|" in shown_by(notebook, "sdl.predict(again")


@pytest.mark.spark
def test_a_lake_is_searched_saved_and_scored_in_sql_and_in_a_stream() -> None:
    notebook = run("data_lake_pipeline")
    assert "best: {'units'" in shown_by(notebook, "search.fit(")
    assert "DLClassifier_" in shown_by(notebook, "whole.write().overwrite()")
    area = shown_by(notebook, "RocCurveDisplay.from_predictions").split("area under the ROC curve ")[1]
    assert float(area.split(",")[0]) > 0.97
    assert "chance of malignant" in shown_by(notebook, "sdl.register_udf(")
    counted = re.search(r"(\d+) batches, (\d+) answers, (\d+) of them as", shown_by(notebook, "readStream"))
    batches, answers, same = map(int, counted.groups())
    assert batches == 3 and answers == same > 100
    assert pictures(notebook) == 2
