"""BigDL 2.x's `feature`: from raw rows, images and texts to samples."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.names import attribute


def __getattr__(name: str) -> Any:
    return attribute(__name__, name)
