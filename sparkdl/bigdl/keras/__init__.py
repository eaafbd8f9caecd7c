"""BigDL 0.x: Keras models converted to BigDL. BigDL 2.x: its own layers in the manner of Keras."""

from __future__ import annotations

import importlib
from typing import Any

from sparkdl.bigdl.names import attribute

_MODELS = ("Model", "Sequential")  # BigDL has them here, too


def __getattr__(name: str) -> Any:
    if name in _MODELS:
        return getattr(importlib.import_module("sparkdl.bigdl.keras.models"), name)
    return attribute(__name__, name)
