"""BigDL's names and signatures, on this package's engine: what its scripts import, they find here."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.names import attribute


def __getattr__(name: str) -> Any:
    return attribute(__name__, name)
