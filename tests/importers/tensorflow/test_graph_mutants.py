"""Altered graphs are loaded as models or refused: TensorFlow must not be brought down by them.

SPARKDL_MUTANTS says how many of each subject (CI: 2,500); quickly it is 40.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.importers.tensorflow.places import ROOT
from tests.servers.preloaded import preloaded_python

COUNT = int(os.environ.get("SPARKDL_MUTANTS", "40"))
SUBJECTS = ("network", "old loop", "old branches", "functions", "arrays")


@pytest.mark.timeout(300 + 2 * COUNT)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_altered_graphs_are_loaded_or_refused(subject: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [preloaded_python(), "-m", "tests.importers.tensorflow.graph_mutants", subject, str(COUNT), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=280 + 2 * COUNT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["refused"] > COUNT / 5
    assert found["slowest"] < 10
    assert found["grown"] < 2**28
