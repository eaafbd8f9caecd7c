"""What OpenCV, which reads Caffe's files by itself, answers for nets of detectors and others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sparkdl as sdl
from tests.importers.caffe.goldens import apart, read_case
from tests.importers.caffe.places import COPIES


@pytest.mark.parametrize("path", sorted((COPIES / "opencv").glob("*.npz")), ids=lambda path: path.stem)
def test_answers_are_those_of_opencv(path: Path, tmp_path: Path) -> None:
    case = read_case(path)
    (tmp_path / "net").write_text(case.text)
    (tmp_path / "w").write_bytes(case.arrays["caffemodel"].tobytes())
    expected, given = case.part("out"), list(case.part("in").values())
    model = sdl.load_caffe(tmp_path / "net", tmp_path / "w" if len(case.arrays["caffemodel"]) else None)
    answers = model(given if len(given) > 1 else given[0])
    found = dict(zip(model.output_names, answers if isinstance(answers, list) else [answers], strict=True))
    assert set(found) == set(expected)
    for name, answer in found.items():
        value, answer = expected[name], np.asarray(answer)
        if path.stem == "ssd":
            value, answer = _objects(value), _objects(answer)
        assert apart(answer, value) < 1e-5, name


def _objects(rows: np.ndarray) -> np.ndarray:
    """The rows that are objects, by label and score: OpenCV orders them by score alone, and fills up with zeros."""
    rows = rows[0, 0][rows[0, 0, :, 1] > 0]
    return rows[np.lexsort((-rows[:, 2], rows[:, 1]))]
