from __future__ import annotations

import subprocess
import sys

import numpy as np

from sparkdl.engine.peak_memory import peak_memory


def test_it_is_that_of_the_program_and_not_of_the_one_that_started_it() -> None:
    before = peak_memory()
    held = np.ones(300 << 17)  # 300 MiB of float64
    assert peak_memory() >= max(before, held.nbytes)
    code = "from sparkdl.engine.peak_memory import peak_memory; print(peak_memory())"
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    assert 5 << 20 < int(said) < held.nbytes
