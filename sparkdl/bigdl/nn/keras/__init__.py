"""BigDL 0.x's Keras-style API."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.names import attribute


def __getattr__(name: str) -> Any:
    return attribute(__name__, name)
