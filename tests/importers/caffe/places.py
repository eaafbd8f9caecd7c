"""Where answers recorded from Caffe lie."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("SPARKDL_SHARED", ROOT.parent / "shared"))
COPIES = ROOT / "tests" / "golden" / "caffe"


def recorded(shared: str, copied: str, pattern: str) -> list[Path]:
    """Files with answers: those beside the repository where they are, and the copies in it."""
    found = {path.name: path for path in sorted((COPIES / copied).glob(pattern))}
    found.update({path.name: path for path in sorted((SHARED / "golden" / shared).glob(pattern))})
    return list(found.values())
