"""Where models lie that other versions of Keras saved, with what they answered."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("SPARKDL_SHARED", ROOT.parent / "shared")) / "golden" / "keras"
COPIES = ROOT / "tests" / "golden" / "keras"
OPTIMIZERS = tuple(sorted(path.stem for path in COPIES.glob("*.npz") if "after0" in np.load(path)))
MODELS = tuple(sorted(path.stem for path in COPIES.glob("*.npz") if path.stem not in OPTIMIZERS))


def unpacked(name: str, folder: Path) -> Path:
    """A model of `COPIES`, as the file that Keras saved."""
    if name.endswith(".keras"):
        return COPIES / name
    file = folder / name
    file.write_bytes(gzip.decompress((COPIES / f"{name}.gz").read_bytes()))
    return file


def arrays(path: Path, start: str) -> list[np.ndarray]:
    """The arrays of a file whose names begin so."""
    with np.load(path) as file:
        return [file[name] for name in file.files if name.startswith(start)]


def apart(model: Any, inputs: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """The largest difference of what a model answers, over the largest value expected."""
    found = model(inputs if len(inputs) > 1 else inputs[0])
    found = found if isinstance(found, (list, tuple)) else [found]
    return max(
        float(np.max(np.abs(np.asarray(one) - other)) / np.max(np.abs(other)))
        for one, other in zip(found, expected, strict=True)
    )
