from __future__ import annotations

import subprocess

from tests.servers.preloaded import preloaded_python

PROGRAM = """
from sparkdl.engine.threads import configure_threads
first = configure_threads(2)
import tensorflow as tf
tf.constant(1.0) + 1.0
again = configure_threads(1)
print(first.intra_op, first.inter_op, again.intra_op, again.inter_op)
"""


def test_the_first_layout_of_a_process_stays():
    result = subprocess.run([preloaded_python(), "-c", PROGRAM], capture_output=True, text=True, check=True)  # noqa: S603
    assert result.stdout.split() == ["2", "1", "2", "1"]
