"""Keras knows our layers once sparkdl is imported; the other order of imports is tested where models are read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_keras_knows_the_layers_if_it_is_imported_later() -> None:
    name = "sparkdl>LocalResponseNormalization"
    code = f"import sparkdl; from keras import saving; print(saving.get_registered_object({name!r}) is not None)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "True", run.stderr[-2000:]
