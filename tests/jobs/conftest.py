"""The jobs import each other as spark-submit lets them: their folder is on the path."""

from __future__ import annotations

import sys
from pathlib import Path

JOBS = Path(__file__).parents[2] / "jobs"
if str(JOBS) not in sys.path:
    sys.path.insert(0, str(JOBS))
