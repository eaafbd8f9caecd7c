"""BigDL 0.x: Keras models converted to BigDL. BigDL 2.x: its own layers in the manner of Keras."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.names import attribute


def __getattr__(name: str) -> Any:
    return attribute(__name__, name)
