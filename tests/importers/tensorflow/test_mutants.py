"""Altered files of every kind are read or refused: never a crash, a hang, or memory that they do not bring.

SPARKDL_MUTANTS says how many of each kind; by default few, as all are read in one process that must not end.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.importers.tensorflow.mutants import KINDS
from tests.importers.tensorflow.places import ROOT
from tests.servers.preloaded import preloaded_python

COUNT = int(os.environ.get("SPARKDL_MUTANTS", "200"))


@pytest.mark.timeout(60 + COUNT)
def test_altered_files_are_read_or_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [preloaded_python(), "-m", "tests.importers.tensorflow.mutants", str(COUNT), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    found = {line["kind"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert tuple(found) == KINDS
    for kind, line in found.items():
        assert line["refused"] > COUNT / 5, kind
        assert line["slowest"] < 5, kind
        assert line["grown"] < 2**28, kind
