from __future__ import annotations

import pytest

from sparkdl.errors import ArgumentError
from sparkdl.spark.recording import Recording


def test_a_directory_that_cannot_be_made_is_refused_before_anything_starts() -> None:
    with pytest.raises(ArgumentError, match="log_dir '/dev/null/logs' cannot be made"):
        Recording("/dev/null/logs")
