"""Options of the JVMs that tests start."""

from __future__ import annotations

import sys
from pathlib import Path

# No JVM of the tests lives long enough to earn back what the optimising compiler costs: half of their time.
OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# Made by class_archive.py. Where it is another Java's or of other jars, the JVM does without, and would say so on its
# standard output, which programs read.
ARCHIVE = Path(sys.prefix, "spark-classes.jsa")
USING = f"-XX:SharedArchiveFile={ARCHIVE} -Xshare:auto -Xlog:disable"


def java_options() -> str:
    """What JAVA_TOOL_OPTIONS should be."""
    return f"{OPTIONS} {USING}" if ARCHIVE.exists() else OPTIONS
