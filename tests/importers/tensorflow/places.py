"""Where answers recorded from TensorFlow 1.15 and BigDL lie."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("SPARKDL_SHARED", ROOT.parent / "shared"))
RECORDED = SHARED / "golden" / "tf"
COPIES = ROOT / "tests" / "golden" / "tensorflow"
