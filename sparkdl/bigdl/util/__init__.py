"""BigDL's `util` (2.x: `utils`): samples, tensors, the Spark context, and what its Java bridge was."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.names import attribute


def __getattr__(name: str) -> Any:
    return attribute(__name__, name)
